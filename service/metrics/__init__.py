"""What is counted, and how the processes' counts become one. Knows nothing of HTTP.

May import no other room.
"""
