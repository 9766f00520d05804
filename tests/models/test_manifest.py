"""The manifest as a format: what parses, what it writes, and what it says of the rest."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import models
from models.manifest import NAME, Manifest

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def test_frozen_text_goes_on_parsing(frozen: Path) -> None:
    """A manifest written by the first release is read, with every number as it was."""
    manifest = Manifest.from_json(frozen.read_bytes())
    assert (manifest.name, manifest.version, manifest.classes) == ("tiny", 3, ("no", "yes"))
    assert manifest.created.isoformat() == "2025-01-31T09:30:00+00:00"
    assert [item.name for item in manifest.inputs] == ["width (mm)", "Höhe"]
    assert [item.unit for item in manifest.inputs] == ["mm", None]
    assert manifest.inputs[0].reference.max == 1e300
    assert manifest.golden[0].probabilities == (0.30000000000000004, 0.7)


def test_frozen_text_is_written_again_byte_for_byte(frozen: Path) -> None:
    """Reading and writing changes nothing, so a digest of the text is stable."""
    assert Manifest.from_json(frozen.read_bytes()).to_json() == frozen.read_bytes()


def _fields(schema: Any) -> set[str]:
    parts = [schema, *schema["$defs"].values()]
    return {field for part in parts for field in part["properties"]}


def test_each_field_is_documented() -> None:
    """The format's specification names every field of the manifest."""
    text = Path(models.__file__).with_name("README.md").read_text()
    missing = {field for field in _fields(Manifest.model_json_schema()) if f"`{field}`" not in text}
    assert missing == set()


@settings(deadline=None)
@given(
    numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2),
    probability=st.floats(0, 1),
    classes=st.sets(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2),
)
def test_round_trip(frozen: Path, numbers: list[float], probability: float, classes: set[str]) -> None:
    """Any finite number and any text come back exactly."""
    document = json.loads(frozen.read_bytes())
    document["classes"] = sorted(classes)
    document["golden"] = [{"input": numbers, "probabilities": [probability, 1 - probability]}]
    manifest = Manifest.from_json(json.dumps(document).encode())
    assert manifest.golden[0].input == tuple(numbers)
    assert manifest.classes == tuple(sorted(classes))
    assert Manifest.from_json(manifest.to_json()) == manifest


@pytest.mark.parametrize("found", [0, 2, 10**30])
def test_other_schema_version_is_named(found: int) -> None:
    """A newer schema is refused as such, whatever else it holds."""
    document = json.dumps({"schema_version": found, "shape": "unheard of"}).encode()
    with pytest.raises(ValueError, match=rf"^unknown schema version {found}; this reader knows 1$"):
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
        _changed("inputs/0/reference/mean", float("nan")),
        _changed("classes", ["yes", "no"]),
        _changed("classes", ["yes", "yes"]),
        _changed("threshold", 1.5),
        _changed("fit/penalty", 0),
        _changed("golden", []),
        _changed("golden/0/input", [1.0]),
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
