"""True labels, which come days after an answer: tokens that answers carry, and what comes back with them.

Knows nothing of HTTP. May import metrics, and what lies below it.
"""
