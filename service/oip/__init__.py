"""The bodies of the Open Inference Protocol: tensors to rows, results to tensors.

Knows nothing of connections or workers. May import body, plane and wire.
"""
