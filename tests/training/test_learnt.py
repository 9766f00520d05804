"""Which rows a version learnt from, against the split that it had."""

from pathlib import Path

import numpy as np
import pytest

from models.record import Data
from training import learnt
from training.config import Config
from training.dataset import Dataset, load


def table(folder: Path, rows: int, distinct: int) -> Path:
    """Write rows of a text, a truth, a number with gaps, a patient and a day, many of them alike."""
    draw = np.random.default_rng(0)
    path = folder / "table.csv"
    lines = ["city,owner,age,patient,day,y"]
    for each in draw.integers(0, distinct, rows).tolist():
        age = "" if each % 7 == 0 else str(each)
        cells = [f"city {each % 5}", ("yes", "no")[each % 2], age, f"p{each % 50}", str(20240100 + each % 28)]
        lines.append(",".join([*cells, ("good", "bad")[int(draw.random() < 0.3)]]))
    path.write_text("\n".join(lines) + "\n")
    return path


def data_of(dataset: Dataset) -> Data:
    return Data(
        source=dataset.source,
        sha256=dataset.sha256,
        target=dataset.target,
        rows={name: len(rows) for name, rows in dataset.parts.items()},
        dropped=0,
        duplicates=dataset.duplicates,
        split=dataset.split,
    )


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("kind", "distinct", "options"),
    [
        ("cells", 2000, {"leave_out": ("patient", "day")}),
        ("copies", 60, {"leave_out": ("patient", "day")}),
        ("groups", 2000, {"groups": "patient", "leave_out": ("day",)}),
        ("time", 2000, {"time": "day", "leave_out": ("patient",)}),
    ],
)
def test_the_split_is_told_again(
    tmp_path: Path, kind: str, distinct: int, options: dict[str, object], seed: int
) -> None:
    """All rows that were not test rows, whichever seed the newcomer has; equal rows of both classes too."""
    given = {"data": str(table(tmp_path, 1000, distinct)), "target": "y", **options}
    champion, newcomer = load(Config(**given, seed=1)), load(Config(**given, seed=seed))
    assert (champion.split.kind, newcomer.split.kind) == (kind, kind)
    found = learnt.by_version(data_of(champion), newcomer, np.arange(1000))
    assert found.certain
    np.testing.assert_array_equal(np.flatnonzero(~found.rows), champion.parts["test"])


def test_a_text_of_times(tmp_path: Path) -> None:
    """Dates sort as they are written."""
    path = table(tmp_path, 1000, 2000)
    path.write_text(path.read_text().replace(",202401", ",2024-01-"))
    dataset = load(Config(data=str(path), target="y", time="day"))
    found = learnt.by_version(data_of(dataset), dataset, np.arange(1000))
    np.testing.assert_array_equal(np.flatnonzero(~found.rows), dataset.parts["test"])


def test_what_cannot_be_told(tmp_path: Path) -> None:
    """A draw, another file's copies, and a column that does not split the data: none, and not certain."""
    path, rows = str(table(tmp_path, 1000, 60)), np.arange(1000)
    copies, groups, times = (
        load(Config(data=path, target="y", **options))
        for options in ({"leave_out": ("patient", "day")}, {"groups": "patient"}, {"time": "day"})
    )
    drawn = copies.split.model_copy(update={"kind": "draw", "columns": (), "cuts": {}})
    for split, data in ((drawn, copies), (groups.split, copies), (times.split, groups)):
        found = learnt.by_version(data_of(copies).model_copy(update={"split": split}), data, rows)
        assert (found.certain, found.rows.any()) == (False, False)
    other = data_of(copies).model_copy(update={"sha256": "0" * 64})
    found = learnt.by_version(other, copies, rows)
    assert found.rows.any()
    assert not found.certain


def test_broken_cuts_are_refused(tmp_path: Path) -> None:
    """A manifest may say anything."""
    data = load(Config(data=str(table(tmp_path, 1000, 2000)), target="y", leave_out=("patient", "day")))
    split = data.split.model_copy(update={"cuts": {"bad": ("x", "y"), "good": ("x", "y")}})
    with pytest.raises(ValueError, match="invalid literal"):
        learnt.by_version(data_of(data).model_copy(update={"split": split}), data, np.arange(1000))
