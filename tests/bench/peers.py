"""An environment of their own for servers that the project does not depend on."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / "build" / "peers" / "bin" / "python"
PACKAGES = ("granian==2.8.7", "mosec==0.9.8", "msgspec", "numpy", "torch")
"""The last three as pinned for everyone, or the latest."""


def install() -> None:
    """Make the environment, if it is not there; a file tells that it is whole."""
    whole = PYTHON.parents[1] / "whole"
    if whole.exists() and whole.read_text() == repr(PACKAGES):
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", PYTHON.parents[1]], check=True)
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    constraint = ["--constraint", ROOT / "constraints.txt"]
    subprocess.run([*pip, *constraint, *PACKAGES], check=True, stdout=sys.stderr)
    whole.write_text(repr(PACKAGES))
