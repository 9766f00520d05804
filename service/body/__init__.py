"""What every protocol needs of a body. Knows nothing of rows.

May import plane.
"""
