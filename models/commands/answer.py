"""What a command says: a table for people, JSON for programs, a line for an error. Knows no store."""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from models.errors import StoreError

BAD, UNWRITABLE = 2, 3


def refuse(error: StoreError) -> int:
    """Write why something cannot be done; return the exit status of it."""
    sys.stderr.write(f"error: {error}\n")
    return BAD


def tell(*lines: str) -> None:
    """Write lines for people."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def tell_json(document: Any) -> None:
    """Write one line for programs."""
    sys.stdout.write(json.dumps(document) + "\n")


def table(rows: Iterable[Sequence[Any]]) -> list[str]:
    """Align columns, those of numbers to the right; None is a dash, and no blanks end a row."""
    columns = [_aligned([_shown(cell) for cell in column]) for column in zip(*rows, strict=True)]
    return ["  ".join(row).rstrip() for row in zip(*columns, strict=True)]


def _shown(cell: Any) -> str:
    text = "-" if cell is None else str(cell)
    return text if text.isprintable() else ascii(text)  # or a manifest could write to the terminal


def _aligned(column: list[str]) -> list[str]:
    width = max(map(len, column))
    cells = set(column[1:]) - {"-"}
    numbers = bool(cells) and all(re.fullmatch(r"-?[0-9.]+", cell) for cell in cells)
    return [cell.rjust(width) if numbers else cell.ljust(width) for cell in column]
