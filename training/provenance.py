"""What made a model: the data, the commit of the code, and the libraries. Knows nothing of the model."""

import hashlib
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("torch", "numpy", "safetensors")
CHECKOUT = Path(__file__).parent.parent


def libraries() -> dict[str, str]:
    """Name the versions of Python and of the libraries that shape a model."""
    return {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}


def git_commit() -> str | None:
    """Name the commit of this checkout; None when it is no checkout, has no commit, or git is missing."""
    if not (CHECKOUT / ".git").exists():  # an installed package must not take the commit of a folder above
        return None
    command = ["git", "-C", str(CHECKOUT), "rev-parse", "--verify", "HEAD"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - fixed words
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()


def digest(path: Path) -> str:
    """Return the sha256 of a file's bytes; of a folder that of a line a file, as sha256sum prints it."""
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    found = hashlib.sha256()
    for each in sorted(each for each in path.rglob("*") if each.is_file()):
        with each.open("rb") as file:
            inner = hashlib.file_digest(file, "sha256").hexdigest()
        found.update(f"{inner}  {each.relative_to(path).as_posix()}\n".encode())
    return found.hexdigest()
