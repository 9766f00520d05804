"""From rows to results: what waits, for which worker. Knows nothing of clients' connections.

Nor does it know how a body is read, or the rows of an answer written. May import wire and metrics.
"""
