"""The command that makes a key."""

import subprocess
import sys
from pathlib import Path

from service.gate.keys_file import KeysFile
from service.keys import main
from tests.service.gate.written import digest


def test_a_made_key_opens_what_its_line_says(tmp_path: Path) -> None:
    """`python -m service.keys NAME` appends to a file, and shows the key where it is not redirected."""
    path = tmp_path / "keys"
    for _ in range(2):
        with path.open("a") as stream:
            made = subprocess.run(
                [sys.executable, "-m", "service.keys", "alice"],
                stdout=stream,
                stderr=subprocess.PIPE,
                check=True,
            )
    key = made.stderr.strip()
    assert len(key) == 43
    assert KeysFile("SERVICE_API_KEYS_FILE", path).holds(digest(key.decode()))
    assert key not in path.read_bytes()
    assert len(path.read_text().splitlines()) == 2
    assert main(["not a name"]) == main([]) == 2
