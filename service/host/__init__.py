"""Processes: how they start, are watched and end. Knows nothing of requests or rows.

Only this room and worker, which it has LitServe host, know LitServe. May import whatever it starts.
"""
