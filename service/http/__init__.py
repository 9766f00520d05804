"""HTTP/1.1 in and out: a connection, its turns, what is refused of a head. Knows nothing of rows or models.

May import gate and what lies below it.
"""
