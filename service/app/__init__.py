"""What FastAPI serves beside the data plane: probes, information, descriptions, the page.

Knows nothing of connections. May import gate and what lies below it, and from http what connections share.
"""
