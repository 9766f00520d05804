"""Reading files: what is taken, and each way to be refused."""

import gzip
import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from training import table
from training.errors import DataError

CATEGORIES = pa.dictionary(pa.int32(), pa.string())


def read(path: Path, content: str | bytes, encoding: str = "utf-8") -> table.Table:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return table.read(path, "y", encoding)


def cells(found: table.Table) -> dict[str, list[object]]:
    return {name: column.to_pylist() for name, column in found.columns.items()}


def test_text_survives_what_spreadsheets_write(tmp_path: Path) -> None:
    """A byte-order mark, CRLF, blanks, quotes and empty lines do not reach the cells."""
    found = read(tmp_path / "t.csv", b'\xef\xbb\xbfa, b ,y\r\n 1 ,"2", "no"\r\n\r\n+3,4.,yes \r\n')
    assert cells(found) == {"a": ["1", "+3"], "b": ["2", "4."], "y": ['"no"', "yes"]}


@pytest.mark.parametrize(
    "content",
    [
        "a;y\n1,5;u\n".encode("utf-16"),
        b"\xfe\xff" + "a;y\n1,5;u\n".encode("utf-16-be"),
        b"\xef\xbb\xbfsep=;\r\na;y\r\n1,5;u\r\n",
        b'"sep=;"\na;y\n1,5;u\n',
        "sep=;\r\na;y\r\n1,5;u\r\n".encode("utf-16"),
        b"a;y\r1,5;u\r",
    ],
)
def test_marks_and_the_line_of_excel_are_understood(tmp_path: Path, content: bytes) -> None:
    """UTF-16 with a mark, a first line that tells the separator, and a line's end of old are no faults."""
    found = read(tmp_path / "t.csv", content)
    assert cells(found) == {"a": ["1,5"], "y": ["u"]}
    assert found.decimal_comma


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [("größe", "latin-1"), ("größe €", "cp1252"), ("größe", "utf-16-le"), ("größe", "UTF8")],
)
def test_an_encoding_is_taken_by_name(tmp_path: Path, raw: str, encoding: str) -> None:
    """As Python names it."""
    assert raw in read(tmp_path / "t.csv", f"{raw},y\n1,u\n".encode(encoding), encoding).columns


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.csv.gz", "T.TSV.GZ", "t.csv.zst", "Año (1) 数据.csv"])
def test_the_separator_is_found(tmp_path: Path, separator: str, name: str) -> None:
    """Whatever the file's name says, compressed or not, and with the others in quoted cells."""
    rows = (["a", '"b,;|\t"', "y"], ["1", "2.5", '"u;v,w|x"'], ["3", "4", "z"])
    text = "\n".join(separator.join(row) for row in rows).encode()
    path = tmp_path / name
    if name.endswith(".zst"):
        with pa.output_stream(path, compression="zstd") as file:
            file.write(text)
    else:
        path.write_bytes(gzip.compress(text) if name.lower().endswith(".gz") else text)
    found = table.read(path, "y", "utf-8")
    assert cells(found) == {"a": ["1", "3"], "b,;|": ["2.5", "4"], "y": ["u;v,w|x", "z"]}
    assert found.decimal_comma == (separator == ";")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "the file is empty"),
        ("\n \n", "the file is empty"),
        ("a,b\n1,2\n", "no column 'y', it has a, b"),
        ("y\n1\n", "no column beside the target 'y'"),
        ("a,a,y\n1,2,3\n", "two columns are named 'a'"),
        ("a, a,y\n1,2,3\n", "two columns are named 'a'"),
        ("a,y\n", "no rows below the header"),
        ("a,y", "no rows below the header"),
        ("a,y\n1,0\n1\n", "row 2 has 1 cells, the header 2"),
        ('a,y\n"1\n",0\n\n2,0,3\n', "row 2 has 3 cells, the header 2"),
        ("a;y\n1;u\n2;v;extra\n", "row 2 has 3 cells, the header 2"),
        (b"a,y\n1,\xff\n", "row 1 has the byte 0xff, which is not utf-8; --encoding"),
        ("größe,y\n1,2\n".encode("latin-1"), "the header has the byte 0xf6, which is not utf-8"),
        (b'a,y\n"1\n",x\n' + b"1,2\n" * 600_000 + b"1,\xe9\n", "row 600002 has the byte 0xe9"),
        ("a,y\n1,2\n".encode("utf-16-be"), "the header has a NUL byte, wanted text; if the file is UTF-16"),
        (b'a,y\n"1\n2",x\n1,\0\n', "row 2 has a NUL byte, wanted text"),
        (b"PK\x03\x04\x14\0\x06\0", "this is a workbook or a ZIP file"),
        ("a,y,\n1,u,7\n", "column 3 has no name"),
        (",a,y\nx,1,u\n", "column 1 has no name; pandas leaves its index out"),
    ],
)
def test_a_bad_text_is_refused(tmp_path: Path, content: str | bytes, reason: str) -> None:
    """The message begins with the path and says what is wrong where; rows are counted, not lines."""
    path = tmp_path / "t.csv"
    with pytest.raises(DataError) as caught:
        read(path, content)
    assert str(caught.value).startswith(f"{path}: {reason}")


