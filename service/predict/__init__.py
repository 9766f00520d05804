"""The bodies of `/predict`: JSON to rows, results to JSON. Knows nothing of connections or workers.

May import body, plane and wire.
"""
