"""What clients of a version would no more get from another."""

from pathlib import Path

import pytest

from models.inputs import Boolean, Categorical, Input, Numeric
from models.manifest import Manifest
from models.repository import Repository
from training.__main__ import main
from training.compatible import refusals

TABLES = Path(__file__).with_name("tables")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Three numbers, a truth and a text, of which some have gaps."""
    store = tmp_path_factory.mktemp("store")
    options = ["--leave-out", "debt", "--store", str(store), "--quiet"]
    assert main(["--data", str(TABLES / "gaps.csv"), "--target", "paid", *options]) == 0
    return Repository(store).resolve("gaps").manifest


def inputs(manifest: Manifest, **changed: Input | None) -> Manifest:
    """Return a manifest with other inputs in the place of some, or without them."""
    found = tuple(changed.get(item.name, item) for item in manifest.inputs)
    return manifest.model_copy(update={"inputs": tuple(item for item in found if item is not None)})


def named(manifest: Manifest, name: str) -> Input:
    return next(item for item in manifest.inputs if item.name == name)


def test_the_same_is_compatible(manifest: Manifest) -> None:
    """So is one that takes more: gaps, other categories, other texts of a truth beside the known ones."""
    assert refusals(manifest, manifest) == []
    old = inputs(manifest, **{item.name: strict(item) for item in manifest.inputs})
    city, owner = named(manifest, "city"), named(manifest, "owner")
    assert isinstance(city, Categorical)
    assert isinstance(owner, Boolean)
    assert owner.texts
    more = city.model_copy(update={"categories": ("Bonn",), "rare": ("Ulm",)})
    folded = owner.model_copy(
        update={
            "texts": {text.upper(): truth for text, truth in owner.texts.items()} | {"t": True, "f": False}
        }
    )
    assert refusals(old, inputs(manifest, city=more, owner=folded)) == []


def strict(item: Input) -> Input:
    missing = item.missing.model_copy(update={"admitted": False, "imputed_by": None})
    return item.model_copy(update={"missing": missing})


def test_what_is_not_compatible_is_named(manifest: Manifest) -> None:
    """Each input, and what would be refused of it."""
    age, city, owner = (named(manifest, name) for name in ("age", "city", "owner"))
    assert isinstance(age, Numeric)
    turned = owner.model_copy(update={"texts": {text: not truth for text, truth in owner.texts.items()}})
    fresh, first = age.model_copy(update={"name": "weight"}), next(iter(owner.texts))
    numbers = city.model_copy(update={"categories": (1, 2), "rare": ()})
    for new, said in (
        (inputs(manifest, age=None), "input 'age' is no more"),
        (inputs(manifest, age=fresh), "input 'weight' is new, and clients do not send it"),
        (
            inputs(manifest, age=city.model_copy(update={"name": "age"})),
            "input 'age' is categorical, and was num",
        ),
        (inputs(manifest, city=strict(city)), "input 'city' takes no missing value any more"),
        (inputs(manifest, city=numbers), "input 'city' takes whole numbers, and took text"),
        (inputs(manifest, owner=turned), f"input 'owner' does not take {first!r} as it did"),
        (inputs(manifest, age=city, city=age), "its inputs are in another order"),
        (
            manifest.model_copy(update={"classes": ("a", "b")}),
            "its classes are 'a', 'b', and were 'no', 'yes'",
        ),
        (manifest.model_copy(update={"left_out": ()}), "column 'debt', which was ignored, would be refused"),
    ):
        assert any(each.startswith(said) for each in refusals(manifest, new)), said


def test_an_input_more_is_not_compatible(manifest: Manifest) -> None:
    """Also where it may be missing: a service wants each input of a row, and `null` is written."""
    less = inputs(manifest, age=None)
    assert refusals(less, manifest) == ["input 'age' is new, and clients do not send it"]


def test_long_names_are_cut(manifest: Manifest) -> None:
    """A reason is a sentence."""
    name = "x" * 10_000
    long = inputs(manifest, age=named(manifest, "age").model_copy(update={"name": name}))
    assert max(map(len, refusals(manifest, long))) < 200
