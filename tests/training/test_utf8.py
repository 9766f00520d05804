"""Text of any encoding as UTF-8, in blocks."""

import codecs
from pathlib import Path

import pytest

from training import utf8
from training.utf8 import NotTextError, Text

LETTERS = "größe 数据 €"


def good(path: Path, raw: bytes, encoding: str) -> bytes:
    path.write_bytes(raw)
    return b"".join(Text(path, encoding).good())


@pytest.mark.parametrize("block_bytes", [4, 5, 7, 1 << 20])
@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (LETTERS.encode(), "utf-8"),
        (codecs.BOM_UTF8 + LETTERS.encode(), "utf-8"),
        (LETTERS.encode("utf-8-sig"), "utf-8-sig"),
        (codecs.BOM_UTF16_LE + LETTERS.encode("utf-16-le"), "utf-16"),
        (codecs.BOM_UTF16_BE + LETTERS.encode("utf-16-be"), "utf_16"),
        (codecs.BOM_UTF16_LE + LETTERS.encode("utf-16-le"), "utf-16-le"),
        (LETTERS.encode("utf-16-le"), "utf-16-le"),
        (LETTERS.encode("utf-32"), "UTF-32"),
        (LETTERS.encode("utf-7"), "utf-7"),
        (LETTERS.encode("gb18030"), "gb18030"),
    ],
)
def test_a_letter_may_lie_in_two_blocks(
    raw: bytes, encoding: str, block_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever a block ends behind a mark, the text is the same, and the mark is none of it."""
    monkeypatch.setattr(utf8, "BLOCK_BYTES", block_bytes)
    assert good(tmp_path / "t.csv", raw, encoding) == LETTERS.encode()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_without_a_mark_the_order_of_bytes_is_the_machines(encoding: str, tmp_path: Path) -> None:
    """As Python reads a whole text of these encodings."""
    raw = LETTERS.encode(encoding)[len(codecs.BOM_UTF16 if encoding == "utf-16" else codecs.BOM_UTF32) :]
    assert good(tmp_path / "t.csv", raw, encoding) == raw.decode(encoding).encode()


@pytest.mark.parametrize("block_bytes", [4, 5, 7, 1 << 20])
@pytest.mark.parametrize(
    ("raw", "encoding", "says"),
    [
        ("größe\n€".encode() + b"\xe2\x82 ", "utf-8", "has the byte 0xe2, which is not utf-8"),
        ("größe\n€".encode() + b"\xe2\x82", "utf-8", "has the byte 0xe2, which is not utf-8"),
        ("größe\n€".encode() + b"\0", "utf-8", "has a NUL byte, wanted text"),
        ("größe\n€".encode("utf-16") + b"\xdc", "utf-8", "has the byte 0xdc, which is not utf-16"),
        (
            "größe\n€".encode("utf-16-be") + b"\xdc\0",
            "utf-16-be",
            "has the byte 0xdc, which is not utf-16-be",
        ),
        ("größe\n€".encode("cp1252") + b"\x81", "cp1252", "has the byte 0x81, which is not cp1252"),
        ("größe\n€".encode("gb18030") + b"\xff", "gb18030", "has the byte 0xff, which is not gb18030"),
    ],
)
def test_what_is_not_text_is_found_in_any_block(
    raw: bytes, encoding: str, says: str, block_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All text before it is given first."""
    monkeypatch.setattr(utf8, "BLOCK_BYTES", block_bytes)
    assert good(tmp_path / "t.csv", raw, encoding) == "größe\n€".encode()
    with pytest.raises(NotTextError, match=says) as caught:
        list(Text(tmp_path / "t.csv", encoding).blocks())
    assert "utf-16-le says so" not in str(caught.value)