@pytest.mark.parametrize("encoding", ["klingon", "rot13", "hex"])
def test_an_unknown_encoding_is_refused(tmp_path: Path, encoding: str) -> None:
    """One that Python does not know, and one that is of no text."""
    with pytest.raises(DataError, match=f"--encoding {encoding}: no such encoding"):
        read(tmp_path / "t.csv", "a,y\n1,2\n", encoding)


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    """A missing file, an empty folder, an unknown suffix and a file that lies about its format are named."""
    with pytest.raises(DataError, match="no such file"):
        table.read(tmp_path / "none.csv", "y", "utf-8")
    with pytest.raises(DataError, match=r"no \.parquet file in the folder"):
        table.read(tmp_path, "y", "utf-8")
    with pytest.raises(DataError, match=r"File name too long|no such file"):
        table.read(tmp_path / ("x" * 5000 + ".csv"), "y", "utf-8")
    with pytest.raises(DataError, match=r"unknown format, wanted \.csv, \.tsv, \.txt, \.parquet"):
        read(tmp_path / "t.xlsx", "a,y\n1,2\n")
    with pytest.raises(DataError, match="Parquet"):
        read(tmp_path / "t.parquet", "a,y\n1,2\n")


def test_a_compressed_file_that_is_none_or_not_whole_is_refused(tmp_path: Path) -> None:
    """One that is cut off, one that is damaged, and one that only has the name; two in one are read."""
    text = b"a;y\n" + b"1;u\n2;v\n" * 50
    packed = gzip.compress(text)
    for content in (packed[: len(packed) // 2], packed[:12] + b"\xff" * 40, text):
        with pytest.raises(DataError, match=r"t\.csv\.GZ: .*(Truncated|inflate)"):
            read(tmp_path / "t.csv.GZ", content)
    found = read(tmp_path / "t.csv.GZ", packed + gzip.compress(b"3;u\n"))
    assert cells(found)["a"][100:] == ["3"]


@pytest.mark.parametrize(
    "frame", [pd.DataFrame({"a": [5, 6], "y": ["u", "v"]}, index=index) for index in ((0, 1), (1, 2), (7, 3))]
)
def test_an_index_of_pandas_is_left_out(tmp_path: Path, frame: pd.DataFrame) -> None:
    """Under the name that pandas gives it, also where rows were taken out or shuffled."""
    frame.to_csv(tmp_path / "t.csv")
    found = table.read(tmp_path / "t.csv", "y", "utf-8")
    assert list(found.columns) == ["a", "y"]
    assert [(each.column, each.reason) for each in found.left_out] == [
        ("Unnamed: 0", "the index that pandas writes")
    ]


def test_empty_columns_without_a_name_are_left_out(tmp_path: Path) -> None:
    """As a spreadsheet writes them, with blanks or not; rows of nothing stay rows."""
    found = read(tmp_path / "t.csv", "a,,y,,\n1,,u, ,\n,,,,\n")
    assert cells(found) == {"a": ["1", ""], "y": ["u", ""]}
    assert [each.column for each in found.left_out] == ["Unnamed: 1", "Unnamed: 3", "Unnamed: 4"]


def test_a_folder_of_parquet_is_one_table(tmp_path: Path) -> None:
    """Files in order of their paths; the folders' names add no column, and types that widen are joined."""
    root = tmp_path / "kind=x" / "data"
    for name, values in (("day=2/b.parquet", [3.5]), ("day=1/a.parquet", [1, 2])):
        (root / name).parent.mkdir(parents=True)
        parquet.write_table(pa.table({"a": values, "y": ["u"] * len(values)}), root / name)
    (root / "_SUCCESS").touch()
    assert cells(table.read(root, "y", "utf-8")) == {"a": [1.0, 2.0, 3.5], "y": ["u"] * 3}
    assert list(table.read(root / "day=2" / "b.parquet", "y", "utf-8").columns) == ["a", "y"]


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        (pa.int32(), pa.int64(), pa.int64()),
        (pa.float32(), pa.float64(), pa.float64()),
        (pa.int64(), pa.float64(), pa.float64()),
        (pa.null(), pa.string(), pa.string()),
        (pa.null(), CATEGORIES, CATEGORIES),
        (pa.string(), CATEGORIES, pa.string()),
        (pa.dictionary(pa.int8(), pa.string()), CATEGORIES, CATEGORIES),
    ],
)
def test_types_of_parts_that_go_together_are_joined(
    tmp_path: Path, first: pa.DataType, second: pa.DataType, joined: pa.DataType
) -> None:
    """Whichever part comes first, and whatever the order of their columns."""
    for place, kinds in enumerate(((first, second), (second, first))):
        root = tmp_path / str(place)
        root.mkdir()
        for name, kind in zip("ab", kinds, strict=True):
            cell = None if pa.types.is_null(kind) else 1 if pa.types.is_primitive(kind) else "x"
            values = {"c": pa.array([cell]).cast(kind), "y": ["u"]}
            columns = values if name == "a" else dict(reversed(values.items()))
            parquet.write_table(pa.table(columns), root / f"{name}.parquet")
        found = table.read(root, "y", "utf-8").columns
        assert list(found) == ["c", "y"]
        assert found["c"].type == joined
        assert len(found["c"].drop_null()) == (1 if pa.null() in kinds else 2)


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        (b"PAR1 and no more", "day=2/b.parquet: .*[Pp]arquet"),
        (
            pa.table({"a": ["x"], "y": ["u"]}),
            "day=2/b.parquet: column 'a' is string, in a.parquet it is double",
        ),
        (
            pa.table({"a": [1.5], "y": [True]}),
            "day=2/b.parquet: column 'y' is bool, in 0.parquet it is string",
        ),
        (pa.table({"y": ["u"]}), "day=2/b.parquet: no column 'a', which 0.parquet has"),
        (
            pa.table({"a": [1.5], "b": [1], "y": ["u"]}),
            "day=2/b.parquet: column 'b', which 0.parquet has not",
        ),
        (
            pa.table({"a": [2**53 + 1], "y": ["u"]}),
            "day=2/b.parquet: Integer value 9007199254740993 not in range",
        ),
        (pa.table([["u"], ["u"]], ["y", "y"]), "day=2/b.parquet: .*duplicate"),
    ],
)
def test_a_part_that_does_not_go_with_the_others_is_named(
    tmp_path: Path, part: bytes | pa.Table, wrong: str
) -> None:
    """By its place in the folder, with the column and the part that has it otherwise."""
    (tmp_path / "day=2").mkdir()
    parquet.write_table(pa.table({"a": pa.nulls(1), "y": ["u"]}), tmp_path / "0.parquet")
    for name in ("a", "z"):
        parquet.write_table(pa.table({"a": [0.5], "y": ["u"]}), tmp_path / f"{name}.parquet")
    path = tmp_path / "day=2" / "b.parquet"
    if isinstance(part, bytes):
        path.write_bytes(part)
    else:
        parquet.write_table(part, path)
    with pytest.raises(DataError, match=f"^{re.escape(str(tmp_path))}: {wrong}"):
        cells(table.read(tmp_path, "y", "utf-8"))


