"""Stores that a kubelet mounts: whole, one model, or one version; and switched while they are read."""

import hashlib
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from models.artifact import MANIFEST
from models.errors import StoreError
from models.manifest import SERVED, Manifest
from models.parts import File
from models.repository import Repository
from tests.models.kubelet import mount

MakeManifest = Callable[[int, dict[str, File]], Manifest]
Put = Callable[[int, bytes], str]
READS = 200

# Where the volume is; above it are real folders.
MOUNTED = pytest.mark.parametrize("below", ["", "tiny/", "tiny/1/"], ids=["store", "model", "version"])


@pytest.fixture
def put(repository: Repository, make_manifest: MakeManifest, below: str) -> Put:
    """Mount a store of one version, in place of the one before; returns the digest."""

    def put(version: int, content: bytes) -> str:
        files = {name: name.encode() + content for name in SERVED}
        digests = {
            name: File(sha256=hashlib.sha256(held).hexdigest(), size_bytes=len(held))
            for name, held in files.items()
        }
        manifest = make_manifest(version, digests).to_json()
        store = {f"tiny/{version}/{name}": held for name, held in {**files, MANIFEST: manifest}.items()}
        store["tiny/CURRENT"] = b"%d\n" % version
        mount(
            repository.root / below,
            {path.removeprefix(below): held for path, held in store.items() if path.startswith(below)},
        )
        if below == "tiny/1/":
            (repository.root / "tiny" / "CURRENT").write_bytes(store["tiny/CURRENT"])
        return hashlib.sha256(manifest).hexdigest()

    return put


@MOUNTED
def test_a_mounted_store_is_read(repository: Repository, put: Put) -> None:
    """By name and by number, listed, and read after the mount was replaced by one of the same files."""
    digest = put(1, b"one")
    assert repository.names() == ["tiny"]
    assert repository.versions("tiny") == [1]
    assert repository.current("tiny") == 1
    artifact = repository.resolve("tiny")
    assert artifact == repository.resolve("tiny", 1)
    assert artifact.digest == digest
    put(1, b"one")
    assert {name: artifact.read(name) for name in SERVED} == {name: name.encode() + b"one" for name in SERVED}
    put(1, b"two")
    with pytest.raises(StoreError, match=r"/tiny/1/model\.pt: its sha256 is not the one in manifest\.json$"):
        artifact.read("model.pt")


@MOUNTED
def test_a_mounted_version_is_not_promoted(repository: Repository, put: Put) -> None:
    """Who writes follows no link: the volume is the kubelet's."""
    put(1, b"one")
    with pytest.raises(StoreError, match=r"/tiny[^ ]*: links are refused$"):
        repository.promote("tiny", 1)


@MOUNTED
def test_a_switched_mount_is_read_whole_or_refused(repository: Repository, put: Put, below: str) -> None:
    """While `..data` goes to and fro between two versions, no read is of both."""
    other = 1 if below == "tiny/1/" else 2
    contents = {put(1, b"one"): b"one", put(other, b"two"): b"two"}
    done = threading.Event()

    def switch() -> None:
        for version, content in itertools.cycle([(1, b"one"), (other, b"two")]):
            put(version, content)
            if done.is_set():
                return

    whole = 0
    with ThreadPoolExecutor(1) as pool:
        switching = pool.submit(switch)
        try:
            for _ in range(READS):
                try:
                    artifact = repository.resolve("tiny")
                    content = contents[artifact.digest]
                    for name in SERVED:
                        assert artifact.read(name) == name.encode() + content
                except StoreError:
                    continue
                whole += 1
        finally:
            done.set()
        switching.result()
    assert whole
    assert repository.resolve("tiny").digest in contents
