"""Where a model says that it comes from."""

import subprocess

import numpy as np
import torch

from training import provenance


def test_the_commit_is_that_of_the_checkout() -> None:
    """The answer is git's own, or None where it has none to give."""
    command = ["git", "-C", str(provenance.CHECKOUT), "rev-parse", "--verify", "HEAD"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert provenance.git_commit() == (result.stdout.strip() if result.returncode == 0 else None)


def test_the_libraries_are_those_in_use() -> None:
    """The versions are the ones that this process imported."""
    found = provenance.libraries()
    assert found.keys() == {"python", "torch", "numpy", "safetensors"}
    assert found["numpy"] == np.__version__
    assert found["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
