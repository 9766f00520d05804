"""A keys file: what it may hold, and that it is read again."""

from pathlib import Path

import pytest

from service.errors import StartError
from service.gate import keys_file
from service.gate.keys_file import KeysFile
from tests.service.gate.written import digest, line


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "no keys in it"),
        ("# none yet\n", "no keys in it"),
        ("predict-key\n", "line 1: wanted <name>:<sha256"),
        (line("a") + "b:1234\n", "line 2: wanted <name>:<sha256"),
        (None, "No such file"),
    ],
)
def test_a_bad_file_stops_the_start_with_one_line(tmp_path: Path, content: str | None, reason: str) -> None:
    """The line names the setting and the file, and never repeats what might be a key."""
    path = tmp_path / "keys"
    if content is not None:
        path.write_text(content)
    with pytest.raises(StartError) as raised:
        KeysFile("SERVICE_API_KEYS_FILE", path)
    assert str(raised.value).startswith(f"SERVICE_API_KEYS_FILE={path}: {reason}")
    assert "\n" not in str(raised.value)
    assert "predict-key" not in str(raised.value)


def test_a_changed_file_is_read_again_and_a_bad_one_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Keys rotate without a restart, by replacing the file or writing it."""
    monkeypatch.setattr(keys_file, "LOOK_S", 0)
    path, replacement = tmp_path / "keys", tmp_path / "keys.new"
    path.write_text("# who may predict\n\n" + line("other-key", "other") + line("first-key"))
    found = KeysFile("SERVICE_API_KEYS_FILE", path)
    assert found.holds(digest("first-key"))
    replacement.write_text(line("next-key"))
    replacement.rename(path)
    assert found.holds(digest("next-key"))
    assert not found.holds(digest("first-key"))
    for bad in (lambda: path.write_text("nonsense"), path.unlink):
        bad()
        assert found.holds(digest("next-key"))
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    path.write_text(line("last-key"))
    assert found.holds(digest("last-key"))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_of_any_editor_is_read(tmp_path: Path, end: str) -> None:
    """With a byte order mark, and CRLF."""
    path = tmp_path / "keys"
    path.write_bytes(f"\ufeff{line('predict-key').strip()}{end}{line('other').strip()}{end}".encode())
    assert KeysFile("SERVICE_API_KEYS_FILE", path).holds(digest("predict-key"))


def test_a_file_that_is_not_utf_8_stops_the_start_with_one_line(tmp_path: Path) -> None:
    """As some editors save it: the line says so."""
    path = tmp_path / "keys"
    path.write_bytes(line("predict-key").encode("utf-16"))
    with pytest.raises(StartError, match=r"SERVICE_API_KEYS_FILE=.*keys: it is not UTF-8"):
        KeysFile("SERVICE_API_KEYS_FILE", path)
