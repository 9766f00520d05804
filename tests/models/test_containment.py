"""Attacks on the store's walls: names and links that could lead out of it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from models.artifact import Artifact
from models.errors import StoreError, UnknownModelError
from models.manifest import File, Manifest
from models.repository import Repository

MakeManifest = Callable[[int, dict[str, File]], Manifest]
Publish = Callable[..., Artifact]

UNSAFE_NAMES = [
    "",
    ".",
    "..",
    "../etc",
    "a/../b",
    "/etc",
    "//",
    "a/",
    "%2e%2e",
    "..%2f",
    "a" * 300,
    "a\0",
    "a\n",
    "Tiny",
    "\ud800",
    "\u0661",
]

# Run as `python -c`: tries names and versions, and prints what was refused and each real path it opened.
BURGLAR = """
import json, os, sys
from pathlib import Path
from models.errors import StoreError
from models.repository import Repository

repository, attacks, opened = Repository(Path(sys.argv[1])), json.load(sys.stdin), []
sys.addaudithook(
    lambda event, args: opened.append(os.path.realpath(args[0]))
    if event in {"open", "os.listdir", "os.scandir"} and isinstance(args[0], (str, Path)) else None
)
refused = 0
for name, version in attacks:
    for attempt in (repository.resolve, repository.promote):
        try:
            attempt(name, version)
        except StoreError:
            refused += 1
print(json.dumps({"refused": refused, "opened": opened}))
"""


@pytest.mark.parametrize("name", UNSAFE_NAMES)
def test_unsafe_names_are_refused(
    repository: Repository, files: dict[str, bytes], make_manifest: MakeManifest, name: str
) -> None:
    """A name that could leave the store is refused by every method, in one short line, and makes nothing."""
    attempts: list[Callable[[], object]] = [
        lambda: repository.versions(name),
        lambda: repository.current(name),
        lambda: repository.resolve(name),
        lambda: repository.promote(name, 1),
        lambda: repository.publish(name, files, make_manifest),
    ]
    for attempt in attempts:
        with pytest.raises(UnknownModelError, match=r"\A[ -~]{1,600}\Z"):
            attempt()
    assert not repository.root.exists()


def test_nothing_outside_the_store_is_opened(
    repository: Repository, publish: Publish, tmp_path: Path
) -> None:
    """Neither a name nor a link makes the reader open a file or list a folder outside the store."""
    for _ in range(4):
        publish()
    tiny, outside = repository.root / "tiny", tmp_path / "outside"
    shutil.copytree(tiny, outside)
    (repository.root / "linked").symlink_to(outside)
    (repository.root / "pointed").mkdir()
    (repository.root / "pointed" / "CURRENT").symlink_to(outside / "CURRENT")
    for version, file in ((1, "model.pt"), (2, "manifest.json")):
        (tiny / str(version) / file).unlink()
        (tiny / str(version) / file).symlink_to(outside / str(version) / file)
    shutil.rmtree(tiny / "3")
    (tiny / "3").symlink_to(outside / "3")
    attacks = [("tiny", 1), ("tiny", 2), ("tiny", 3), ("linked", None), ("linked", 1), ("pointed", None)]
    attacks += [("../outside", 1), *((name, 1) for name in UNSAFE_NAMES)]
    child = subprocess.run(
        [sys.executable, "-c", BURGLAR, repository.root],
        input=json.dumps(attacks),
        capture_output=True,
        text=True,
        check=True,
    )
    seen = json.loads(child.stdout)
    assert seen["refused"] == 2 * len(attacks)
    assert str(tiny / "1" / "manifest.json") in seen["opened"]
    assert [path for path in seen["opened"] if path.startswith(str(outside))] == []


def test_links_are_named_as_the_reason(repository: Repository, publish: Publish, tmp_path: Path) -> None:
    """A link is refused even when it stays in the store, and even by a publisher."""
    publish()
    tiny = repository.root / "tiny"
    (tiny / "2").symlink_to("1")
    assert repository.versions("tiny") == [1]
    with pytest.raises(StoreError, match=r"2: not a folder \(links are refused\)$"):
        repository.resolve("tiny", 2)
    assert publish().manifest.version == 3
    tiny.rename(tmp_path / "elsewhere")
    tiny.symlink_to(tmp_path / "elsewhere")
    for attempt in (publish, lambda: repository.versions("tiny"), lambda: repository.current("tiny")):
        with pytest.raises(StoreError, match=r"tiny: not a folder \(links are refused\)$"):
            attempt()
    assert Repository(tmp_path).versions("elsewhere") == [1, 3]
