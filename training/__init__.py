"""Fit a logistic regression on a table and publish it. Knows nothing of how it is served."""

__version__ = "0.2.0"
