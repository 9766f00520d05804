"""Tables as people have them, each with what is right to make of it."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from training import dataset
from training.columns import KINDS
from training.config import Config
from training.errors import DataError

TABLES = Path(__file__).with_name("tables")
PLAIN = {"age": "numeric", "income": "numeric", "debt": "numeric"}
MIXED = PLAIN | {"city": "categorical", "owner": "boolean"}


class Case(NamedTuple):
    """A file of tables/, the options of the run, and what it becomes; or the words of the refusal."""

    file: str
    kinds: Mapping[str, str] = MappingProxyType({})
    left_out: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    """Words of the doubts."""
    gaps: tuple[str, ...] = ()
    classes: tuple[str, ...] = ("no", "yes")
    counts: tuple[int, int, int] = (160, 0, 0)
    """Rows, those without a label, and those with the inputs of an earlier one."""
    options: Mapping[str, Any] = MappingProxyType({})


CASES = (
    Case("semicolon-decimal-comma.csv", PLAIN),
    Case("pandas-index.csv", PLAIN, ("Unnamed: 0",)),
    Case("text.csv", MIXED),
    Case("quoted-newline.csv", MIXED),
    Case("gaps.csv", MIXED, gaps=("income", "city")),
    Case("tokens.csv", PLAIN, gaps=("debt",), says=("debt: 19 cells count as missing", "--missing")),
    Case("identifier-text.csv", PLAIN, ("customer",), says=("--keep customer",)),
    Case("identifier-number.csv", PLAIN, ("order_id",), says=("--keep order_id",)),
    Case(
        "identifier-number.csv",
        {"order_id": "numeric"} | PLAIN,
        options={"keep": ("order_id",)},
    ),
    Case("zip-codes.csv", {"zip": "categorical"} | PLAIN, says=("leading zeros", "--numeric zip")),
    Case(
        "separable.csv",
        {"dose": "numeric", "weight": "numeric"},
        counts=(80, 0, 0),
        options={"target": "cured"},
    ),
    Case("collinear.csv", PLAIN | {"income_copy": "numeric", "income_eur": "numeric"}),
    Case("constant.csv", PLAIN, ("country", "version")),
    Case("one-class.csv", refused=("'yes' in every row", "two classes")),
    Case("five-rows.csv", refused=("'no' in every row", "at least 10 rows")),
    Case("empty.csv", refused=("the file is empty",)),
    Case("header-only.csv", refused=("no rows below the header",)),
    Case("rare-class.csv", refused=("'fraud': 3", "at least 10 of each class")),
    Case("labels-bool.csv", PLAIN, classes=("False", "True")),
    Case("labels-float.csv", PLAIN, classes=("0", "1")),
    Case("labels-case.csv", refused=("'YES', 'Yes', 'yes'", "--fold-case")),
    Case("labels-case.csv", PLAIN, classes=("YES", "no"), options={"fold_case": True}),
    Case("target-gaps.csv", PLAIN, counts=(145, 15, 0)),
    Case("utf16.csv", MIXED),
    Case("bom-crlf.csv", MIXED),
    Case("latin1.csv", refused=("row 1 has the byte 0xe9", "--encoding")),
    Case("latin1.csv", MIXED, options={"encoding": "latin-1"}),
    Case("thousands.csv", refused=("'income': row 1: '13,141.63'", "between thousands")),
    Case("currency.csv", refused=("'income': row 1: '€13141.63'", "without its currency")),
    Case("percent.csv", refused=("'ratio': row 1: '5.0%'", "without a percent sign")),
    Case("dates.csv", PLAIN, ("opened",), says=("opened: dates are left out; derive", "weekday")),
    Case("infinite.csv", refused=("'debt': row 77: 'inf' is not finite",)),
    Case("leak.csv", {"age": "numeric", "income": "numeric", "closed_as": "categorical"}),
    Case("unscaled.csv", {"big": "numeric", "small": "numeric", "age": "numeric"}),
    Case("trailing-commas.csv", PLAIN, ("Unnamed: 4", "Unnamed: 5")),
    Case("ragged.csv", refused=("row 6 has 5 cells, the header 4",)),
    Case("nul.csv", refused=("row 10 has a NUL byte",)),
    Case("names.csv", dict.fromkeys(("age, years", 'in"come', "__proto__"), "numeric")),
    Case("duplicates.csv", PLAIN, counts=(160, 0, 80)),
    Case("imbalanced.csv", MIXED, counts=(660, 0, 0)),
    Case(
        "integers-few.csv",
        {"stars": "numeric", "visits": "numeric"},
        says=("stars: 5 different whole numbers", "--categorical stars", "repeated observations"),
        counts=(200, 0, 160),
        options={"target": "back"},
    ),
    Case(
        "integers-few.csv",
        {"stars": "categorical", "visits": "numeric"},
        counts=(200, 0, 160),
        options={"target": "back", "categorical": ("stars",)},
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join([case.file, *case.options]))
def test_a_table_becomes_what_is_right(case: Case) -> None:
    """Kinds, gaps, what is left out and said, classes and counts; or one line that says what to do."""
    config = Config(data=str(TABLES / case.file), **{"target": "paid", **case.options})
    if case.refused:
        with pytest.raises(DataError) as caught:
            dataset.load(config)
        assert caught.value.exit_code == 2
        assert case.file in str(caught.value)
        assert [words for words in case.refused if words not in str(caught.value)] == []
        return
    found = dataset.load(config)
    assert {column.name: KINDS[type(column)] for column in found.columns} == case.kinds
    assert tuple(column.name for column in found.columns if column.gaps) == case.gaps
    assert tuple(left.column for left in found.left_out) == case.left_out
    assert [words for words in case.says if words not in "\n".join(found.doubts)] == []
    assert found.classes == case.classes
    assert (len(found.y), found.dropped, found.duplicates) == case.counts
