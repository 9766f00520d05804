"""The worker's process: the model and its loop. The only room that knows torch; knows nothing of HTTP.

May import wire.
"""
