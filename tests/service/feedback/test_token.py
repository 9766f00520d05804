"""Tokens: what they say comes back, and nothing else passes for one."""

import base64
import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.artifact import Artifact
from models.manifest import Manifest
from service.feedback.token import Issuer, Key, classes_digest, fresh_numbers, id_of, token_id

KEY = Key(b"0123456789abcdef")
NOW = 1_800_000_000
TEXT = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def named(manifest: Manifest, name: str, classes: Sequence[str]) -> Manifest:
    """Return a manifest of another model."""
    return manifest.model_copy(update={"name": name, "classes": tuple(classes), "positive": classes[0]})


@given(
    st.data(),
    st.text("abc.-_", min_size=1, max_size=63),
    st.lists(st.text(), min_size=2, max_size=5, unique=True),
)
def test_what_an_answer_said_comes_back(
    mixed: Artifact, data: st.DataObject, name: str, classes: list[str]
) -> None:
    """Whatever the model's name and labels, with the bits of each probability."""
    manifest = named(mixed.manifest, name, classes)
    probabilities = data.draw(
        st.lists(st.floats(0, 1, width=32), min_size=len(classes), max_size=len(classes))
    )
    label, number = data.draw(st.integers(0, len(classes) - 1)), data.draw(st.integers(0, 2**64 - 1))
    made = Issuer(KEY, manifest, iter([number])).issue(probabilities, label, NOW)
    found = KEY.read(made.decode())
    assert (found.model, found.version, found.issued) == (name, "3", NOW)
    assert (found.label, found.probabilities, found.number) == (label, tuple(probabilities), number)
    assert (found.classes, found.positive) == (classes_digest(classes), 0)
    assert id_of(made) == token_id(number) == f"{number:016x}"
    assert base64.urlsafe_b64encode(base64.urlsafe_b64decode(made)) == made  # no padding, no spare bits


@given(st.data())
def test_whatever_is_altered_is_no_token(mixed: Artifact, data: st.DataObject) -> None:
    """A character that is another, goes, comes or changes places; pieces of two tokens."""
    issuer = Issuer(KEY, mixed.manifest, fresh_numbers())
    text, other = (issuer.issue([0.25, 0.75], 1, NOW).decode() for _ in range(2))
    place = data.draw(st.integers(0, len(text) - 1))
    altered = data.draw(
        st.one_of(
            st.characters().map(lambda each: text[:place] + each + text[place + 1 :]),
            TEXT.map(lambda more: text[:place] + more + text[place:]),
            st.integers(0, len(text)).map(lambda end: text[: min(place, end)] + text[max(place, end) :]),
            st.just(text[:place] + other[place:]),
            TEXT,
            st.text(),
        ).filter(lambda each: each not in (text, other))
    )
    with pytest.raises(ValueError, match=r"^not "):
        KEY.read(altered)


@given(st.integers(0, 8 * 66 - 1))
def test_no_bit_may_be_another(mixed: Artifact, bit: int) -> None:
    """Of the bytes that the text stands for."""
    raw = bytearray(
        base64.urlsafe_b64decode(Issuer(KEY, mixed.manifest, iter([7])).issue([0.25, 0.75], 1, NOW))
    )
    assert len(raw) == 63
    raw[bit // 8 % len(raw)] ^= 1 << bit % 8
    with pytest.raises(ValueError, match="not made with this key"):
        KEY.read(base64.urlsafe_b64encode(raw).decode())


def test_another_secret_makes_other_tokens(mixed: Artifact) -> None:
    """That of another service, or one that was replaced."""
    made = Issuer(Key(b"another secret of ours"), mixed.manifest, fresh_numbers()).issue([0.5, 0.5], 1, NOW)
    with pytest.raises(ValueError, match="not made with this key"):
        KEY.read(made.decode())


def test_a_token_is_what_it_was(mixed: Artifact) -> None:
    """A golden vector: those that were given before an upgrade are understood after it."""
    made = Issuer(KEY, mixed.manifest, iter([2**63 + 5])).issue([0.25, 0.75], 1, NOW)
    raw = base64.urlsafe_b64decode(made)
    head = b"\x01\x04" + struct.pack("<HHI", 2, 1, 3) + classes_digest(("no", "yes")) + b"tiny" + bytes(2)
    assert raw[:-16] == head + struct.pack("<xIHffQ", NOW, 1, 0.25, 0.75, 2**63 + 5)
    assert classes_digest(("no", "yes")).hex() == "31b0b3e576609e4c"
    assert raw[-16:].hex() == "b7da352e1642b9a5f253bf0c2e8e738c"


def test_numbers_are_given_once() -> None:
    """By a process, and by two of them."""
    first, second = fresh_numbers(), fresh_numbers()
    found = [next(each) for each in (first, second) for _ in range(1000)]
    assert len(set(found)) == 2000
    assert max(found) < 2**63  # SQLite's integers have a sign
