"""The manifest as a format: what parses, what it writes, and what it says of the rest."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import models
from models import format1
from models.inputs import Boolean, Categorical, Numeric
from models.manifest import Manifest
from models.parts import NAME

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def test_frozen_text_goes_on_parsing(frozen: Path) -> None:
    """A manifest written by the first writer of the format is read, with every number as it was."""
    manifest = Manifest.from_json(frozen.read_bytes())
    assert (manifest.name, manifest.version, manifest.classes) == ("tiny", 3, ("no", "yes"))
    assert manifest.created.isoformat() == "2026-01-31T09:30:00+00:00"
    width, checked, city = manifest.inputs
    assert isinstance(width, Numeric)
    assert (width.name, width.unit, width.missing.imputed_by) == ("width (mm)", "mm", 3.5)
    assert width.reference.max == 1e300
    assert isinstance(checked, Boolean)
    assert checked.texts == {"ja": True, "nein": False}
    assert isinstance(city, Categorical)
    assert (city.categories, city.rare, city.places, city.of_integers) == (
        ("Bonn", "Ulm, alt"),
        ("Aue", "Zug"),
        5,
        False,
    )
    assert list(map(type, manifest.golden[0].input)) == [float, bool, str]
    assert manifest.golden[1].input == (None, None, None)
    assert not manifest.plain
    assert manifest.ignored == {"id", "sold"}


@pytest.mark.parametrize("file", ["manifest.v1.json", "format1/toy/1/manifest.json"])
def test_the_first_format_is_read_as_the_second_that_says_less(file: str) -> None:
    """Numbers that are all there, no decision but the threshold; and it stays of its own version."""
    raw = Path(__file__).parent.joinpath(file).read_bytes()
    manifest, old = Manifest.from_json(raw), format1.Manifest.model_validate_json(raw, strict=True)
    assert manifest.schema_version == 1
    assert manifest.plain
    assert manifest.ignored == {old.data.target}
    assert [(item.name, item.unit, item.missing.admitted) for item in manifest.inputs] == [
        (item.name, item.unit, False) for item in old.inputs
    ]
    first = manifest.inputs[0]
    assert isinstance(first, Numeric)
    assert (first.reference.rows, first.reference.mean) == (
        old.data.rows["train"],
        old.inputs[0].reference.mean,
    )
    assert (manifest.threshold.value, manifest.positive) == (old.threshold, old.classes[-1])
    assert not manifest.decision.abstains
    assert manifest.environment.libraries == old.libraries
    assert manifest.data.split.seed == old.data.seed
    assert manifest.fit.solver == old.fit.solver
    test = manifest.metrics["test"]
    assert test is not None
    assert test.roc_auc == old.metrics["test"].roc_auc
    assert [(row.input, row.probabilities) for row in manifest.golden] == [
        (row.input, row.probabilities) for row in old.golden
    ]
    assert not manifest.invariant


def test_frozen_text_is_written_again_byte_for_byte(frozen: Path) -> None:
    """Reading and writing changes nothing, so a digest of the text is stable."""
    assert Manifest.from_json(frozen.read_bytes()).to_json() == frozen.read_bytes()


def test_a_choice_of_the_penalty_may_be_told(frozen: Path) -> None:
    """It comes back as it was; where there was none it is absent."""
    document = json.loads(frozen.read_bytes())
    assert Manifest.from_json(json.dumps(document).encode()).fit.choice is None
    tried = {"penalty": 0.1, "log_loss": 0.30000000000000004, "standard_error": 0.02}
    document["fit"] |= {"penalty": 0.1, "choice": {"rows": 90, "folds": 5, "path": [tried]}}
    manifest = Manifest.from_json(json.dumps(document).encode())
    assert manifest.fit.choice is not None
    assert manifest.fit.choice.path[0].log_loss == 0.30000000000000004
    assert json.loads(manifest.to_json()) == document


def _fields(schema: Any) -> set[str]:
    parts = [schema, *schema["$defs"].values()]
    return {field for part in parts for field in part.get("properties", {})}


def test_each_field_is_documented() -> None:
    """The format's specification names every field of the manifest."""
    text = Path(models.__file__).with_name("README.md").read_text()
    missing = {field for field in _fields(Manifest.model_json_schema()) if f"`{field}`" not in text}
    assert missing == set()


@settings(deadline=None)
@given(
    numbers=st.lists(
        st.floats(max_value=1e300, allow_nan=False, allow_infinity=False), min_size=2, max_size=2
    ),
    truth=st.booleans() | st.none() | st.integers(-(2**63), 2**63),
    text=st.text(st.characters(exclude_categories=["Cs"])) | st.none(),
    probability=st.floats(0, 1),
    classes=st.sets(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2),
)
def test_round_trip(
    frozen: Path,
    numbers: list[float],
    truth: bool | int | None,
    text: str | None,
    probability: float,
    classes: set[str],
) -> None:
    """Any finite number and any text come back exactly."""
    document = json.loads(frozen.read_bytes())
    document["classes"] = sorted(classes)
    document["positive"] = max(classes)
    cells = [numbers[0], truth, text]
    document["golden"] = [{"input": cells, "probabilities": [probability, 1 - probability]}]
    document["inputs"][0]["reference"]["bins"]["edges"] = sorted({*numbers, 1e301})
    document["inputs"][0]["reference"]["bins"]["shares"] = [0.5] * len(set(numbers))
    manifest = Manifest.from_json(json.dumps(document).encode())
    assert manifest.golden[0].input == tuple(cells)
    assert list(map(type, manifest.golden[0].input)) == list(map(type, cells))
    assert manifest.classes == tuple(sorted(classes))
    assert Manifest.from_json(manifest.to_json()) == manifest


