"""How rows that come differ from those of training: counted by workers, read by HTTP processes.

Knows nothing of requests. May import no other room.
"""
