"""Which train rows stay together, of runs as they split them."""

from pathlib import Path

import numpy as np
import pytest

from training import pipeline, units
from training.config import Config
from training.pipeline import Prepared
from training.progress import Bar


@pytest.fixture
def visits(tmp_path: Path) -> Path:
    """Four visits of each of 60 patients, on 40 days, some without an answer."""
    draw = np.random.default_rng(0)
    lines = ["patient,day,pressure,ill"]
    for row in range(240):
        day, pressure = draw.integers(1, 41), round(draw.normal(120, 15), 1)
        ill = "" if row % 50 == 7 else ["no", "yes"][int(draw.random() < pressure / 240)]
        lines.append(f"p{row % 60},2024-{1 + day // 28:02}-{1 + day % 28:02},{pressure},{ill}")
    path = tmp_path / "visits.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def of(config: Config, every: int = 1) -> tuple[Prepared, np.ndarray, np.ndarray]:
    """The data, some train rows, and their units."""
    prepared = pipeline.prepare(config, Bar(quiet=True))
    rows = prepared.dataset.parts["train"][::every]
    return prepared, rows, units.of(config, prepared.dataset, prepared.raw[rows], rows)


def told(path: Path, name: str) -> np.ndarray:
    """What the file says in a column, of the rows with an answer."""
    head, *lines = path.read_text().splitlines()
    place = head.split(",").index(name)
    return np.array([line.split(",")[place] for line in lines if not line.endswith(",")])


def partition(values: np.ndarray) -> list[list[int]]:
    return sorted(np.flatnonzero(values == each).tolist() for each in set(values.tolist()))


def test_rows_of_a_group_are_a_unit(visits: Path) -> None:
    """Also where rows without a label lie between them."""
    config = Config(data=str(visits), target="ill", groups="patient", leave_out=("day",))
    _, rows, found = of(config, every=2)
    assert partition(found) == partition(told(visits, "patient")[rows])


def test_times_are_units_in_their_order(visits: Path) -> None:
    """Equal ones are the same."""
    config = Config(data=str(visits), target="ill", time="day", leave_out=("patient",))
    _, rows, found = of(config)
    days = told(visits, "day")[rows]
    assert partition(found) == partition(days)
    assert (np.diff(found[np.argsort(days, kind="stable")]) >= 0).all()


def test_rows_that_are_encoded_alike_are_a_unit(tmp_path: Path) -> None:
    """Whether or not their texts are, and gaps too."""
    path = tmp_path / "twice.csv"
    cells = [
        f"{row % 45},{'' if row % 9 == 0 else row % 5},{'no' if row % 45 % 2 else 'yes'}" for row in range(90)
    ]
    path.write_text("\n".join(["a,b,told", *cells]) + "\n")
    prepared, rows, found = of(Config(data=str(path), target="told"))
    assert prepared.dataset.split.kind == "hash"
    raw = np.nan_to_num(prepared.raw[rows], nan=-1)
    assert partition(found) == partition(np.array([str(row) for row in raw]))
    assert np.bincount(found).max() == 2


def test_repeated_observations_are_units_of_their_own(tmp_path: Path) -> None:
    """As the split takes them."""
    path = tmp_path / "dice.csv"
    path.write_text("\n".join(["a,told", *(f"{row % 4},{row % 3 > 0}" for row in range(90))]) + "\n")
    prepared, rows, found = of(Config(data=str(path), target="told"))
    assert prepared.dataset.split.kind == "rows"
    assert len(set(found.tolist())) == len(rows)


def test_a_column_of_a_built_in_set_may_split_too() -> None:
    """Read as the split read it."""
    prepared, rows, found = of(Config(data="toy", groups="x1"))
    assert prepared.dataset.split.kind == "groups"
    assert len(set(found.tolist())) == len(rows)
