"""The table that is printed before the fit."""

from pathlib import Path

import numpy as np
import pytest

from models.inputs import (
    Boolean,
    BooleanReference,
    Categorical,
    CategoricalReference,
    Input,
    Missing,
    Numeric,
    NumericReference,
)
from training import found
from training.columns import Categories, Column, Numbers, Truths
from training.config import Config
from training.dataset import load

TABLES = Path(__file__).with_name("tables")


def described(column: Column) -> Input:
    """Describe a column by all of its rows, its smallest category as a rare one."""
    missing = Missing(admitted=column.gaps, imputed_by=None)
    if isinstance(column, Numbers):
        low, high = float(np.nanmin(column.values)), float(np.nanmax(column.values))
        reference = NumericReference(rows=160, missing=0, mean=low, std=1, min=low, max=high, bins=None)
        return Numeric(name=column.name, missing=missing, reference=reference, unit=None)
    if isinstance(column, Truths):
        true = float((column.codes == 1).mean())
        shares = BooleanReference(rows=160, missing=0, false=1 - true, true=true)
        return Boolean(name=column.name, missing=missing, texts=dict(column.texts), reference=shares)
    assert isinstance(column, Categories)
    portions = np.bincount(column.codes[column.codes >= 0]) / 160
    least = int(portions.argmin())
    names = [name for place, name in enumerate(column.distinct) if place != least]
    of = CategoricalReference(
        rows=160, missing=0, shares=tuple(np.delete(portions, least)), rare=portions[least]
    )
    return Categorical(
        name=column.name,
        missing=missing,
        categories=tuple(map(str, names)),
        rare=(str(column.distinct[least]),),
        reference=of,
    )


def rendered(file: str) -> list[str]:
    dataset = load(Config(data=str(TABLES / file), target="paid"))
    return found.render(dataset, [described(column) for column in dataset.columns]).splitlines()


def test_each_column_has_a_line() -> None:
    """Its name, kind, the share that is missing, and what it holds."""
    lines = rendered("gaps.csv")
    assert lines[0] == "gaps.csv: 160 rows (96 train + 32 validation + 32 test)"
    assert lines[2].split() == ["column", "kind", "missing", "holds"]
    assert lines[3].split()[:3] == ["age", "numeric", "-"]
    assert lines[4].startswith("income  numeric")
    assert "%" in lines[4]
    assert lines[6].startswith("city    categorical")
    assert "Lyon" in lines[6]
    assert "1 rare one 8 %" in lines[6]
    assert lines[7].startswith("owner   boolean")
    assert "true" in lines[7]


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (
            "target-gaps.csv",
            "145 rows (87 train + 29 validation + 29 test), 15 more without a label are left out",
        ),
        ("duplicates.csv", "80 have the inputs of an earlier one"),
        ("constant.csv", "  country: the same in every row, 'FR'"),
        ("pandas-index.csv", "  Unnamed: 0: the index that pandas writes"),
        ("identifier-text.csv", "--keep customer keeps it"),
    ],
)
def test_what_is_left_out_and_doubted_is_said(file: str, words: str) -> None:
    """Rows, columns and doubts, each with its reason or flag."""
    assert words in "\n".join(rendered(file))


def test_a_name_stays_on_its_line(tmp_path: Path) -> None:
    """Whatever control characters a header holds."""
    path = tmp_path / "t.csv"
    rows = [f"{row * 0.37:.3f},{'ab'[row % 2]}" for row in range(60)]
    path.write_text("\n".join(['"x\n\x1b[2J",y', *rows]))
    dataset = load(Config(data=str(path), target="y"))
    assert r"x\n\x1b[2J  numeric" in found.render(dataset, [described(column) for column in dataset.columns])
