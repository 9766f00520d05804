"""Captured rows and labels: joined, told of, trained on, and each way to be refused."""

import json
import random
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from models.repository import Repository
from training.__main__ import main
from training.captured import Captured, read, settled
from training.config import Config
from training.errors import DataError

Row = dict[str, Any]


def write(folder: Path, name: str, lines: Iterable[Row], end: str = "") -> Path:
    """Write a file of a folder as a service does; it ends in `end`."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + end)
    return path


def row(number: int, cells: Row, model: str = "m", version: str = "1") -> Row:
    return {
        "id": f"{number:016x}",
        "model": model,
        "version": version,
        "time": "2026-01-01T00:00:00Z",
        "inputs": cells,
    }


def label(number: int, text: str, time: str = "2026-01-02T00:00:00Z") -> Row:
    return {"id": f"{number:016x}", "label": text, "time": time}


def sample(count: int = 200) -> tuple[list[Row], list[str]]:
    """Return cells of every kind, and a label that hangs on them."""
    draw = random.Random(0)  # noqa: S311 - a sample
    rows, labels = [], []
    for number in range(count):
        x = round(draw.gauss(0, 1), 4)
        city, paid = draw.choice(["Bonn", "Kiel", "Ulm"]), draw.random() < 0.5
        rows.append({"x": x, "city": city, "paid": paid, "size": draw.choice([1, 2, 3, 40])})
        labels.append("yes" if x + (city == "Ulm") + paid + draw.gauss(0, 0.5) > 0.8 else "no")
        if number % 20 == 0:
            rows[-1]["city"] = None
    return rows, labels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """200 rows of one model in two files, and labels of 150 of them and of 10 others."""
    cells, labels = sample()
    root = tmp_path / "captured"
    numbered = list(enumerate(cells))
    write(root, "rows-api-0-b.jsonl", (row(*each) for each in numbered[100:]))
    write(root, "rows-api-0-a.jsonl", (row(*each) for each in numbered[:100]))
    write(root, "labels-api-1-a.jsonl", (label(number, labels[number]) for number in range(150)))
    write(root, "labels-api-0-a.jsonl", (label(number, "no") for number in range(1000, 1010)))
    return root


def joined(folder: Path, target: str = "y", name: str = "m") -> Captured:
    return read(str(folder), name, target, folder.parent / "store")


def cells(found: Captured) -> dict[str, list[object]]:
    return {name: column.to_pylist() for name, column in found.table.columns.items()}


def test_rows_are_joined_with_their_labels(folder: Path) -> None:
    """By id, in the order of the files' names; cells keep their types."""
    found, (rows, labels) = joined(folder), sample()
    assert found.table.rows == 150
    assert (found.unlabelled, found.doubts) == (50, ())
    assert found.notes == ("200 rows of m, 160 labels, 150 joined",)
    assert cells(found) == {
        **{name: [each[name] for each in rows[:150]] for name in rows[0]},
        "y": labels[:150],
    }
    kinds = {name: str(column.type) for name, column in found.table.columns.items()}
    assert kinds == {"x": "double", "city": "string", "paid": "bool", "size": "int64", "y": "string"}


