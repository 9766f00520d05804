"""What `make swap` measures, in its shortest form."""

import json
import subprocess
import sys
from pathlib import Path
from shutil import which

import pytest


@pytest.mark.slow
@pytest.mark.skipif(which("wrk") is None, reason="wrk is not installed")
def test_a_short_run_breaks_no_promise_but_those_of_time(tmp_path: Path) -> None:
    """Swaps and kills under load, swaps while idle and 8 models: no request is lost, no answer mixed."""
    out = tmp_path / "results" / "swap.json"
    command = [sys.executable, "-m", "tests.load.swap", "--quick", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "BROKEN" not in done.stdout
    told = json.loads(out.read_text())
    assert len(told["swap_s"]) == 6
    assert len(told["several"]["memory_of_many"]) == 4
