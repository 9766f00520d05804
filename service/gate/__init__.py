"""Who gets in, and what is written down of it, whichever door they came by. Knows nothing of bodies.

May import plane and what lies below it.
"""
