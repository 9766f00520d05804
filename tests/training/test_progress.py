"""The progress bar on a terminal and elsewhere."""

import os
import pty
import subprocess
import sys

import pytest

PROGRAM = """
from training.progress import Bar
with Bar() as bar:
    bar.stage("fitting", 2)
    bar.step(1e-3)
    bar.step(1e-3)
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
