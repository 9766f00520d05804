"""What training and service both know: a published version, its store, its decision, defaults, usable cores.

Knows nothing of torch or HTTP.
"""
