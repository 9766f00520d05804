"""The worker's process: the model and its loop. Knows nothing of HTTP.

The only room that knows torch; LitServe knows it as a `LitAPI` and its `LitLoop`. May import wire.
"""