def test_a_table_of_the_same_cells_gives_the_same_model(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Inputs, split, weights and figures are those of a CSV file; the output says what was joined."""
    store = folder.parent / "store"
    options = ["--store", str(store), "--promote", "never"]
    assert main(["--data", str(folder), *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("50 more without a label are left out")
    assert lines[1] == "200 rows of m, 160 labels, 150 joined"
    rows, labels = sample()
    table = folder.parent / "t.csv"
    spelled = {None: "", True: "true", False: "false"}
    table.write_text(
        "\n".join(
            [
                "x,city,paid,size,label",
                *(
                    f"{each['x']},{each['city'] or ''},{spelled[each['paid']]},{each['size']},{text}"
                    for each, text in zip(rows[:150], labels[:150], strict=True)
                ),
            ]
        )
    )
    assert main(["--data", str(table), "--target", "label", *options, "--quiet"]) == 0
    ours, theirs = (Repository(store).resolve(name, 1) for name in ("m", "t"))
    assert ours.read("model.safetensors") == theirs.read("model.safetensors")
    for field in ("inputs", "classes", "metrics", "golden"):
        assert getattr(ours.manifest, field) == getattr(theirs.manifest, field), field
    assert (ours.manifest.data.source, ours.manifest.data.dropped) == ("captured", 50)
    assert [item.kind for item in ours.manifest.inputs] == ["numeric", "categorical", "boolean", "numeric"]


def test_a_run_on_captured_rows_can_be_repeated(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows without a label and of other models change nothing; one more label does, and is named."""
    store = folder.parent / "store"
    assert main(["--data", str(folder), "--store", str(store), "--quiet"]) == 0
    moved = shutil.move(folder, folder.parent / "elsewhere")
    write(folder.parent / "elsewhere", "rows-api-9-a.jsonl", [row(5000, {"x": 1}), row(1000, {}, "other")])
    again = ["--reproduce", "m/1", "--data", str(moved), "--store", str(store)]
    assert main(again) == 0
    assert "the same weights and figures" in capsys.readouterr().out
    write(folder.parent / "elsewhere", "labels-api-9-a.jsonl", [label(5000, "yes")])
    assert main(again) == 2
    assert "is not what" in capsys.readouterr().err


def test_a_new_version_is_served_in_the_place_of_the_one_whose_rows_were_captured(tmp_path: Path) -> None:
    """It has the target of CURRENT, the order of its inputs, and takes the texts of its truths."""
    rows, labels = sample(400)
    store, table, root = tmp_path / "store", tmp_path / "m.csv", tmp_path / "captured"
    spelled = {True: "yes", False: "no"}
    table.write_text(
        "\n".join(
            [
                "size,paid,city,x,answer",
                *(
                    f"{each['size']},{spelled[each['paid']]},{each['city'] or ''},{each['x']},{text}"
                    for each, text in zip(rows, labels, strict=True)
                ),
            ]
        )
    )
    options = ["--store", str(store), "--quiet"]
    assert main(["--data", str(table), "--target", "answer", *options]) == 0
    sent = [
        {**each, "paid": spelled[each["paid"]]} if number % 3 else each for number, each in enumerate(rows)
    ]
    write(root, "rows-api-0-a.jsonl", (row(number, each) for number, each in enumerate(sent[:300])))
    write(root, "labels-api-0-a.jsonl", (label(number, text) for number, text in enumerate(labels[:300])))
    assert main(["--data", str(root), *options]) == 0
    first, second = (Repository(store).resolve("m", number).manifest for number in (1, 2))
    assert Repository(store).resolve("m").manifest.version == 2
    assert second.data.target == "answer"
    assert [(item.name, item.kind) for item in second.inputs] == [
        (item.name, item.kind) for item in first.inputs
    ]
    assert second.ignored == first.ignored


def test_rows_of_other_models_are_passed_over_and_counted(folder: Path) -> None:
    """--name says which; without it there must be but one."""
    write(folder, "rows-api-2-a.jsonl", [row(1000, {"z": 1}, "wine"), row(1001, {"z": 2}, "iris")])
    assert joined(folder).notes[1] == "passed over: 1 of iris, 1 of wine"
    assert cells(joined(folder, name="wine")) == {"z": [1], "y": ["no"]}
    with pytest.raises(DataError, match="rows of iris, m, wine; --name says which"):
        settled(Config(data=str(folder)))
    found = settled(Config(data=str(folder), name="wine", target="colour"))
    assert (found.name, found.target) == ("wine", "colour")


def test_the_only_model_need_not_be_named(folder: Path) -> None:
    """Its labels are called `label`, if the store has no version that calls them otherwise."""
    found = settled(Config(data=str(folder), store=folder.parent / "store"))
    assert (found.name, found.target) == ("m", "label")


def test_a_last_line_that_is_torn_is_passed_over(folder: Path) -> None:
    """Of rows and of labels, and counted; a last line that is whole counts, with its end or without."""
    write(folder, "rows-api-3-a.jsonl", [row(300, {"x": 1.0})], '{"id": "00000000000')
    write(folder, "labels-api-3-a.jsonl", [label(300, "no")], "\0\0\0")
    write(folder, "labels-api-4-a.jsonl", [], json.dumps(label(150, "no")))
    found = joined(folder)
    assert found.notes == (
        "201 rows of m, 162 labels, 152 joined",
        "passed over: 2 last lines, which are torn",
    )


@pytest.mark.parametrize(
    ("name", "line", "wrong"),
    [
        ("rows-z.jsonl", "{", "rows-z.jsonl: line 2: Input data was truncated"),
        ("rows-z.jsonl", "", "rows-z.jsonl: line 2: Input data was truncated"),
        ("rows-z.jsonl", row(1, {"x": [1]}), "rows-z.jsonl: line 2: .*got `array`"),
        ("rows-z.jsonl", row(1, {}, version="one"), r"rows-z.jsonl: line 2: .*\$.version"),
        ("rows-z.jsonl", label(1, "a"), "rows-z.jsonl: line 2: .*`model`"),
        ("labels-z.jsonl", label(1, 1), r"labels-z.jsonl: line 2: Expected `str`, got `int` - at `\$.label`"),
        ("labels-z.jsonl", label(1, "a", "yesterday"), "labels-z.jsonl: line 2: Invalid RFC3339"),
        ("labels-z.jsonl", label(1, "a", "2026-01-01T00:00:00"), "labels-z.jsonl: line 2: .*timezone"),
    ],
)
def test_a_line_that_is_malformed_is_named(folder: Path, name: str, line: Row | str, wrong: str) -> None:
    """With its file and its number, also the last if it has its end."""
    text = line if isinstance(line, str) else json.dumps(line)
    first = row(900, {"x": 1}) if name.startswith("rows") else label(900, "no")
    write(folder, name, [first], text + "\n")
    with pytest.raises(DataError, match=wrong) as caught:
        joined(folder)
    assert str(caught.value).startswith(f"{folder}: {name}")


def test_the_first_of_two_labels_holds(folder: Path) -> None:
    """By its time, whatever file it is in; how many ids have two that differ is said."""
    write(
        folder,
        "labels-api-5-a.jsonl",
        [
            label(0, "early", "2026-01-01T23:59:59.5Z"),
            label(1, "late", "2026-01-02T00:00:00.5Z"),
            label(2, sample()[1][2], "2026-01-03T00:00:00Z"),
            label(3, "early", "2026-01-02T00:00:00+01:00"),
        ],
    )
    found, labels = joined(folder), sample()[1]
    assert cells(found)["y"][:4] == ["early", labels[1], labels[2], "early"]
    assert found.doubts == ("3 ids have two different labels, of which the first holds",)
    assert found.notes == ("200 rows of m, 160 labels, 150 joined",)


def test_inputs_of_several_versions_are_joined(tmp_path: Path) -> None:
    """What a row does not have is missing; a column of several types is text."""
    rows = [
        row(0, {"a": 1, "b": True, "c": " x "}),
        row(1, {"a": 2.5, "d": "new", "b": "yes", "big": 2**70}, version="2"),
        row(2, {"a": None, "b": 1, "d": None, "c": None, "none": None}),
    ]
    write(tmp_path / "f", "rows-api-0-a.jsonl", rows)
    write(tmp_path / "f", "labels-api-0-a.jsonl", (label(number, "l") for number in range(3)))
    assert cells(joined(tmp_path / "f")) == {
        "a": [1.0, 2.5, None],
        "b": ["true", "yes", "1"],
        "c": ["x", None, None],
        "y": ["l"] * 3,
        "d": [None, "new", None],
        "big": [None, str(2**70), None],
        "none": [None] * 3,
    }


def test_types_that_change_between_blocks_are_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As those within one are, and columns that begin or end in a later block."""
    monkeypatch.setattr("training.gathered.BLOCK_ROWS", 2)
    given = [{"a": 1, "b": 1}, {"a": 2, "b": 2}, {"a": 0.5, "b": "x"}, {"b": True}, {"c": False}]
    write(tmp_path / "f", "rows-api-0-a.jsonl", (row(number, each) for number, each in enumerate(given)))
    write(tmp_path / "f", "labels-api-0-a.jsonl", (label(number, "l") for number in range(5)))
    assert cells(joined(tmp_path / "f")) == {
        "a": [1.0, 2.0, 0.5, None, None],
        "b": ["1", "2", "x", "true", None],
        "y": ["l"] * 5,
        "c": [None, None, None, None, False],
    }


def test_rows_that_came_twice_are_duplicates(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a request that was sent again: they have ids of their own, and stay on one side of the split."""
    rows, labels = sample()
    write(folder, "rows-api-6-a.jsonl", (row(2000 + number, rows[number]) for number in range(30)))
    write(folder, "labels-api-6-a.jsonl", (label(2000 + number, labels[number]) for number in range(30)))
    assert main(["--data", str(folder), "--store", str(folder.parent / "store")]) == 0
    assert "30 have the inputs of an earlier one" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("files", "wrong"),
    [
        ({"labels-a.jsonl": [label(1, "a")]}, r"no row in rows-\*.jsonl"),
        ({"rows-a.jsonl": [row(1, {"x": 1})]}, "no row has a label: 1 rows of m, 0 labels, 0 joined"),
        ({"rows-a.jsonl": [row(1, {"x": 1})], "labels-a.jsonl": [label(2, "a")]}, "1 labels, 0 joined"),
        (
            {"rows-a.jsonl": [row(1, {"label": 1})], "labels-a.jsonl": [label(1, "a")]},
            "an input is called 'label' too; --target",
        ),
        ({"rows-a.jsonl": [row(1, {"x": 1})], "labels-a.jsonl": [label(1, "a")]}, "label' is 'a' in every"),
    ],
)
def test_rows_that_cannot_be_trained_on_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], files: dict[str, list[Row]], wrong: str
) -> None:
    """In one line, with the folder and with what was found in it."""
    for name, lines in files.items():
        write(tmp_path / "f", name, lines)
    assert main(["--data", str(tmp_path / "f"), "--store", str(tmp_path / "store")]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"{tmp_path / 'f'}: ")
    assert re.search(wrong, said), said


def test_a_folder_without_captured_files_needs_its_target(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a folder of Parquet files always did."""
    assert main(["--data", str(tmp_path), "--store", str(tmp_path / "store")]) == 2
    assert capsys.readouterr().err == "TRAINING_TARGET=: wanted the column to predict\n"
