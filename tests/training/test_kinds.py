"""What columns are found to be, beside what was asked of them."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from training import dataset
from training.columns import KINDS, Categories, Column, Numbers, Truths
from training.config import Config
from training.errors import DataError, SettingError

ROWS = 200
RANDOM = np.random.default_rng(0)
NOISE = [f"{value:.6f}" for value in RANDOM.normal(size=ROWS)]
LABELS = RANDOM.permutation(["no", "yes"] * (ROWS // 2)).tolist()
SHUFFLED = RANDOM.permutation(ROWS)


def load(tmp_path: Path, cells: list[Any], separator: str = ",", **options: Any) -> dataset.Dataset:
    """Load a text file of a column "a b", a column of noise, and labels in no order."""
    rows = zip(cells, NOISE, LABELS, strict=True)
    lines = [separator.join(f'"{cell}"' for cell in row) for row in [("a b", "noise", "y"), *rows]]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines))
    return dataset.load(Config(data=str(path), target="y", **options))


def column(tmp_path: Path, cells: list[Any], **options: Any) -> Column:
    found = load(tmp_path, cells, **options).columns[0]
    assert found.name == "a b"
    return found


def cycle(*cells: str) -> list[str]:
    return [cells[row % len(cells)] for row in range(ROWS)]


def test_numbers_are_read_with_nan_for_gaps(tmp_path: Path) -> None:
    """Signs, exponents, bare points, gaps and tokens in any case."""
    found = column(tmp_path, cycle("+3", "4.", ".5", "-1e-3", "", "n/A", "NULL", "nan", "?", "-"))
    assert isinstance(found, Numbers)
    np.testing.assert_array_equal(found.values[:4], np.array([3, 4, 0.5, -1e-3], np.float32))
    assert np.isnan(found.values[4:10]).all()


def test_a_token_may_be_a_number(tmp_path: Path) -> None:
    """A number that means a missing one is that; other words are not, once tokens are given."""
    found = column(tmp_path, cycle("1.5", "-999", "2.5"), missing=("-999",))
    assert isinstance(found, Numbers)
    np.testing.assert_array_equal(found.values[:3], [1.5, np.nan, 2.5])
    with pytest.raises(DataError, match=r"row 1: 'NA' is not a number; --missing NA takes it as missing"):
        load(tmp_path, ["NA", *cycle("1.5", "2.5")[1:]], missing=("-999",))


def test_words_that_mean_missing_are_text_among_text(tmp_path: Path) -> None:
    """NA is Namibia."""
    found = column(tmp_path, cycle("NA", "FR", ""))
    assert isinstance(found, Categories)
    assert found.distinct == ("FR", "NA")
    assert [found.cell(row) for row in range(3)] == ["NA", "FR", None]


@pytest.mark.parametrize(
    ("cells", "wrong", "hint"),
    [
        (("$5", "$7.50"), "'$5'", "currency"),
        (("5 EUR", "7.5 EUR"), "'5 EUR'", "currency"),
        (("US$ 5", "7"), "'US$ 5'", "currency"),
        (("5 kr", "7.5"), "'5 kr'", "currency"),
        (("-£5", "3"), "'-£5'", "currency"),
        (("3", "5 %", "7 %"), "'5 %'", "percent"),
        (("1,234", "999"), "'1,234'", "thousands"),
        (("1 234,5", "999,5"), "'1 234,5'", "thousands"),
        (("1'234.5", "999"), '"1\'234.5"', "thousands"),
        (("1.234.567", "1"), "'1.234.567'", "thousands"),
        (("1,5", "2,5"), "'1,5'", "decimal mark is a point"),
        (("\u22125", "3"), "'\u22125'", ""),
        (("1e999", "3"), "'1e999'", "not finite in float32"),
        (("1e39", "3"), "'1e39'", "not finite in float32"),
        (("Infinity", "3"), "'Infinity'", "not finite in float32"),
        (
            (*map(str, range(19)), "n.a."),
            "'n.a.'",
            "--missing n.a. takes it as missing, --categorical 'a b'",
        ),
        ((*NOISE[:120], "none given") * 2, "'none given'", "--missing 'none given'"),
        (tuple(f"{number} kg" for number in range(20)), "'0 kg'", "without its unit"),
    ],
)
def test_nearly_numbers_are_refused(tmp_path: Path, cells: tuple[str, ...], wrong: str, hint: str) -> None:
    """By the first cell and its row, with a hint, rather than made into categories."""
    with pytest.raises(DataError) as caught:
        load(tmp_path, cycle(*cells))
    row = next(row for row, cell in enumerate(cells, 1) if cell == wrong[1:-1])
    assert f"column 'a b': row {row}: {wrong} is not" in str(caught.value)
    assert hint in str(caught.value)


def test_a_comma_is_the_decimal_mark_beside_semicolons(tmp_path: Path) -> None:
    """There and only there, and only in a column without points; points that part thousands are doubted."""
    found = column(tmp_path, cycle("1,5", "-,5", "2", "1,5e3", ""), separator=";")
    assert isinstance(found, Numbers)
    np.testing.assert_array_equal(found.values[:5], [1.5, -0.5, 2, 1500, np.nan])
    with pytest.raises(DataError, match=r"row 1: '1\.234,5' is not a number; a column has one decimal mark"):
        load(tmp_path, cycle("1.234,5", "2,5"), separator=";")
    for separator in ("\t", "|"):
        with pytest.raises(DataError, match=r"row 1: '1,5' is not a number; the decimal mark is a point"):
            load(tmp_path, cycle("1,5", "2,5"), separator=separator)
    assert "part thousands" in load(tmp_path, cycle("1.234", "25.678"), separator=";").doubts[0]


@pytest.mark.parametrize("pair", [("true", "FALSE"), ("No", "yes"), ("t", "f"), ("Y", "n")])
def test_two_texts_are_truths(tmp_path: Path, pair: tuple[str, str]) -> None:
    """In any case, with gaps; a third text makes categories of them."""
    found = column(tmp_path, cycle(*pair, pair[0].upper(), ""))
    assert isinstance(found, Truths)
    assert [found.cell(row) for row in range(4)] == [
        pair[0].lower() in ("true", "yes", "t", "y"),
        pair[1].lower() in ("true", "yes", "t", "y"),
        pair[0].lower() in ("true", "yes", "t", "y"),
        None,
    ]
    assert set(found.texts) == {*pair, pair[0].upper()}
    assert isinstance(column(tmp_path, cycle(*pair, "unknown")), Categories)
    assert isinstance(column(tmp_path, cycle(*pair), categorical=("a b",)), Categories)


def test_categories_are_integers_when_asked(tmp_path: Path) -> None:
    """Whole numbers, with gaps and as pandas writes them with gaps; not with leading zeros."""
    for cells in (("3", "10", "1", ""), ("3.0", "10.0", "1.0", "NA")):
        found = column(tmp_path, cycle(*cells), categorical=("a b",))
        assert isinstance(found, Categories)
        assert found.distinct == (1, 3, 10)
        assert [found.cell(row) for row in range(4)] == [3, 10, 1, None]
    for cells in (("03", "10"), ("3", "1.5"), ("3", "x")):
        found = column(tmp_path, cycle(*cells), categorical=("a b",))
        assert isinstance(found, Categories)
        assert found.distinct == tuple(sorted(cells))


def test_leading_zeros_are_text_unless_asked(tmp_path: Path) -> None:
    """A postal code is never a number; zero and fractions have no leading zeros."""
    assert isinstance(column(tmp_path, cycle("02134", "60601")), Categories)
    assert isinstance(column(tmp_path, cycle("02134", "60601"), numeric=("a b",)), Numbers)
    assert isinstance(column(tmp_path, cycle("0", "0.5", "-0.5", "1")), Numbers)


@pytest.mark.parametrize(
    "cells",
    [
        list(range(1, ROWS + 1)),
        list(range(5000, 5000 - ROWS, -1)),
        (SHUFFLED * 17 + 4 * 10**15).tolist(),
        (SHUFFLED[::-1] + 1000).tolist(),
        RANDOM.integers(2**25, 2**40, ROWS).tolist(),
        [f"{row}.0" for row in SHUFFLED],
        [f"C-{row:05}" for row in SHUFFLED],
        [f"{row:05}" for row in SHUFFLED],
        [f"Someone wrote the {row}th complaint" for row in SHUFFLED],
    ],
)
def test_identifiers_are_left_out_unless_kept(tmp_path: Path, cells: list[Any]) -> None:
    """Counters, numbers given out, hashes and names: with the flag that keeps them."""
    found = load(tmp_path, cells)
    assert [left.column for left in found.left_out] == ["a b"]
    assert "identifier" in found.left_out[0].reason
    assert "--keep 'a b' keeps it" in "\n".join(found.doubts)
    assert [each.name for each in load(tmp_path, cells, keep=("a b",)).columns] == ["a b", "noise"]


def test_numbers_that_float32_does_not_tell_apart_are_doubted(tmp_path: Path) -> None:
    """An identifier that is kept may say nothing; beyond float64 it is refused."""
    found = load(tmp_path, (SHUFFLED * 17 + 4 * 10**15).tolist(), keep=("a b",))
    assert "a b: float32 does not tell its numbers apart" in "\n".join(found.doubts)
    long = [10**25 + int(row) for row in SHUFFLED]
    assert "identifier" in load(tmp_path, long).left_out[0].reason
    with pytest.raises(DataError, match="asked for, but the same in every row"):
        load(tmp_path, long, keep=("a b",))


def test_a_counter_of_a_sorted_file_is_an_identifier(tmp_path: Path) -> None:
    """Its order with the target is the file's."""
    path = tmp_path / "t.csv"
    rows = [f"{row},{NOISE[row]},{'b' if row > 99 else 'a'}" for row in range(ROWS)]
    path.write_text("\n".join(["Id,x,y", *rows]))
    assert [left.column for left in dataset.load(Config(data=str(path), target="y")).left_out] == ["Id"]


