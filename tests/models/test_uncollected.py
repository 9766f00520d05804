"""Imports without full collections."""

import subprocess
import sys

CODE = """
import gc
from models.uncollected import uncollected
full = gc.get_stats()[2]["collections"]
before = gc.get_threshold()
with uncollected():
    kept = [[] for _ in range(1_000_000)]
print(gc.get_stats()[2]["collections"] - full, gc.isenabled(), gc.get_threshold() == before)
print(gc.get_freeze_count() > len(kept), len(gc.get_objects()) < len(kept))
"""


def test_what_is_made_meanwhile_is_never_looked_through() -> None:
    """No collection is full, what is there is left out of later ones, and the collector is as it was."""
    found = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout
    assert found == "0 True True\nTrue True\n"
