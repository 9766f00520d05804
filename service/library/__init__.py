"""Which versions of which models answer: read from the store, tried, and swapped in every process at once.

Knows neither HTTP nor what a model computes. May import no other room.
"""
