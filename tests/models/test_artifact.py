"""One version on disk: every way in which it can be damaged, and what is said of it."""

import contextlib
import os
import pickle
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from models.artifact import MANIFEST, Artifact
from models.errors import StoreError
from models.manifest import SERVED
from models.repository import Repository

Damage = Callable[[Path], None]
Publish = Callable[..., Artifact]
# One store serves all examples of a property: each publishes a version of its own.
OWN_VERSION = HealthCheck.function_scoped_fixture


def _add_file(version: Path) -> None:
    (version / "extra.py").touch()


def _add_folder(version: Path) -> None:
    (version / "a\nb").mkdir()


def _grow(version: Path) -> None:
    with (version / "model.pt").open("ab") as file:
        file.write(b"x")


def _overwrite(version: Path) -> None:
    (version / "model.pt").write_bytes(b"-" * 360)


def _remove(file: str) -> Damage:
    return lambda version: (version / file).unlink()


def _edit(old: str, new: str) -> Damage:
    def edit(version: Path) -> None:
        text = (version / MANIFEST).read_text()
        (version / MANIFEST).write_text(text.replace(old, new))

    return edit


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_add_file, r"/tiny/1: 'extra\.py' is not in manifest\.json"),
        (_add_folder, r"/tiny/1: 'a\\nb' is not in manifest\.json"),
        (_grow, r"/tiny/1/model\.pt: 361 bytes, but manifest\.json says 360"),
        (_overwrite, r"/tiny/1/model\.pt: its sha256 is not the one in manifest\.json"),
        (_remove("model.pt"), r"/tiny/1/model\.pt: No such file or directory"),
        (_remove(MANIFEST), r"/tiny/1/manifest\.json: No such file or directory"),
        (_edit('"version": 1', '"version": 2'), r"/tiny/1/manifest\.json: is of tiny 2, not of tiny 1"),
        (_edit('_version": 2', '_version": 3'), r"/tiny/1/manifest\.json: unknown schema version 3; .*"),
        (
            _edit('"value": 0.5', '"value": 5'),
            r"/tiny/1/manifest\.json: 'threshold\.value': Input should .*",
        ),
    ],
)
def test_damage_is_refused_with_its_reason(
    repository: Repository, publish: Publish, damage: Damage, reason: str
) -> None:
    """Each kind of damage has one line that names the file."""
    damage(publish().path)
    with pytest.raises(StoreError) as caught:
        repository.resolve("tiny")
    assert re.fullmatch(f"[^\n]*{reason}", str(caught.value))


def test_pipe_in_place_of_a_file_does_not_hang(repository: Repository, publish: Publish) -> None:
    """A pipe is refused before it is opened, which would wait for a writer."""
    path = publish().path / "model.pt"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(StoreError, match="not a regular file"):
        repository.resolve("tiny")


@settings(deadline=None, suppress_health_check=[OWN_VERSION])
@given(file=st.sampled_from([*SERVED, MANIFEST]), where=st.floats(0, 1), bit=st.integers(0, 7))
def test_flipped_bit_is_refused(
    repository: Repository, publish: Publish, file: str, where: float, bit: int
) -> None:
    """A bit flipped anywhere is refused, or, where the manifest still reads well, changes the digest."""
    artifact = publish()
    raw = bytearray((artifact.path / file).read_bytes())
    raw[int(where * (len(raw) - 1))] ^= 1 << bit
    (artifact.path / file).write_bytes(raw)
    if file == MANIFEST:
        with contextlib.suppress(StoreError):
            assert repository.resolve("tiny").digest != artifact.digest
    else:
        with pytest.raises(StoreError, match=rf"\A[^\n]*/{re.escape(file)}: its sha256[^\n]*\Z"):
            repository.resolve("tiny")


@settings(deadline=None, suppress_health_check=[OWN_VERSION])
@given(file=st.sampled_from([*SERVED, MANIFEST]), share=st.floats(0, 1, exclude_max=True))
@example(file=MANIFEST, share=0)
def test_truncation_is_refused(repository: Repository, publish: Publish, file: str, share: float) -> None:
    """A file cut anywhere is refused, naming it."""
    path = publish().path / file
    raw = path.read_bytes().rstrip(b"\n")  # a manifest without its last newline is the same document
    path.write_bytes(raw[: int(share * len(raw))])
    with pytest.raises(StoreError, match=rf"\A[^\n]*/{re.escape(file)}: [^\n]*\Z"):
        repository.resolve("tiny")


def test_files_are_read_again_and_verified_again(publish: Publish, files: dict[str, bytes]) -> None:
    """The bytes are those of the manifest, in another process too, or there are none."""
    artifact: Artifact = pickle.loads(pickle.dumps(publish()))  # noqa: S301 - our own
    assert {file: artifact.read(file) for file in SERVED} == files
    (artifact.path / "model.pt").write_bytes(files["model.pt"][::-1])
    with pytest.raises(StoreError, match=r"\A[^\n]*/tiny/1/model\.pt: its sha256 is not [^\n]*\Z"):
        artifact.read("model.pt")


def test_digest_is_what_sha256sum_says(publish: Publish) -> None:
    """The digest of an artifact is the manifest's, by an independent program."""
    artifact = publish()
    out = subprocess.run(["sha256sum", artifact.path / "manifest.json"], capture_output=True, check=True)
    assert out.stdout.split()[0].decode() == artifact.digest
