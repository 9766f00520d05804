"""Which model is served when no setting says it."""

import logging
from pathlib import Path

import pytest

from service.errors import StartError
from service.server import choose, find_default
from service.settings import Settings

STORE = Path("models/store")


def test_the_only_model_is_served() -> None:
    """Whatever it is called."""
    assert choose(["iris"], STORE) == "iris"


def test_the_default_among_several_is_served_and_said(caplog: pytest.LogCaptureFixture) -> None:
    """A line names all of them, and the setting."""
    with caplog.at_level(logging.WARNING):
        assert choose(["breast-cancer", "iris"], STORE) == "breast-cancer"
    assert "breast-cancer, iris" in caplog.text
    assert "SERVICE_MODEL" in caplog.text


def test_several_without_the_default_are_named() -> None:
    """A few of them, and the setting that chooses."""
    with pytest.raises(StartError, match=r"SERVICE_MODEL .* has 2 models: iris, wine$"):
        choose(["iris", "wine"], STORE)
    with pytest.raises(StartError, match=r"has 40 models: m0, m1, m2, m3, m4, …$"):
        choose([f"m{number}" for number in range(40)], STORE)


@pytest.mark.parametrize("model", [None, "iris"])
@pytest.mark.parametrize("made", [True, False])
def test_a_store_without_a_model_says_what_makes_one(
    tmp_path: Path, model: str | None, *, made: bool
) -> None:
    """Whether it is empty or missing, and one is wanted or any."""
    store = tmp_path / "store"
    if made:
        store.mkdir()
    with pytest.raises(StartError, match=r"SERVICE_MODEL_STORE=.*store: .* python -m training"):
        find_default(Settings(model_store=store, model=model))
