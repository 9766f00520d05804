"""Volumes as a kubelet mounts a ConfigMap or a Secret. Knows nothing of models."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path


def mount(volume: Path, files: Mapping[str, bytes]) -> None:
    """Put files into a volume in place of those before, by one rename, as the kubelet's AtomicWriter does.

    What is seen are links through `..data`, which leads to the folder that holds the files.
    """
    volume.mkdir(parents=True, exist_ok=True)
    data, draft = volume / "..data", volume / "..data_tmp"
    former = volume / data.readlink() if data.is_symlink() else None
    folder = Path(tempfile.mkdtemp(prefix="..2026_11_25_12_00_00.", dir=volume))
    folder.chmod(0o755)  # the kubelet's own mode: the container's user reads it
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    draft.symlink_to(folder.name)
    draft.replace(data)
    seen = {Path(path).parts[0] for path in files}
    for name in seen:
        if not (volume / name).is_symlink():
            (volume / name).symlink_to(f"..data/{name}")
    for path in volume.iterdir():
        if not path.name.startswith("..") and path.name not in seen:
            path.unlink()
    if former:
        shutil.rmtree(former)


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder by its path from there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
