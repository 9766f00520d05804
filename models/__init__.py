"""What training and service both know: a published version, its store, its decision, and the usable cores.

Knows nothing of torch or HTTP.
"""