@pytest.mark.parametrize(
    "cells",
    [
        RANDOM.permutation(RANDOM.integers(1, 100_000, ROWS)).tolist(),
        [
            int(2**30 + 1000 * (label == "yes") * 2**20 + row * 7919**2 % 2**29)
            for row, label in enumerate(LABELS)
        ],
        [row // 4 for row in range(ROWS)],
        NOISE[::-1],
    ],
)
def test_measurements_are_no_identifiers(tmp_path: Path, cells: list[Any]) -> None:
    """Incomes, amounts in cents with an order, counts with ties, and fractions stay numbers."""
    assert isinstance(column(tmp_path, cells), Numbers)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["x"] * ROWS, "the same in every row, 'x'"),
        (["7"] * ROWS, "the same in every row, 7"),
        ([""] * ROWS, "all missing"),
        (cycle("", "NA", "None"), "all missing"),
        (cycle("2024-01-31", "2023-12-01", ""), "dates"),
        (cycle("31.01.2024", "1.2.2023"), "dates"),
        (cycle("1/31/24 10:15", "2/1/2023 8:00 PM"), "dates"),
        (cycle("2024-01-31T10:15:00.5Z", "2024-01-31 10:15:00+01:00"), "dates"),
        (cycle("31 Jan 2024", "Mon, 05 Feb 2023 10:00:00 GMT", "March 3, 2021"), "dates"),
        (cycle("10:15", "23:59:59"), "dates"),
        (cycle("2024-01-31", "2023-12-01", "NA"), "dates"),
    ],
)
def test_what_says_nothing_is_left_out(tmp_path: Path, cells: list[str], reason: str) -> None:
    """A constant, nothing, dates; to keep it is refused."""
    found = load(tmp_path, cells)
    assert [(left.column, left.reason) for left in found.left_out] == [("a b", reason)]
    with pytest.raises(DataError, match="column 'a b': asked for, but"):
        load(tmp_path, cells, keep=("a b",))
    assert [left.reason for left in load(tmp_path, cells, leave_out=("a b",)).left_out] == ["as asked"]


