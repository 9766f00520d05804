"""Names as text: whatever a file holds."""

import re

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markupsafe import escape

from training.documents.names import code, fence, isolated, named, short, titled, visible

TEXTS = st.text(st.characters() | st.sampled_from("`|<>&\"'\\ \n\u202e"))


@given(TEXTS)
def test_a_name_is_its_own_element(text: str) -> None:
    """Its text is escaped, of at most 40 letters, and XML can hold it."""
    markup = named(text)
    inner = re.fullmatch("<bdi>(.*)</bdi>", markup)
    assert inner
    assert inner[1] == escape(short(text))
    assert len(short(text)) <= 40
    assert re.fullmatch("[\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+", short(text))


def test_a_long_name_keeps_both_ends_and_has_a_title() -> None:
    """As names often differ at their end."""
    text = "a" * 60 + "the end"
    assert short(text) == "a" * 29 + "…" + "aaathe end"
    assert titled(text) == f'<bdi title="{text}">{short(text)}</bdi>'
    assert titled('"<') == "<bdi>&#34;&lt;</bdi>"
    assert short("class number 7", 12) == "class n…er 7"


def test_what_cannot_be_seen_is_written_out() -> None:
    """Blanks at an end are quoted; joiners stay, overrides of direction and controls do not."""
    assert visible("") == "“”"
    assert visible("no ") == "“no ”"
    assert visible("no") == "no"
    assert visible("a\nb\x1b\u202ec\ud800") == "a\\nb\\x1b\\u202ec\\ud800"
    assert visible("👩\u200d🔬 \u05d0\u200f") == "👩\u200d🔬 \u05d0\u200f"
    assert isolated("a") == "\u2068a\u2069"


@given(TEXTS)
def test_a_code_span_is_nothing_else(text: str) -> None:
    """In a paragraph, and as one cell of a table, Markdown reads back what was written."""
    span = code(text)
    parser = MarkdownIt().enable("table")
    [_, inline, _] = parser.parse(f"A {span} b")
    cells = [each for each in parser.parse(f"| x | y |\n|---|---|\n| {span} | z |") if each.type == "inline"]
    assert [child.type for child in inline.children or []] == ["text", "code_inline", "text"]
    assert len(cells) == 4
    [told] = cells[2].children or []
    assert told.type == "code_inline"
    assert "<" not in re.sub("<code>.*?</code>|</?p>", "", parser.render(f"A {span} b"))


def test_a_fence_is_longer_than_what_it_holds() -> None:
    """And no shorter than it must be."""
    assert fence("a ``` b", 3) == "````"
    assert fence("a ` b", 3) == "```"
    assert fence("", 1) == "`"
