"""Where the store is and which model is meant when nobody says it. Knows nothing of who asks."""

from pathlib import Path

DEFAULT_STORE = Path("models/store")
DEFAULT_MODEL = "breast-cancer"
"""What training makes of the data that it takes by default, and service serves among several."""