def test_days_as_whole_numbers_are_dates_unless_asked(tmp_path: Path) -> None:
    """With the flag that takes the numbers."""
    cells = cycle("20240131", "20231201", "")
    found = load(tmp_path, cells)
    assert [left.reason for left in found.left_out] == ["dates"]
    assert "--numeric 'a b' takes the numbers" in found.doubts[0]
    assert isinstance(column(tmp_path, cells, numeric=("a b",)), Numbers)
    assert isinstance(column(tmp_path, cycle("20240131", "20239901")), Numbers)


def test_nothing_left_to_learn_from_is_refused(tmp_path: Path) -> None:
    """With the reason for each column."""
    with pytest.raises(DataError, match=r"no column is left .*: a b: the same .*; noise: as asked"):
        load(tmp_path, ["7"] * ROWS, leave_out=("noise",))


def test_a_column_that_must_be_numbers_is_or_is_refused(tmp_path: Path) -> None:
    """However few of its cells are."""
    with pytest.raises(DataError, match="row 1: 'red' is not a number"):
        load(tmp_path, cycle("red", "blue"), numeric=("a b",))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"categorical": ("noize",)}, "--categorical noize: no such column; is it 'noise'?"),
        ({"keep": ("y",)}, "--keep y: it is the target"),
        ({"numeric": ("noise",), "leave_out": ("noise",)}, "--leave-out noise: --numeric says otherwise"),
        ({"groups": "nobody"}, "--groups nobody: no such column"),
        ({"time": "y"}, "--time y: it is the target"),
    ],
)
def test_a_wrong_name_is_refused(tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    """With the nearest one."""
    with pytest.raises(SettingError) as caught:
        load(tmp_path, cycle("1.5", "2.5"), **options)
    assert str(caught.value).startswith(reason)


def parquet_set(tmp_path: Path, cells: pa.Array, **options: Any) -> dataset.Dataset:
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"a": cells, "noise": list(map(float, NOISE)), "y": LABELS}), path)
    return dataset.load(Config(data=str(path), target="y", **options))


