"""The page's pure modules, by Node's own test runner."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def test_the_modules_pass_their_own_tests() -> None:
    """All of tests/ui/*.test.js."""
    environment = os.environ | {"PYTHON": sys.executable}
    ran = subprocess.run(
        ["node", "--test"], cwd=HERE, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "fail 0" in ran.stdout
