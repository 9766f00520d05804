"""`promote`, `rollback`, `prune`, `sign` and `keygen`: what changes the store, and what makes a key."""

import base64
import re
from pathlib import Path

from models import pruning
from models.commands.answer import tell, tell_json
from models.errors import StoreError
from models.repository import Artifact, Repository
from models.signature import KEY_NAME, SigningKey, TrustedKeys, key_id


def promote(
    repository: Repository, name: str, version: int, trusted: TrustedKeys | None, *, as_json: bool
) -> int:
    """Make a version CURRENT."""
    return _promoted(repository.promote(name, version, trusted=trusted), as_json=as_json)


def rollback(repository: Repository, name: str, trusted: TrustedKeys | None, *, as_json: bool) -> int:
    """Make CURRENT what was it before."""
    return _promoted(repository.rollback(name, trusted), as_json=as_json)


def _promoted(artifact: Artifact, *, as_json: bool) -> int:
    name, version = artifact.manifest.name, artifact.manifest.version
    if as_json:
        tell_json({"name": name, "version": version, "digest": artifact.digest})
    else:
        tell(f"{name} {version} is current")
    return 0


def prune(repository: Repository, name: str, keep: int, *, as_json: bool) -> int:
    """Remove old versions, and say which."""
    done = pruning.prune(repository, name, keep)
    if as_json:
        tell_json({"name": name, "removed": done.removed, "kept": done.kept, "leftovers": done.leftovers})
        return 0
    tell(f"{name}: removed {_listed(done.removed)}; kept {_listed(done.kept)}")
    if done.leftovers:
        tell(f"{name}: removed what crashed writers had left: {', '.join(done.leftovers)}")
    return 0


def _listed(versions: list[int]) -> str:
    return ", ".join(map(str, versions)) or "nothing"


def sign(repository: Repository, name: str, version: int, key: SigningKey, *, as_json: bool) -> int:
    """Put a signature beside a version."""
    artifact = repository.sign(name, version, key)
    signer = key_id(key.public)
    if as_json:
        tell_json({"name": name, "version": version, "digest": artifact.digest, "key_id": signer})
    else:
        tell(f"{name} {version} is signed by key {signer}, digest {artifact.digest}")
    return 0


def keygen(file: Path) -> int:
    """Make a key; print the line that a file of trusted keys has of it, named as the file is."""
    name = re.sub(r"[^A-Za-z0-9._-]", "-", file.stem)[:64]
    if not KEY_NAME.fullmatch(name):
        raise StoreError(f"{file}: wanted the path of a file to be made")
    try:
        public = SigningKey.make(file).public
    except FileExistsError:
        raise StoreError(f"{file}: is there already, and is not overwritten") from None
    tell(f"{name}:{base64.b64encode(public).decode()} # key {key_id(public)}")
    return 0
