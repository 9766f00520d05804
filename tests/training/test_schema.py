"""What the user says of columns in a file, and that what was found can be said again."""

import tomllib
from pathlib import Path

import pytest

from training import schema
from training.columns import KINDS
from training.config import Config
from training.dataset import Dataset, load
from training.errors import SettingError

TABLES = Path(__file__).with_name("tables")


def kinds(dataset: Dataset) -> dict[str, str]:
    return {column.name: KINDS[type(column)] for column in dataset.columns}


@pytest.mark.parametrize(
    "file",
    [
        "gaps.csv",
        "names.csv",
        "zip-codes.csv",
        "dates.csv",
        "trailing-commas.csv",
        "pandas-index.csv",
        "identifier-text.csv",
    ],
)
def test_what_was_found_can_be_said_again(tmp_path: Path, file: str) -> None:
    """The file that is written reads as TOML, and gives the same columns and the same split."""
    found = load(Config(data=str(TABLES / file), target="paid"))
    path = tmp_path / "schema.toml"
    path.write_text(schema.render(found.source, found.columns, found.left_out))
    tables = tomllib.loads(path.read_text())
    assert {name: table["kind"] for name, table in tables.items() if "kind" in table} == kinds(found)
    again = load(Config(data=str(TABLES / file), target="paid", schema=path))
    assert kinds(again) == kinds(found)
    assert again.split == found.split
    assert [left.column for left in again.left_out] == [left.column for left in found.left_out]


def test_any_name_is_a_key() -> None:
    """Quotes, points, control characters and letters of any script."""
    for name in ('in"come', "a.b", "tab\t", "line\n", "del\x7f", "größe", "", "\\", "😀"):
        assert tomllib.loads(f"[{schema._key(name)}]") == {name: {}}


def test_a_file_says_what_flags_say(tmp_path: Path) -> None:
    """A kind, to leave out and to keep; a flag goes before the file."""
    path = tmp_path / "schema.toml"
    path.write_text('[stars]\nkind = "categorical"\n[visits]\nleave_out = true\n')
    data, target = str(TABLES / "integers-few.csv"), "back"
    by_file = load(Config(data=data, target=target, schema=path))
    by_flag = load(Config(data=data, target=target, categorical=("stars",), leave_out=("visits",)))
    assert kinds(by_file) == kinds(by_flag) == {"stars": "categorical"}
    other = load(Config(data=data, target=target, schema=path, keep=("visits",), numeric=("stars",)))
    assert kinds(other) == {"stars": "numeric", "visits": "numeric"}
    path.write_text("[order_id]\nleave_out = false\n")
    kept = load(Config(data=str(TABLES / "identifier-number.csv"), target="paid", schema=path))
    assert kept.columns[0].name == "order_id"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[", "--schema .*: Invalid"),
        ("stars = 1", "'stars': wanted a table with kind or leave_out"),
        ("[stars]\nsort = 1", "'stars': wanted a table with kind or leave_out"),
        ('[stars]\nkind = "number"', "kind is 'number', wanted numeric, boolean, categorical"),
        ('[stars]\nleave_out = "yes"', "leave_out is 'yes', wanted true or false"),
        ('[star]\nkind = "numeric"', "'star': no such column; is it 'stars'?"),
        ('[back]\nkind = "categorical"', "'back': it is the target"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    """By its path, the column and what was wanted."""
    path = tmp_path / "schema.toml"
    path.write_text(text)
    with pytest.raises(SettingError, match=reason) as caught:
        load(Config(data=str(TABLES / "integers-few.csv"), target="back", schema=path))
    assert str(path) in str(caught.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """By its path, in words and without the system's number."""
    with pytest.raises(SettingError) as caught:
        schema.read(tmp_path / "none.toml")
    assert str(caught.value) == f"--schema {tmp_path / 'none.toml'}: no such file"
    with pytest.raises(SettingError) as caught:
        schema.read(tmp_path)
    assert str(caught.value) == f"--schema {tmp_path}: Is a directory"