@pytest.mark.parametrize(
    ("cells", "kind", "cell"),
    [
        (pa.array([True, False, None, True] * 50), "boolean", True),
        (pa.array(["yes", "no", None, "no"] * 50), "boolean", True),
        (pa.array(["x", "z", None, "w"] * 50).dictionary_encode(), "categorical", "x"),
        (pa.array([3, 1, None, 2] * 50, pa.int8()), "numeric", 3.0),
        (pa.array([3, 1, float("nan"), 2] * 50, pa.float32()), "numeric", 3.0),
        (pa.array([3, 1, None, 2] * 50).cast(pa.decimal128(30, 2)), "numeric", 3.0),
        (pa.array(["3", "1", "NA", "2"] * 50), "numeric", 3.0),
    ],
)
def test_types_of_parquet_are_kinds(tmp_path: Path, cells: pa.Array, kind: str, cell: object) -> None:
    """A null is a gap, and text follows the rules of text."""
    found = parquet_set(tmp_path, cells).columns[0]
    assert (KINDS[type(found)], found.gaps, found.cell(0), found.cell(2)) == (kind, True, cell, None)


def test_types_of_parquet_that_are_left_out_or_refused(tmp_path: Path) -> None:
    """Times and nulls are left out; what is nested is refused by name, with the flag."""
    day = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    for cells in (pa.array([day, None] * 100), pa.array([day.date()] * 200), pa.nulls(200)):
        assert [left.column for left in parquet_set(tmp_path, cells).left_out] == ["a"]
    for cells in (pa.array([[1], [2]] * 100), pa.array([{"b": 1}] * 200), pa.array([b"x", b"y"] * 100)):
        with pytest.raises(DataError, match=r"column 'a': its type is .* --leave-out a leaves it out"):
            parquet_set(tmp_path, cells)
        assert [left.column for left in parquet_set(tmp_path, cells, leave_out=("a",)).left_out] == ["a"]
    with pytest.raises(DataError, match=r"column 'a': row 2: 'inf' is not finite in float32"):
        parquet_set(tmp_path, pa.array([1.0, float("inf")] * 100))


def test_rows_are_counted_in_the_file(tmp_path: Path) -> None:
    """Also where rows without a label were left out."""
    path = tmp_path / "t.csv"
    rows = [f"1.5,{label}" for label in ["", *LABELS]] + ["inf,no"]
    path.write_text("\n".join(["a,y", *rows]))
    with pytest.raises(DataError, match=f"row {ROWS + 2}: 'inf' is not finite"):
        dataset.load(Config(data=str(path), target="y"))


def test_a_column_is_the_same_in_any_number_of_parts(tmp_path: Path) -> None:
    """Numbers, gaps, leading zeros and texts, of which the later parts hold what the first ones do not."""
    columns = {
        "number": [*map(str, range(ROWS // 2)), *NOISE[ROWS // 2 :]],
        "zip": [*NOISE[1:], "007"],
        "text": cycle("x", "y", "", "z"),
        "y": LABELS,
    }
    found = []
    for rows in (ROWS, 7):
        path = tmp_path / f"{rows}.parquet"
        parquet.write_table(pa.table(columns), path, row_group_size=rows)
        found.append(dataset.load(Config(data=str(path), target="y")))
    one, other = found
    assert one.doubts == other.doubts
    assert one.left_out == other.left_out
    assert [type(each) for each in one.columns] == [type(each) for each in other.columns]
    for left, right in zip(one.columns, other.columns, strict=True):
        if isinstance(left, Numbers) and isinstance(right, Numbers):
            np.testing.assert_array_equal(left.values, right.values)
        if isinstance(left, Categories) and isinstance(right, Categories):
            assert left.distinct == right.distinct
            np.testing.assert_array_equal(left.codes, right.codes)
    assert [each.column for each in one.left_out] == ["zip"]