@pytest.mark.parametrize("found", [0, 3, 10**30])
def test_other_schema_version_is_named(found: int) -> None:
    """A newer schema is refused as such, whatever else it holds."""
    document = json.dumps({"schema_version": found, "shape": "unheard of"}).encode()
    with pytest.raises(ValueError, match=rf"^unknown schema version {found}; this reader knows 1 and 2$"):
        Manifest.from_json(document)


def _changed(path: str, value: Any) -> Any:
    """A change of the frozen document: the keys of `path`, joined by `/`, get `value`."""

    def change(document: Any) -> None:
        *parents, last = (int(key) if key.isdigit() else key for key in path.split("/"))
        for key in parents:
            document = document[key]
        document[last] = value

    return pytest.param(change, id=f"{path}={value!a:.20}")


@pytest.mark.parametrize(
    "change",
    [
        _changed("schema_version", "1"),
        _changed("schema_version", True),
        _changed("schema_version", 1),
        _changed("name", "../etc"),
        _changed("name", "tiny\n"),
        _changed("version", 0),
        _changed("version", 10**9),
        _changed("version", "3"),
        _changed("created", "2025-01-31T09:30:00"),
        _changed("surprise", 1),
        _changed("files/model.onnx", {"sha256": "0" * 64, "size_bytes": 1}),
        _changed("files/model.pt/sha256", "0" * 63),
        _changed("files/model.pt/size_bytes", -1),
        _changed("files", {}),
        _changed("inputs", []),
        _changed("inputs/1/name", "width (mm)"),
        _changed("inputs/0/kind", "date"),
        _changed("inputs/0/categories", ["a"]),
        _changed("inputs/0/missing/admitted", False),
        _changed("inputs/0/reference/missing", 1.5),
        _changed("inputs/0/reference/bins/edges", [1, 2]),
        _changed("inputs/0/reference/bins/edges", [1, 3, 2]),
        _changed("inputs/0/reference/bins/edges", [1, 1, 2]),
        _changed("inputs/1/texts", {"ja": "yes"}),
        _changed("inputs/2/categories", ["Ulm, alt", "Bonn"]),
        _changed("inputs/2/categories", ["Bonn", "Bonn"]),
        _changed("inputs/2/categories", ["Bonn", 1]),
        _changed("inputs/2/categories", [1, 2]),
        _changed("inputs/2/categories", ["Bonn"]),
        _changed("inputs/2/rare", ["Bonn"]),
        _changed("inputs/2/rare", ["Zug", "Aue"]),
        _changed("inputs/0/reference/mean", float("nan")),
        _changed("classes", ["yes", "no"]),
        _changed("classes", ["yes", "yes"]),
        _changed("positive", None),
        _changed("positive", "maybe"),
        _changed("threshold/value", 1.5),
        _changed("threshold/value", 0.6),
        _changed("abstain/low", 0.56),
        _changed("calibration/kind", "isotonic"),
        _changed("calibration/parameters", {"shape": 1}),
        _changed("left_out/0/reason", ""),
        _changed("scores/shares", {"no": [2]}),
        _changed("data/split/kind", "luck"),
        _changed("fit/penalty", 0),
        _changed("fit/choice", {"rows": 9, "folds": 5, "path": []}),
        _changed("golden", []),
        _changed("golden/0/input", [1.0]),
        _changed("golden/0/input", [[], True, "Bonn"]),
        _changed("golden/0/probabilities", [0.1, 0.2, 0.7]),
    ],
)
def test_wrong_document_is_refused_in_one_line(frozen: Path, change: Any) -> None:
    """Each rule of the format refuses with one line."""
    document = json.loads(frozen.read_bytes())
    change(document)
    with pytest.raises(ValueError, match=r"\A[^\n]+\Z"):
        Manifest.from_json(json.dumps(document).encode())


def test_the_wrong_field_is_named(frozen: Path) -> None:
    """The line begins with the path of the first wrong field, escaped, and does not link to a web site."""
    document = json.loads(frozen.read_bytes())
    document["fit"]["iterations"] = -1
    with pytest.raises(ValueError, match=r"^'fit\.iterations': Input should be greater than or equal to 0$"):
        Manifest.from_json(json.dumps(document).encode())
    document["fit"] = {**document["fit"], "iterations": 1, "a\nforged line": 1}
    with pytest.raises(ValueError, match=r"^'fit\.a\\nforged line': Extra inputs are not permitted$"):
        Manifest.from_json(json.dumps(document).encode())


@settings(deadline=None)
@given(raw=st.binary(max_size=50))
@example(b"")
@example(b"null")
@example(b"[" * 100_000)
@example(b'{"schema_version": 1}')
@example(b'{"schema_version": 1' + b"0" * 5_000 + b"}")
@example(b'{"schema_version": 1, "name": "\\ud800"}')
def test_noise_is_refused_in_one_line(raw: bytes) -> None:
    """Bytes that are no manifest give one line, never another exception."""
    with pytest.raises(ValueError, match=r"\A[^\n]{1,300}\Z"):
        Manifest.from_json(raw)


@settings(deadline=None)
@given(name=st.text(max_size=70) | st.text(ALPHABET + "._-", max_size=70))
@example("a" * 63)
@example("a" * 64)
@example("a\n")
def test_names_are_one_plain_path_component(name: str) -> None:
    """The pattern admits 1 to 63 of a-z, 0-9, dot, dash and underscore that begin with a letter or digit."""
    plain = 1 <= len(name) <= 63 and name[0] in ALPHABET and set(name) <= {*ALPHABET, *"._-"}
    assert bool(NAME.fullmatch(name)) == plain
    if plain:
        assert Path("store", name).resolve().parent == Path("store").resolve()
