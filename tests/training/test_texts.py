"""Parsing text files block by block."""

from pathlib import Path

import pytest

from models.repository import Repository
from training import spill, utf8
from training.__main__ import main
from training.texts import Texts


def cells(path: Path) -> dict[str, list[str]]:
    found = Texts(path, "y", "utf-8")
    return {name: found.column(place).to_pylist() for place, name in enumerate(found.names)}


def test_rows_of_any_length_are_read(tmp_path: Path) -> None:
    """One that is longer than the blocks that are parsed first, and a quoted one of many lines."""
    long, lines = "x" * (3 << 20), "1\n" * (1 << 20)
    (tmp_path / "t.csv").write_text(f'a,y\n1,u\n{long},v\n2,u\n"{lines}",w\n')
    assert cells(tmp_path / "t.csv") == {"a": ["1", long, "2", lines.strip()], "y": ["u", "v", "u", "w"]}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (b"1\n", "row 200001 has 1 cells, the header 2"),
        (b"1,\0\n", "row 200001 has a NUL byte, wanted text"),
        (b"1,\xff\n", "row 200001 has the byte 0xff, which is not utf-8"),
    ],
)
def test_a_row_is_named_whatever_block_it_is_in(wrong: bytes, says: str, tmp_path: Path) -> None:
    """Rows are counted from the header, a line `sep=`, empty lines and those within quotes aside."""
    rows = b'sep=|\r\na|y\r\n"1\n\n"|u\r\n\r\n' + b"1234567|v\r\n" * 199_999
    (tmp_path / "t.csv").write_bytes(rows + wrong.replace(b",", b"|") + b"1|u\n" * 200_000)
    with pytest.raises(ValueError, match=says):
        Texts(tmp_path / "t.csv", "y", "utf-8")


def test_a_name_is_missed_before_the_rows_are_read(tmp_path: Path) -> None:
    """A large file is not parsed in vain: what is wrong further down is not even seen."""
    (tmp_path / "t.csv").write_bytes(b"a,b\n" + b"1,2\n" * (64 * utf8.BLOCK_BYTES // 4) + b"\0\n")
    with pytest.raises(ValueError, match="no column 'y', it has a, b"):
        Texts(tmp_path / "t.csv", "y", "utf-8")


def test_a_version_has_the_same_bytes_from_memory_and_from_disk(
    iris_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is served of it; only when it was made differs."""
    for name in ("memory", "disk"):
        run = ["--data", str(iris_csv), "--target", "species", "--name", "iris", "--quiet"]
        assert main([*run, "--store", str(tmp_path / name)]) == 0
        monkeypatch.setattr(spill, "HELD_BYTES", 0)
    one, other = (Repository(tmp_path / name).resolve("iris") for name in ("memory", "disk"))
    assert one.read("model.safetensors") == other.read("model.safetensors")
    assert one.read("model.pt") == other.read("model.pt")
    assert one.manifest.golden == other.manifest.golden
