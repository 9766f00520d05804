"""Attacks on the store's walls: names and links that could lead out of it."""

import io
import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import pytest

from models.artifact import Artifact
from models.errors import StoreError, UnknownModelError
from models.manifest import Manifest
from models.parts import File
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
# os.open takes names relative to a descriptor: what it opened is asked of the kernel. Whatever else opens
# or lists is seen by the audit hook, which does not miss an os.open that goes past ours either.
BURGLAR = """
import json, os, sys
from pathlib import Path
from models.errors import StoreError
from models.repository import Repository

repository, attacks, opened, asking = Repository(Path(sys.argv[1])), json.load(sys.stdin), [], []
system_open = os.open

def seen_open(*args, **options):
    asking.append(None)
    try:
        descriptor = system_open(*args, **options)
    finally:
        asking.pop()
    opened.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return descriptor

def hook(event, args):
    if event in {"open", "os.listdir", "os.scandir"} and not asking:
        opened.append(os.path.realpath(f"/proc/self/fd/{args[0]}" if isinstance(args[0], int) else args[0]))

os.open = seen_open
sys.addaudithook(hook)
refused = 0
for name, version in attacks:
    for attempt in (repository.resolve, lambda name, version: repository.promote(name, version or 1)):
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
    for _ in range(6):
        publish()
    tiny, outside = repository.root / "tiny", tmp_path / "outside"
    shutil.copytree(tiny, outside)
    (repository.root / "linked").symlink_to(outside)
    (repository.root / "climbing").symlink_to("../outside")
    (repository.root / "returning").symlink_to("../store/tiny")
    (repository.root / "pointed").mkdir()
    (repository.root / "pointed" / "CURRENT").symlink_to(outside / "CURRENT")
    for version, file in ((1, "model.pt"), (2, "manifest.json")):
        (tiny / str(version) / file).unlink()
        (tiny / str(version) / file).symlink_to(outside / str(version) / file)
    for version, target in ((3, outside / "3"), (4, "../../outside/4"), (5, "through/5")):
        shutil.rmtree(tiny / str(version))
        (tiny / str(version)).symlink_to(target)
    (tiny / "through").symlink_to("../../outside")
    attacks = [("tiny", version) for version in range(1, 6)]
    attacks += [(name, version) for name in ("linked", "climbing", "returning") for version in (None, 1)]
    attacks += [("pointed", None), ("../outside", 1), *((name, 1) for name in UNSAFE_NAMES)]
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
    # Not even the folder that the store is in.
    assert str(tmp_path) not in seen["opened"]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("..kept", None),
        ("../1/./..kept", None),
        ("../../tiny//1/..kept", None),
        ("../../../store/tiny/1/..kept", "a link leads out of the store"),
        ("{store}/tiny/1/..kept", "a link leads out of the store"),
        ("/proc/self/cwd/../..kept", "a link leads out of the store"),
        ("..kept/", "not a regular file"),
        ("..kept/../..kept", "not a regular file"),
        ("..", "not a regular file"),
        ("nowhere", "No such file or directory"),
        ("model.pt", "more than 40 links"),
        ("..chain-38", None),
        ("..chain-39", "more than 40 links"),
    ],
)
def test_a_link_is_followed_inside_the_store(
    repository: Repository, publish: Publish, files: dict[str, bytes], target: str, reason: str | None
) -> None:
    """Where every step stays inside, at most 40 of them; it is the right file, so only the way counts."""
    version = publish().path
    (version / "model.pt").rename(version / "..kept")
    (version / "model.pt").symlink_to(target.format(store=repository.root))
    (version / "..chain-0").symlink_to("..kept")
    for link in range(1, 40):
        (version / f"..chain-{link}").symlink_to(f"..chain-{link - 1}")
    if reason is None:
        assert repository.resolve("tiny").read("model.pt") == files["model.pt"]
    else:
        with pytest.raises(StoreError, match=rf"^[^\n]*/tiny/1/model\.pt: {reason}$"):
            repository.resolve("tiny")
    with pytest.raises(StoreError, match=r"/tiny/1/model\.pt: links are refused$"):
        repository.promote("tiny", 1)


def test_links_of_folders_are_followed_inside_the_store(
    repository: Repository, publish: Publish, tmp_path: Path
) -> None:
    """Models, versions and CURRENT are found and listed; what lies outside is not; nobody writes."""
    publish()
    tiny = repository.root / "tiny"
    (tiny / "1").rename(tiny / "..one")
    (tiny / "1").symlink_to("..one")
    (tiny / "2").symlink_to(tmp_path)
    (tiny / "CURRENT").rename(tiny / "..current")
    (tiny / "CURRENT").symlink_to("..current")
    assert repository.resolve("tiny") == repository.resolve("tiny", 1)
    assert repository.versions("tiny") == [1]
    with pytest.raises(StoreError, match=r"/tiny/1: links are refused$"):
        repository.promote("tiny", 1)
    assert publish().manifest.version == 3
    tiny.rename(repository.root / "..data")
    tiny.symlink_to("..data")
    assert repository.names() == ["tiny"]
    assert repository.versions("tiny") == [1, 3]
    assert repository.current("tiny") == repository.resolve("tiny").manifest.version == 3
    with pytest.raises(StoreError, match=r"/tiny: links are refused$"):
        repository.promote("tiny", 1)
    with pytest.raises(StoreError, match=r"/tiny: not a folder \(links are refused\)$"):
        publish()
    (repository.root / "..data").rename(tmp_path / "elsewhere")
    tiny.unlink()
    tiny.symlink_to(tmp_path / "elsewhere")
    assert repository.names() == []
    for attempt in (repository.versions, repository.current, repository.resolve):
        with pytest.raises(StoreError, match=r"/tiny: a link leads out of the store$"):
            attempt("tiny")
    assert Repository(tmp_path).versions("elsewhere") == [1, 3]
    (tmp_path / "way").symlink_to(tmp_path)
    assert Repository(tmp_path / "way").versions("elsewhere") == [1, 3]


@pytest.mark.parametrize("swapped", ["tiny", "tiny/1", "tiny/1/model.pt", "tiny/CURRENT"])
def test_a_link_that_is_swapped_meanwhile_never_leads_out(
    repository: Repository,
    publish: Publish,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    swapped: str,
) -> None:
    """However a link goes to and fro while it is read, what is opened is inside, or the read is refused."""
    inside = publish()
    outside = tmp_path / "outside"
    shutil.copytree(repository.root, outside)
    link = repository.root / swapped
    link.rename(link.with_name("..kept"))
    opened: list[Path] = []
    done = threading.Event()
    system_open, system_file = os.open, io.open

    def seen(descriptor: int) -> None:
        opened.append(Path(f"/proc/self/fd/{descriptor}").readlink())

    def seen_open(*args: Any, **options: Any) -> int:
        descriptor = system_open(*args, **options)
        seen(descriptor)
        return descriptor

    def seen_file(*args: Any, **options: Any) -> IO[Any]:
        stream = system_file(*args, **options)
        seen(stream.fileno())
        return stream

    def swap() -> None:
        draft = link.with_name("..draft")
        for target in itertools.cycle(["..kept", outside / swapped]):
            draft.symlink_to(target)
            draft.replace(link)
            if done.is_set():
                return

    monkeypatch.setattr(os, "open", seen_open)
    monkeypatch.setattr(io, "open", seen_file)
    reads = {True: 0, False: 0}
    with ThreadPoolExecutor(1) as pool:
        swapping = pool.submit(swap)
        try:
            while min(reads.values()) < 20:
                try:
                    assert repository.resolve("tiny") == inside
                except StoreError:
                    reads[False] += 1
                else:
                    reads[True] += 1
                assert sum(reads.values()) < 20_000
        finally:
            done.set()
        swapping.result()
    assert opened
    assert not [path for path in opened if not path.is_relative_to(repository.root)]
