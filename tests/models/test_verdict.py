"""The verdict beside a version: what is written is read again, and what is not one is said."""

from collections.abc import Callable

import pytest

from models.artifact import Artifact
from models.errors import StoreError, UnknownModelError
from models.repository import Repository
from tests.models.verdicts import rejected


def test_a_verdict_lies_beside_its_version(repository: Repository, publish: Callable[..., Artifact]) -> None:
    """Whole, and replaced by the next one; the version stays as it was."""
    given = rejected(publish())
    assert repository.verdict("tiny", 1) is None
    repository.judge(given)
    assert repository.verdict("tiny", 1) == given
    assert not given.promotes
    again = given.model_copy(update={"verdict": "undecided"})
    repository.judge(again)
    assert repository.verdict("tiny", 1) == again
    assert again.promotes
    assert {path.name for path in (repository.root / "tiny").iterdir()} >= {"1", "1.gate.json"}
    assert repository.versions("tiny") == [1]
    assert repository.resolve("tiny", 1).digest == given.digest


def test_unknown_fields_are_passed_over(repository: Repository, publish: Callable[..., Artifact]) -> None:
    """A later writer may say more; what is no verdict is named."""
    given = rejected(publish())
    path = repository.root / "tiny" / "1.gate.json"
    path.write_bytes(given.to_json().replace(b"{", b'{"more": 1,', 1))
    assert repository.verdict("tiny", 1) == given
    path.write_text("{}")
    with pytest.raises(StoreError, match=r"1\.gate\.json: not a verdict"):
        repository.verdict("tiny", 1)


def test_a_model_that_is_not_there(repository: Repository, publish: Callable[..., Artifact]) -> None:
    """As for whatever else is asked of it."""
    given = rejected(publish()).model_copy(update={"name": "other"})
    with pytest.raises(UnknownModelError, match="other"):
        repository.judge(given)
