"""Reading files: what is taken, and each way to be refused."""

import gzip
import re
from pathlib import Path

import numpy as np
import pandas as pd
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
        (b"a,y\n1,\xff\n", "line 2 has the byte 0xff, wanted text in UTF-8"),
        ("größe,y\n1,2\n".encode("latin-1"), "line 1 has the byte 0xf6, wanted text in UTF-8"),
        (b"a,y\n" + b"1,2\n" * 600_000 + b"1,\xe9\n", "line 600002 has the byte 0xe9, wanted text in UTF-8"),
        ("a,y\n1,2\n".encode("utf-16"), "text in UTF-16, wanted UTF-8"),
        ("a,y\n1,2\n".encode("utf-16-be"), "line 1 has a NUL byte, wanted text in UTF-8"),
        (b"a,y\n1,\0\n", "line 2 has a NUL byte, wanted text in UTF-8"),
        (b"PK\x03\x04\x14\0\x06\0", "line 1 has a NUL byte, wanted text in UTF-8"),
        ("a,y\n1" + "0" * 200_000 + ",2\n", "column 'a': row 1: '1000"),
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


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a;y\n1;u\n2;v;extra\n", "Expected 2 columns, got 3"),
        ("a;y\n1" + "0" * 200_000 + ";u\n", "column 'a': row 1: '1000"),
        ("a, EUR;y\n1,5;u\n2,5;v\n", "column 'a, EUR': row 1: '1,5' is not a number"),
        ("a, EUR;b;y\n1,5;2;u\n", "column 'a, EUR': row 1: '1,5' is not a number"),
        (";".join(f"column {number}" for number in range(20_000)) + ";y\n", "no rows below the header"),
    ],
)
def test_the_separator_is_found_in_a_file_that_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    """By the target in the header, whatever else cuts the rows alike; what is wrong is named."""
    with pytest.raises(DataError, match=re.escape(reason)):
        read(tmp_path / "t.csv", text)


def test_the_separator_is_found_where_the_sample_ends_within_a_cell(tmp_path: Path) -> None:
    """Lines of a quoted cell are no rows."""
    inputs, x, _ = read(tmp_path / "t.csv", 'a;"t,\nx";y\n' + '1;"2\n";u\n' * 300_000)
    assert (inputs, x.shape) == (("a", "t,\nx"), (300_000, 2))


def test_a_compressed_file_that_is_none_or_not_whole_is_refused(tmp_path: Path) -> None:
    """One that is cut off, one that is damaged, and one that only has the name; two in one are read."""
    text = b"a;y\n" + b"1;u\n2;v\n" * 50
    packed = gzip.compress(text)
    for content in (packed[: len(packed) // 2], packed[:12] + b"\xff" * 40, text):
        with pytest.raises(DataError, match=r"t\.csv\.GZ: .*(Truncated|inflate)"):
            read(tmp_path / "t.csv.GZ", content)
    _, x, _ = read(tmp_path / "t.csv.GZ", packed + gzip.compress(b"3;u\n"))
    assert (len(x), x[-1, 0]) == (101, 3)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_an_index_of_pandas_is_named(tmp_path: Path, separator: str) -> None:
    """With how to write the file without it; of another column without a name only the place is said."""
    frame = pd.DataFrame({"a": [1, 2], "y": ["u", "v"]})
    frame.to_csv(tmp_path / "t.csv", sep=separator)
    with pytest.raises(DataError, match=r"column 1 has no name; pandas .*index=False"):
        table.read(tmp_path / "t.csv", "y")
    with pytest.raises(DataError, match=r"column 3 has no name$"):
        read(tmp_path / "t.csv", "a,y,\n1,u,\n")


@pytest.mark.parametrize("cell", ["1,5", "-1,5", ",5", "1.234,5"])
def test_a_comma_as_decimal_mark_is_named(tmp_path: Path, cell: str) -> None:
    """In a file whose separator is another."""
    with pytest.raises(DataError) as caught:
        read(tmp_path / "t.csv", f"a;y\n7;u\n{cell};v\n")
    assert f"column 'a': row 2: '{cell}' is not a number; the decimal mark is a point" in str(caught.value)
