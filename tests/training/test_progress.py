"""The progress bar on a terminal and elsewhere."""

import os
import pty
import re
import subprocess
import sys

import pytest

PROGRAM = """
from training.progress import Bar
with Bar() as bar:
    bar.stage("fitting", 2)
    bar.step(0.5)
    bar.step(0.25)
    bar.stage("publishing")
print("done")
"""


@pytest.mark.parametrize("terminal", [True, False])
def test_only_a_terminal_sees_the_bar(terminal: bool) -> None:
    """On a terminal the stages are drawn on stderr; in a pipe nothing is written there."""
    reader, writer = pty.openpty() if terminal else os.pipe()
    try:
        result = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            stdout=subprocess.PIPE,
            stderr=writer,
            env={**os.environ, "TERM": "xterm"},
            check=True,
        )
        os.write(writer, b".")  # so that reading does not wait for output that never comes
        drawn = os.read(reader, 65536)
    finally:
        os.close(writer)
        os.close(reader)
    assert result.stdout == b"done\n"
    assert (b"publishing" in drawn) == terminal
    assert (drawn == b".") == (not terminal)


LONG = """
import time
from training import progress
progress.LINE_S = 0.01
with progress.Bar(quiet={quiet}) as bar:
    bar.stage("fitting", 20, rows=5)
    time.sleep(0.02)
    bar.step(0.5)
"""


@pytest.mark.parametrize("quiet", [True, False])
def test_elsewhere_a_long_run_says_how_far_it_is(quiet: bool) -> None:
    """A line now and then, unless nothing is wanted."""
    program = [sys.executable, "-c", LONG.format(quiet=quiet)]
    result = subprocess.run(program, capture_output=True, text=True, check=True)
    said = "" if quiet else r"fitting: step 1 of 20, [1-9][\d,]* rows/s, gradient 5\.0e-01\n"
    assert re.fullmatch(said, result.stderr), result.stderr
