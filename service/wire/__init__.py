"""The format between an HTTP process and a worker. Knows nothing of either.

May import no other room.
"""
