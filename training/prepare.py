"""From a file to what a fit takes: inputs, their design, and each split's rows. Knows nothing of fits."""

import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.cores import usable_cores
from models.inputs import Cell, Input
from models.record import SplitName
from training import design as designs
from training import leakage, reference
from training.columns import Column
from training.config import Config
from training.dataset import Dataset, load
from training.decide import check
from training.design import Design
from training.errors import SettingError
from training.export import chosen as golden_rows
from training.fit import one_thread
from training.progress import Bar
from training.rows import Rows

MEASURED_ROWS = 1_000_000
"""Rows of a split, drawn by the seed, that figures are measured on at most: 0.001 is certain then."""


@dataclass(frozen=True)
class Prepared:
    """A data set as the fit takes it: its inputs, their design, and each split's encoded rows.

    `golden` are cells of some test rows, [rows][inputs].
    """

    dataset: Dataset
    inputs: tuple[Input, ...]
    design: Design
    rows: dict[SplitName, Rows]
    golden: list[tuple[Cell, ...]]

    def measured(self, split: SplitName, seed: int) -> Rows:
        """Return the rows of a split that figures are measured on."""
        return self.rows[split].drawn(MEASURED_ROWS, seed)


def prepare(config: Config, bar: Bar) -> Prepared:
    """Load, check and split the rows, and find their design. Raises DataError and SettingError."""
    bar.stage("reading the data")
    dataset = load(config)
    check(config, dataset.classes)
    names = [column.name for column in dataset.columns]
    for name in config.units:
        if name not in names:
            raise SettingError(f"TRAINING_UNITS={name}: no such input column in {config.data}")
    inputs, rows, golden = _encoded(config, dataset)
    train = rows["train"]
    prepared = Prepared(dataset, inputs, designs.make(inputs, _each(train)), rows, golden)
    with one_thread():
        leaks = leakage.leaks(prepared.design, train, rows["validation"], len(dataset.classes))
    said = [
        f"{name}: alone it removes {removed:.0%} of the baseline's log-loss, as what is known only after the "
        f"answer does; --leave-out {shlex.quote(name)} leaves it out"
        for name, removed in leaks
    ]
    doubts = (*dataset.doubts, *reference.doubts(inputs), *said)
    return replace(prepared, dataset=replace(dataset, doubts=doubts))


def _encoded(
    config: Config, dataset: Dataset
) -> tuple[tuple[Input, ...], dict[SplitName, Rows], list[tuple[Cell, ...]]]:
    """Return the inputs, each split's rows as the module takes them, and cells of golden rows."""
    scratch, parts = dataset.scratch, dataset.parts
    chosen = golden_rows(parts["test"], dataset.y)
    cells = []
    columns: dict[SplitName, list[NDArray[np.float32]]] = {name: [] for name in parts}

    def describe(column: Column) -> Input:
        found = reference.describe(column, parts["train"], config.units.get(column.name))
        scratch.forget()
        return found

    with ThreadPoolExecutor(usable_cores()) as pool:
        # Where memory is not for all columns it is not for several at once.
        inputs = tuple((map if scratch.on_disk else pool.map)(describe, dataset.columns))
    for column, item in zip(dataset.columns, inputs, strict=True):
        encoded = designs.encode(column, item)
        for name, own in parts.items():
            columns[name].append(scratch.keep(encoded[own]))
        cells.append([column.cell(row) for row in chosen])
        scratch.tidied()
    rows = {name: Rows(tuple(each), dataset.y[parts[name]], scratch.forget) for name, each in columns.items()}
    return inputs, rows, list(zip(*cells, strict=True))


def _each(rows: Rows) -> Iterator[NDArray[np.float32]]:
    for column in rows.columns:
        yield column
        rows.forget()
