"""Reading files: what is taken, and each way to be refused."""

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from training import table
from training.errors import DataError


def read(path: Path, content: str | bytes) -> tuple[tuple[str, ...], np.ndarray, list[str]]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return table.read(path, "y")


def test_csv_and_parquet_give_the_same_rows(tmp_path: Path) -> None:
    """One table in both formats reads as the same names, float32 values and text labels."""
    text = read(tmp_path / "t.csv", "a,y,b\n1,0,2.5\n-3e-2,1,.5\n")
    columns = {"a": [1.0, -3e-2], "y": [0, 1], "b": [2.5, 0.5]}
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    binary = table.read(tmp_path / "t.parquet", "y")
    assert text[0] == binary[0] == ("a", "b")
    assert text[1].dtype == np.float32
    np.testing.assert_array_equal(text[1], np.array([[1, 2.5], [-3e-2, 0.5]], np.float32))
    np.testing.assert_array_equal(text[1], binary[1])
    assert text[2] == binary[2] == ["0", "1"]


def test_csv_survives_what_spreadsheets_write(tmp_path: Path) -> None:
    """A byte-order mark, CRLF, blanks, quotes and empty lines do not reach the values."""
    inputs, x, labels = read(
        tmp_path / "t.csv", b'\xef\xbb\xbfa, b ,y\r\n 1 ,"2", "no"\r\n\r\n+3,4.,yes \r\n'
    )
    assert inputs == ("a", "b")
    np.testing.assert_array_equal(x, [[1, 2], [3, 4]])
    assert labels == ['"no"', "yes"]  # a quote after a blank is part of the cell


def test_a_column_may_change_its_looks_late(tmp_path: Path) -> None:
    """Integers in the first megabyte and fractions after it are one numeric column."""
    rows = 300_000
    body = "1234,x\n" * rows + "0.5,y\n"
    _, x, labels = read(tmp_path / "t.csv", "a,y\n" + body)
    assert (len(x), x[-1, 0], labels[-1]) == (rows + 1, 0.5, "y")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "Empty CSV file"),
        ("a,b\n1,2\n", "no column 'y', it has a, b"),
        ("y\n1\n", "no column beside the target 'y'"),
        (",y\n1,2\n", "column 1 has no name"),
        ("a,a,y\n1,2,3\n", "two columns are named 'a'"),
        ("a,y\n", "no rows below the header"),
        ("a,y\n1\n", "Expected 2 columns, got 1"),
        ("a,y\n1,0\nred,1\n", "column 'a': row 2: 'red' is not a number"),
        ("a,y\n1,0\n,1\n", "column 'a': row 2: '' is not a number"),
        ("a,y\n1,0\nNaN,1\n", "column 'a': row 2: 'NaN' is not a number"),
        ("a,y\ntrue,0\n", "column 'a': row 1: 'true' is not a number"),
        ("a,y\n1e39,0\n", "column 'a': row 1: '1e39' is not finite in float32"),
        ("a,y\n1e999,0\n", "column 'a': row 1: '1e999' is not finite in float32"),
        ("a,y\n1,0\n2,\n", "target 'y': row 2: '' is not a label"),
        (b"a,y\n1,\xff\n", "invalid UTF8"),
    ],
)
def test_a_bad_csv_is_refused(tmp_path: Path, content: str | bytes, reason: str) -> None:
    """The message begins with the path and names the column, the row and the cell."""
    path = tmp_path / "t.csv"
    with pytest.raises(DataError) as caught:
        read(path, content)
    assert str(caught.value).startswith(f"{path}: ")
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([None, 1.0], "column 'a': row 1: None is not a number"),
        ([1.0, float("nan")], "column 'a': row 2: nan is not finite"),
        ([True, False], "column 'a': not numeric but bool"),
        ([[1], [2]], "column 'a': not numeric but list"),
        (["1", "two"], "column 'a': row 2: 'two' is not a number"),
    ],
)
def test_a_bad_parquet_column_is_refused(tmp_path: Path, values: list[object], reason: str) -> None:
    """A Parquet column must be of a numeric type, without nulls and finite."""
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"a": values, "y": ["0", "1"]}), path)
    with pytest.raises(DataError, match=str(path)) as caught:
        table.read(path, "y")
    assert reason in str(caught.value)


def test_a_parquet_null_label_is_refused(tmp_path: Path) -> None:
    """A row without a label is an error, not a class."""
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"a": [1, 2], "y": ["0", None]}), path)
    with pytest.raises(DataError, match="target 'y': row 2: None is not a label"):
        table.read(path, "y")


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    """A missing file, a folder, an unknown suffix and a file that lies about its format are named."""
    with pytest.raises(DataError, match="no such file"):
        table.read(tmp_path / "none.csv", "y")
    with pytest.raises(DataError, match="no such file"):
        table.read(tmp_path, "y")
    with pytest.raises(DataError, match=r"File name too long|no such file"):
        table.read(tmp_path / ("x" * 5000 + ".csv"), "y")
    with pytest.raises(DataError, match=r"unknown format, wanted \.csv or \.tsv or \.parquet"):
        read(tmp_path / "t.xlsx", "a,y\n1,2\n")
    with pytest.raises(DataError, match="Parquet"):
        read(tmp_path / "t.parquet", "a,y\n1,2\n")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz", ".tsv.gz", ".CSV"])
def test_the_separator_is_found(tmp_path: Path, separator: str, suffix: str) -> None:
    """Whatever the suffix says, compressed or not, and with the others in quoted cells."""
    text = "\n".join(
        separator.join(row) for row in (["a", '"b,;|\t"', "y"], ["1", "2.5", '"u;v,w|x"'], ["3", "4", "z"])
    )
    path = tmp_path / f"t{suffix}"
    path.write_bytes(gzip.compress(text.encode()) if suffix.endswith(".gz") else text.encode("utf-8-sig"))
    inputs, x, labels = table.read(path, "y")
    assert inputs == ("a", "b,;|")
    assert x.tolist() == [[1, 2.5], [3, 4]]
    assert labels == ["u;v,w|x", "z"]


def test_an_index_of_pandas_is_named(tmp_path: Path) -> None:
    """With how to write the file without it."""
    path = tmp_path / "t.csv"
    path.write_text(",a,y\n0,1,u\n1,2,v\n")
    with pytest.raises(DataError, match=r"column 1 has no name; .*index=False"):
        table.read(path, "y")


def test_a_comma_as_decimal_mark_is_named(tmp_path: Path) -> None:
    """In a file whose separator is another."""
    path = tmp_path / "t.csv"
    path.write_text("a;y\n1,5;u\n2,5;v\n")
    with pytest.raises(DataError, match=r"column 'a': row 1: '1,5' is not a number; the decimal mark"):
        table.read(path, "y")
