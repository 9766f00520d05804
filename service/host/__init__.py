"""Processes: how they start, are watched and end. Knows nothing of HTTP or of models.

The only room that knows LitServe, but for the `LitAPI` of worker. May import whatever it starts.
"""
