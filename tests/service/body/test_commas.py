"""Commas between values, and those within texts."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.body.commas import between_values

TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(',"\\\\'), max_size=6)
DOCUMENTS = st.recursive(
    TEXTS | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)
)


def counted(value: Any) -> int:
    """Return how many commas separate the parts of a value."""
    parts = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return max(0, len(parts) - 1) + sum(map(counted, parts))


@given(DOCUMENTS)
def test_only_commas_between_values_count(document: Any) -> None:
    """Whatever stands in texts and names, escaped or not."""
    for ascii_only in (True, False):
        assert between_values(json.dumps(document, ensure_ascii=ascii_only).encode()) == counted(document)


@given(st.binary())
def test_any_bytes_have_a_number(raw: bytes) -> None:
    """What is no JSON is refused by others."""
    assert 0 <= between_values(raw) <= raw.count(b",")
