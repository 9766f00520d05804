"""Tables as people have them, each with what is right to make of it."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest
import safetensors.numpy

from models import weights
from models.encode import Encoder, by_column
from models.repository import Artifact, Repository
from tests.training.listing import listing
from training import dataset, spill
from training.__main__ import main
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
    leaks: str = ""
    """The column that is probably known only afterwards."""
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
    Case(
        "leak.csv",
        {"age": "numeric", "income": "numeric", "closed_as": "categorical"},
        leaks="closed_as",
    ),
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


@pytest.mark.parametrize("held_bytes", [spill.HELD_BYTES, 0])
@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join([case.file, *case.options]))
def test_a_table_becomes_what_is_right(case: Case, held_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kinds, gaps, what is left out and said, classes and counts; or one line that says what to do.

    The same if memory is not for its cells.
    """
    monkeypatch.setattr(spill, "HELD_BYTES", held_bytes)
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


ROW = re.compile(r"(?P<name>.*?) +(?P<kind>numeric|boolean|categorical) +(-|[0-9]+ %|under 1 %)  .+")


def flags(case: Case) -> list[str]:
    """Write the options of a case as a person does."""
    found = ["--data", str(TABLES / case.file)]
    for name, value in {"target": "paid", **case.options}.items():
        flag = f"--{name.replace('_', '-')}"
        found += [flag] if value is True else [flag, value[0] if isinstance(value, tuple) else value]
    return found


def printed(text: str) -> dict[str, str]:
    """Read the kinds of the table that is printed before the fit."""
    rows = text.split("\n\n")[1].splitlines()[1:]
    matches = [ROW.fullmatch(row) for row in rows]
    assert all(matches), rows
    return {match["name"]: match["kind"] for match in matches if match}


def check_golden(artifact: Artifact) -> None:
    """The cells of the golden rows give their probabilities by the published weights."""
    manifest = artifact.manifest
    tensors = safetensors.numpy.load(artifact.read("model.safetensors"))
    rows = Encoder(manifest.inputs).encode(by_column([row.input for row in manifest.golden]))
    found = weights.probabilities(weights.read(manifest, tensors).logits(rows))
    np.testing.assert_allclose(found, [row.probabilities for row in manifest.golden], rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that serves a model of the name that the runs take."""
    store = tmp_path_factory.mktemp("served")
    assert main(["--data", "toy", "--name", "table", "--store", str(store), "--quiet"]) == 0
    return store


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join([case.file, *case.options]))
def test_a_run_publishes_or_leaves_the_store(
    case: Case, served: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The printed table says what was found, and the version answers; or one line, and no byte changed."""
    if case.refused:
        before = listing(served)
        assert main([*flags(case), "--store", str(served), "--name", "table"]) == 2
        out, error = capsys.readouterr()
        assert (out, error.count("\n")) == ("", 1)
        assert error.startswith(str(TABLES / case.file))
        assert [words for words in case.refused if words not in error] == []
        assert listing(served) == before
        return
    assert main([*flags(case), "--store", str(tmp_path)]) == 0
    out, error = capsys.readouterr()
    assert error == ""
    assert printed(out) == case.kinds
    assert [name for name in case.left_out if f"  {name}: " not in out] == []
    assert [words for words in case.says if words not in out] == []
    assert ("removes" in out) == bool(case.leaks)
    assert not case.leaks or f"--leave-out {shlex.quote(case.leaks)}" in out
    found = Repository(tmp_path).resolve(Path(case.file).stem)
    manifest = found.manifest
    assert {item.name: item.kind for item in manifest.inputs} == case.kinds
    assert tuple(item.name for item in manifest.inputs if item.missing.admitted) == case.gaps
    assert tuple(left.column for left in manifest.left_out) == case.left_out
    assert (sum(manifest.data.rows.values()), manifest.data.dropped, manifest.data.duplicates) == case.counts
    assert manifest.classes == case.classes
    assert manifest.fit.converged
    check_golden(found)
    assert f"\npublished  {found.path}\npromoted   the first of " in out


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if not case.refused],
    ids=lambda case: "-".join([case.file, *case.options]),
)
def test_a_printed_schema_finds_the_same(
    case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What --print-schema writes gives, as --schema, the same inputs without the flags that shaped them."""
    assert main([*flags(case), "--store", str(tmp_path), "--print-schema"]) == 0
    text, error = capsys.readouterr()
    assert (error, list(tmp_path.iterdir())) == ("", [])
    schema = tmp_path / "schema.toml"
    schema.write_text(text, "utf-8")
    bare = {name: value for name, value in case.options.items() if name not in {"keep", "categorical"}}
    again = case._replace(options=bare)
    assert main([*flags(again), "--store", str(tmp_path / "store"), "--schema", str(schema), "--quiet"]) == 0
    manifest = Repository(tmp_path / "store").resolve(Path(case.file).stem).manifest
    assert {item.name: item.kind for item in manifest.inputs} == case.kinds
    assert {left.column for left in manifest.left_out} == set(case.left_out)
    assert manifest.options["schema_file"] == str(schema)


def test_no_optimum_is_said(served: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a penalty the weights of separable classes grow for ever: exit 2, and the flag."""
    before = listing(served)
    data = ["--data", str(TABLES / "separable.csv"), "--target", "cured", "--penalty", "none"]
    assert main([*data, "--store", str(served), "--name", "table"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "separate the classes" in error
    assert "--penalty none" in error
    assert listing(served) == before


def test_units_of_a_column_change_no_probability(tmp_path: Path) -> None:
    """A column in billionths of another unit gives the same answers: inputs are standardised."""
    header, *rows = (TABLES / "unscaled.csv").read_text().splitlines()
    cells = [row.split(",") for row in rows]
    measured = []
    for name, big, small in (("as-is", 1, 1), ("scaled", 2**-30, 2**30)):
        data = tmp_path / f"{name}.csv"
        lines = [
            f"{float(a) * big!r},{float(b) * small!r},{c},{d},{n}" for n, (a, b, c, d) in enumerate(cells)
        ]
        data.write_text("\n".join([f"{header},when", *lines]))
        # By time, as the hash of a row's text assigns it to a split otherwise.
        options = ["--target", "paid", "--time", "when", "--store", str(tmp_path / "store"), "--quiet"]
        assert main(["--data", str(data), *options]) == 0
        measured.append(Repository(tmp_path / "store").resolve(name).manifest.golden)
    one, other = ([row.probabilities for row in golden] for golden in measured)
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


def test_the_baseline_stands_beside_an_imbalanced_accuracy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Always the majority is as right, and the average precision of the rare class shows what it takes."""
    data = ["--data", str(TABLES / "imbalanced.csv"), "--target", "paid", "--positive", "no"]
    assert main([*data, "--store", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    test = Repository(tmp_path).resolve("imbalanced").manifest.metrics["test"]
    line = next(line for line in out.splitlines() if line.startswith("test "))
    assert test.baseline_accuracy > 0.95
    assert f"{test.average_precision:.4f}  0.0303" in re.sub(" +", "  ", line)
    assert f"{test.accuracy:.1%}  {test.baseline_accuracy:.1%}" in re.sub(" +", "  ", line)
