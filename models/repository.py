"""The store of published versions: publish, resolve, promote. Knows nothing of what a model computes."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from models import durable, shelf
from models.artifact import MANIFEST, Artifact, verify
from models.beneath import MOST_LINKS, Folder, refusing_unreadable
from models.errors import PromotedMeanwhileError, StoreError, UnknownModelError
from models.manifest import FILES, SERVED, FileName, Manifest
from models.parts import NAME, File
from models.promotion import HISTORY, By, History, Promotion
from models.shelf import CURRENT, VERSION
from models.signature import SigningKey, TrustedKeys
from models.verdict import Verdict

__all__ = ["CURRENT", "Artifact", "Repository"]

ANY = 0
"""No version's number: stands for whatever CURRENT names."""


class Repository:
    """Versions of named models under one folder, in the format of `models/README.md`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self, *, promoted: bool = True) -> list[str]:
        """List the models that have a CURRENT, sorted; none when the store does not exist.

        Unless `promoted`, also those that have versions alone.
        """
        with refusing_unreadable(self.root):
            if not self.root.exists():
                return []
        with Folder.root(self.root) as root:
            found = sorted(name for name in root.names() if NAME.fullmatch(name))
            return [
                name
                for name in found
                if shelf.holds(root, name, CURRENT) or (not promoted and _any(root, name))
            ]

    def versions(self, name: str) -> list[int]:
        """List the complete versions of a model, ascending; none when the store does not have it.

        Complete means that a manifest is there, which is written last; only `resolve` verifies.
        """
        if not os.path.lexists(self._path(name)):
            return []
        with self.opened(name) as model:
            return shelf.versions(model)

    def current(self, name: str) -> int:
        """Read which version CURRENT names.

        Raises UnknownModelError without the model or its CURRENT, StoreError when CURRENT is not one number
        or that version is missing.
        """
        with self.opened(name) as model:
            return shelf.current(model)

    def resolve(self, name: str, version: int | None = None, trusted: TrustedKeys | None = None) -> Artifact:
        """Verify a version, CURRENT's by default, and return it.

        Raises UnknownModelError when the store does not have it, UnsignedError unless one of the keys in
        `trusted` signed it, StoreError when anything in it is not what its manifest says. Golden examples
        are for whoever can run the model.
        """
        with contextlib.suppress(StoreError), self.opened(name) as model:
            return shelf.resolve(model, name, version, trusted)
        with self.opened(name) as model:  # once more: it may have been read while a mount was switched
            return shelf.resolve(model, name, version, trusted)

    def publish(
        self,
        name: str,
        files: Mapping[str, bytes | Path],
        make_manifest: Callable[[int, dict[str, File]], Manifest],
        describe: Callable[[Manifest], Mapping[FileName, bytes]] = lambda _: {},
        *,
        promote: bool = True,
    ) -> Artifact:
        """Add the next version of a model, verified as a reader would, and promote it if so told.

        `make_manifest` gets the version and the digests; `describe` gets the manifest, and returns the files
        that speak of the version, which the manifest then lists too. Both are called again when another
        publisher took the number, and what they raise passes through. Raises StoreError for what a reader
        would refuse, OSError when the store cannot be written. A failed publish leaves nothing behind; if
        only its promotion fails the version stays, complete.
        """
        model = self._path(name)
        if not set(SERVED) <= set(files) <= set(FILES):
            raise StoreError(f"{name}: a version holds {', '.join(FILES)}, not {sorted(files)!a}")
        if os.path.lexists(model) and (model.is_symlink() or not model.is_dir()):
            raise StoreError(f"{model}: not a folder (links are refused)")
        staging = model / f".publish-{secrets.token_hex(8)}"
        staging.mkdir(parents=True)
        try:
            digests = {file: durable.write(staging / file, content) for file, content in files.items()}
            version = max(_taken(model), default=0) + 1
            while True:
                manifest = make_manifest(version, digests)
                texts = describe(manifest)
                if not set(texts) <= set(FILES) - set(files):
                    raise StoreError(f"{name}: {sorted(texts)!a} describe no version")
                more = {file: durable.write(staging / file, text) for file, text in texts.items()}
                listed = manifest.model_copy(update={"files": {**manifest.files, **more}})
                durable.write(staging / MANIFEST, listed.to_json())
                with Folder.root(staging, links=0) as folder:
                    artifact = verify(folder, name, version)
                durable.sync(staging)
                target = model / str(version)
                try:
                    staging.rename(target)
                    break
                except OSError:
                    if not os.path.lexists(target):
                        raise
                    version += 1
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            with contextlib.suppress(OSError):  # rmdir refuses a folder that holds anything
                model.rmdir()
        durable.sync(model)  # the version before the CURRENT that names it
        durable.sync(self.root)
        if promote:
            self.promote(name, version, by="published")
        return replace(artifact, path=target)

    def promote(
        self,
        name: str,
        version: int,
        *,
        instead_of: int | None = ANY,
        by: By = "promoted",
        trusted: TrustedKeys | None = None,
    ) -> Artifact:
        """Verify a version and make it CURRENT, which must still name `instead_of` where that is given.

        Its None means that there must be no CURRENT yet. Raises as `resolve` does, PromotedMeanwhileError
        when CURRENT is another, or OSError when the store cannot be written.
        """
        with self.opened(name, links=0) as model, model.locked():
            artifact = shelf.resolve(model, name, version, trusted)
            try:
                history = shelf.history(model)
            except StoreError:  # a CURRENT that is broken: this mends it
                if instead_of != ANY:
                    raise
                history = History.read(model)
            else:
                current = history.promotions[-1].version if history.promotions else None
                if instead_of not in {ANY, current}:
                    raise PromotedMeanwhileError(
                        f"{model.path / CURRENT}: names {current or 'nothing'}, not {instead_of or 'nothing'}"
                    )
            _point(model.path, history, artifact, by)
        return artifact

    def judge(self, verdict: Verdict) -> None:
        """Lay a verdict beside the version that it is on. Raises StoreError and OSError as `promote` does."""
        with self.opened(verdict.name, links=0) as model:
            durable.replace(model.path / f"{verdict.version}.gate.json", verdict.to_json())

    def verdict(self, name: str, version: int) -> Verdict | None:
        """Read the verdict on a version; None where there is none. Raises StoreError for a broken one."""
        with self.opened(name) as model:
            raw = shelf.read_beside(model, version, "gate.json")
            try:
                return None if raw is None else Verdict.from_json(raw)
            except ValueError as error:
                raise StoreError(f"{model.path / f'{version}.gate.json'}: not a verdict") from error

    def rollback(self, name: str, trusted: TrustedKeys | None = None) -> Artifact:
        """Verify what was CURRENT before, and make it CURRENT; again, and it goes one further back.

        Raises as `promote` does, StoreError also when nothing is known to have been CURRENT before.
        """
        with self.opened(name, links=0) as model, model.locked():
            current, history = shelf.current(model), shelf.history(model)
            if history.before is None:
                raise StoreError(f"{model.path / HISTORY}: tells of no version before {current}")
            artifact = shelf.resolve(model, name, history.before, trusted)
            _point(model.path, history, artifact, "rolled back")
        return artifact

    def sign(self, name: str, version: int, key: SigningKey) -> Artifact:
        """Verify a version and put a signature beside it, in the place of an earlier one.

        Raises as `resolve` does, or OSError when the store cannot be written.
        """
        with self.opened(name, links=0) as model:
            artifact = shelf.resolve(model, name, version)
            signature = key.sign(artifact.read_manifest())
            durable.replace(model.path / f"{version}.sig", signature.to_json())
        return artifact

    @contextlib.contextmanager
    def opened(self, name: str, links: int = MOST_LINKS) -> Iterator[Folder]:
        """Hold a model's folder open. Raises UnknownModelError when the store does not have it."""
        path = self._path(name)
        if not os.path.lexists(path):
            raise UnknownModelError(f"{path}: not in the store")
        with Folder.root(self.root, links) as root, root.folder(name) as model:
            yield model

    def _path(self, name: str) -> Path:
        if not NAME.fullmatch(name):
            raise UnknownModelError(f"{name[:80]!a} is not a model name: {NAME.pattern}")
        return self.root / name


def _taken(model: Path) -> list[int]:
    return sorted(int(path.name) for path in model.iterdir() if VERSION.fullmatch(path.name))


def _any(root: Folder, name: str) -> bool:
    try:
        with root.folder(name) as model:
            return bool(shelf.versions(model))
    except StoreError:
        return False


def _point(model: Path, history: History, artifact: Artifact, by: By) -> None:
    """Write the history, then CURRENT: a crash in between leaves an entry that CURRENT does not name."""
    promotion = Promotion(
        version=artifact.manifest.version, digest=artifact.digest, time=datetime.now(UTC), by=by
    )
    durable.replace(model / HISTORY, history.then(promotion).to_json())
    durable.replace(model / CURRENT, f"{promotion.version}\n".encode())
