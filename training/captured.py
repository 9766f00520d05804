"""Rows that a service captured, joined with their labels by id. Knows nothing of what a column is."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from training.errors import DataError
from training.lines import LABELS, ROWS, Folder, Label, Model, Row
from training.served import Versions

if TYPE_CHECKING:
    from training.config import Config
    from training.table import Table

TARGET = "label"
"""What labels are called where no version says it."""


@dataclass(frozen=True)
class Captured:
    """The rows that have a label, their digest, and how many have none.

    `notes` say what was found, `doubts` what should not be there.
    """

    table: "Table"
    sha256: str
    unlabelled: int
    notes: tuple[str, ...]
    doubts: tuple[str, ...]


def settled(config: "Config") -> "Config":
    """Return the settings with the name of the folder's only model, and the target that it is served with.

    What was given stays. Raises DataError for a folder with rows of no model, or of several.
    """
    name = config.name
    if "name" not in config.model_fields_set:
        found = sorted({line.model for line in Folder(config.data).lines(ROWS, Model)})
        if len(found) != 1:
            says = f"rows of {', '.join(found)}; --name says which" if found else f"no row in {ROWS}"
            raise DataError(f"{config.data}: {says}")
        [name] = found
    target = config.target or Versions(config.store, name).target or TARGET
    return config.model_copy(update={"name": name, "target": target})


def read(data: str, name: str, target: str, store: Path) -> Captured:
    """Read the rows of a model that have a label, which is the column `target`.

    The other columns are those of all rows, in the order of the newest version that the store has. Raises
    DataError for a malformed line, for an input that is called as the target, and where no row is left.
    """
    from training.gathered import Columns  # noqa: PLC0415 - Arrow is not needed to know a model's name
    from training.table import Table  # noqa: PLC0415

    folder, versions, columns = Folder(data), Versions(store, name), Columns()
    labels, disputed = _labels(folder)
    digest, models, joined = hashlib.sha256(), Counter[str](), 0
    for row in folder.lines(ROWS, Row):
        models[row.model] += 1
        if row.model != name or row.id not in labels:
            continue
        if target in row.inputs:
            raise DataError(f"{data}: an input is called {target!r} too; --target calls the label otherwise")
        joined += 1
        label = labels[row.id].label
        digest.update(msgspec.json.encode([row.id, label, row.inputs]) + b"\n")
        columns.add({**row.inputs, **versions.truths(row), target: label})
    rows = models.pop(name, 0)
    notes = [f"{rows} rows of {name}, {len(labels)} labels, {joined} joined"]
    if models:
        others = ", ".join(f"{count} of {model}" for model, count in sorted(models.items()))
        notes.append(f"passed over: {others}")
    if folder.torn:
        notes.append(f"passed over: {folder.torn} last lines, which are torn")
    if not joined:
        raise DataError(f"{data}: no row has a label: {'; '.join(notes)}")
    doubts = (f"{disputed} ids have two different labels, of which the first holds",) if disputed else ()
    table = Table(columns.end(versions.order), joined, (), decimal_comma=False)
    return Captured(table, digest.hexdigest(), rows - joined, tuple(notes), doubts)


def _labels(folder: Folder) -> tuple[dict[str, Label], int]:
    """Return the first label of each id, by its time, and how many ids have another one too."""
    found: dict[str, Label] = {}
    disputed: set[str] = set()
    for label in folder.lines(LABELS, Label):
        first = found.setdefault(label.id, label)
        if first.label != label.label:
            disputed.add(label.id)
        if label.time < first.time:
            found[label.id] = label
    return found, len(disputed)
