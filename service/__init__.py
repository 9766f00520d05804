"""Serve a published logistic regression over HTTP. Knows nothing of how it was trained."""

__version__ = "0.2.0"
