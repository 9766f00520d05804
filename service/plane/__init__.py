"""From rows to results: what waits, for which worker. Knows nothing of HTTP or JSON.

May import wire and metrics.
"""
