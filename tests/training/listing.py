"""What a store holds, to be compared before and after."""

from pathlib import Path


def listing(store: Path) -> dict[str, bytes | None]:
    """Every path under a store, with the bytes of each file."""
    return {
        str(path.relative_to(store)): path.read_bytes() if path.is_file() else None
        for path in store.rglob("*")
    }
