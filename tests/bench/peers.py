"""An environment of their own for servers that the project does not depend on."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / "build" / "peers" / "bin" / "python"
CONSTRAINTS = (ROOT / "constraints.txt").read_text().splitlines()
PACKAGES = (
    "granian==2.8.7",
    "mosec==0.9.8",
    "nvidia-pytriton==0.7.0",
    "msgspec",
    *(line for line in CONSTRAINTS if line.startswith("torch==")),
)
"""Of what is pinned for everyone torch alone, since pytriton wants an older NumPy."""


def install() -> None:
    """Make the environment, if it is not there; a file tells that it is whole."""
    whole = PYTHON.parents[1] / "whole"
    if whole.exists() and whole.read_text() == repr(PACKAGES):
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", PYTHON.parents[1]], check=True)
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *PACKAGES], check=True, stdout=sys.stderr)
    whole.write_text(repr(PACKAGES))