def test_a_part_whose_rows_are_broken_is_named(tmp_path: Path) -> None:
    """Its description, which is read before any row, is whole."""
    for name in ("a", "b"):
        parquet.write_table(pa.table({"a": range(1000), "y": ["u"] * 1000}), tmp_path / f"{name}.parquet")
    raw = bytearray((tmp_path / "b.parquet").read_bytes())
    raw[4:200] = b"\xff" * 196
    (tmp_path / "b.parquet").write_bytes(raw)
    with pytest.raises(DataError, match=f"^{re.escape(str(tmp_path))}: b.parquet: "):
        cells(table.read(tmp_path, "y", "utf-8"))


def test_a_folder_that_is_called_as_a_file_is_a_folder(tmp_path: Path) -> None:
    """As Spark writes one."""
    (tmp_path / "t.parquet").mkdir()
    parquet.write_table(pa.table({"a": [1], "y": ["u"]}), tmp_path / "t.parquet" / "part-0.parquet")
    assert cells(table.read(tmp_path, "y", "utf-8")) == {"a": [1], "y": ["u"]}


def test_what_the_system_says_comes_without_its_number(tmp_path: Path) -> None:
    """The words alone: path and flag are named before them."""
    with pytest.raises(DataError) as caught:
        table.read(tmp_path / ("x" * 300 + ".csv"), "y", "utf-8")
    assert str(caught.value).endswith(".csv: File name too long")


def test_types_of_parquet_stay(tmp_path: Path) -> None:
    """Text in any of Arrow's types becomes trimmed text, a dictionary of it stays one."""
    columns = {
        " a ": pa.array([" x ", None], pa.large_string()),
        "b": pa.array([" x", "x"]).dictionary_encode(),
        "c": pa.array([True, None]),
        "y": [1, 2],
    }
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    found = table.read(tmp_path / "t.parquet", "y", "utf-8")
    assert cells(found) == {"a": ["x", None], "b": ["x", "x"], "c": [True, None], "y": [1, 2]}
    assert pa.types.is_dictionary(found.columns["b"].type)


def test_a_long_cell_and_many_columns_are_read(tmp_path: Path) -> None:
    """A cell of 200,000 letters, and 20,000 columns."""
    names = [f"column {number}" for number in range(20_000)]
    text = ";".join([*names, "y"]) + "\n" + ";".join(["1" * 200_000] + ["2"] * 19_999) + ";u\n"
    assert len(read(tmp_path / "t.csv", text).columns) == 20_001
    with pytest.raises(DataError, match="row 1 has 1 cells, the header 2"):
        read(tmp_path / "t.csv", "a;y\n" + "1" * 200_000 + "\n")
