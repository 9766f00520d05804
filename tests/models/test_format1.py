"""The format before: its frozen text is read, and written again, byte for byte."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from models.errors import StoreError
from models.format1 import Manifest
from models.repository import Repository

STORE = Path(__file__).with_name("format1")


def test_frozen_text_is_written_again_byte_for_byte(frozen_first: Path) -> None:
    """Reading and writing changes nothing."""
    raw = frozen_first.read_bytes()
    manifest = Manifest.model_validate_json(raw, strict=True)
    assert [item.name for item in manifest.inputs] == ["width (mm)", "Höhe"]
    assert manifest.golden[0].probabilities == (0.30000000000000004, 0.7)
    assert manifest.to_json() == raw


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("files", {}),
        ("classes", ("yes", "no")),
        ("classes", ("yes", "yes")),
        ("inputs", ()),
        ("threshold", 1.5),
        ("golden", ()),
        ("positive", "yes"),
    ],
)
def test_a_wrong_field_is_refused(frozen_first: Path, field: str, value: object) -> None:
    """By its own rules, and the fields that came later are none of it."""
    document = Manifest.model_validate_json(frozen_first.read_bytes(), strict=True).model_dump()
    with pytest.raises(ValidationError):
        Manifest.model_validate(document | {field: value})


def test_a_frozen_version_is_resolved() -> None:
    """A store that the first release wrote."""
    artifact = Repository(STORE).resolve("toy")
    assert (artifact.manifest.schema_version, artifact.manifest.classes) == (1, ("0", "1"))


def test_a_file_that_came_later_is_none_of_it(frozen_first: Path, tmp_path: Path) -> None:
    """A version of format 1 has two files beside its manifest."""
    text = frozen_first.read_text().replace('"model.safetensors"', '"report.html"')
    version = tmp_path / "tiny" / "3"
    version.mkdir(parents=True)
    (version / "manifest.json").write_text(text)
    with pytest.raises(StoreError, match=r"'files\.report\.html"):
        Repository(tmp_path).resolve("tiny", 3)
