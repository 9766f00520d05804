"""How many connections there may be."""

import resource

import pytest

from service.http.edge import RESERVED_DESCRIPTORS, most_connections


@pytest.mark.parametrize(
    ("descriptors", "wanted", "most"),
    [
        (1024, 100, 100),
        (1024, 5000, 1024 - RESERVED_DESCRIPTORS),
        (RESERVED_DESCRIPTORS, 5000, 1),
        (10, 5000, 1),
    ],
)
def test_no_more_connections_than_descriptors(
    monkeypatch: pytest.MonkeyPatch, descriptors: int, wanted: int, most: int
) -> None:
    """Less those that the process itself needs; one client is always let in."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (descriptors, 1 << 20))
    assert most_connections(wanted) == most
