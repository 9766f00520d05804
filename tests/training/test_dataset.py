"""The data sets: the built-in ones, labels, and how rows are split."""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from sklearn.datasets import load_breast_cancer

from training.columns import Numbers
from training.config import Config
from training.dataset import Dataset, load
from training.errors import DataError


def values(dataset: Dataset) -> np.ndarray:
    assert all(isinstance(column, Numbers) for column in dataset.columns)
    return np.stack([column.values for column in dataset.columns if isinstance(column, Numbers)], 1)


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("\n".join(["x,g,y", *(",".join(map(str, row)) for row in rows)]))
    return path


def test_breast_cancer_is_the_default_of_the_lecture() -> None:
    """569 rows of 30 inputs, values and names as scikit-learn has them, in two classes by name."""
    dataset, expected = load(Config()), load_breast_cancer()
    np.testing.assert_array_equal(values(dataset), expected.data.astype(np.float32))
    assert [column.name for column in dataset.columns] == expected.feature_names.tolist()
    assert (dataset.target, dataset.classes) == ("diagnosis", ("benign", "malignant"))
    labels = np.array(dataset.classes)[dataset.y]
    np.testing.assert_array_equal(labels, expected.target_names[expected.target])
    assert {name: len(rows) for name, rows in dataset.parts.items()} == {
        "train": 341,
        "validation": 115,
        "test": 113,
    }


def test_toy_is_a_hundred_points_that_a_line_separates() -> None:
    """Two inputs, two classes of 50, and the lecture's line x1 + x2 = 0 tells them apart."""
    dataset = load(Config(data="toy"))
    assert values(dataset).shape == (100, 2)
    assert np.bincount(dataset.y).tolist() == [50, 50]
    np.testing.assert_array_equal(values(dataset).sum(1) > 0, dataset.y == 1)


@pytest.mark.parametrize(
    ("name", "sha256"),
    [
        ("breast-cancer", "75ccba33a66490b9561f622155bef455960eb1d6e3bad4e6daee79e30d8402cc"),
        ("toy", "0db050807f21c62ea8f2898f32ba0a843dd3819ec8e1d60b657d3d3cf92e6682"),
    ],
)
def test_built_in_bytes_are_frozen(name: str, sha256: str) -> None:
    """A built-in set that changes with a library would change every model: its digest is pinned."""
    assert load(Config(data=name)).sha256 == sha256


def test_a_built_in_set_needs_no_arrow() -> None:
    """It takes a quarter of a second to import."""
    program = "import sys; from training import config, dataset; dataset.load(config.Config()); "
    program += "sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(("name", "column"), [("breast-cancer", "mean radius"), ("toy", "x1")])
def test_a_built_in_set_is_read_as_a_file_would_be(name: str, column: str) -> None:
    """An option about a column is taken, and does not change what is found of the others."""
    plain, asked = load(Config(data=name)), load(Config(data=name, keep=(column,)))
    assert (plain.sha256, plain.split, plain.left_out) == (asked.sha256, asked.split, asked.left_out)
    np.testing.assert_array_equal(values(plain), values(asked))
    for part, rows in plain.parts.items():
        np.testing.assert_array_equal(rows, asked.parts[part])
    assert [left.column for left in load(Config(data=name, leave_out=(column,))).left_out] == [column]


def test_a_file_is_known_by_its_bytes(iris_csv: Path) -> None:
    """A file's source is its name without its folder, its digest the sha256 of its bytes."""
    dataset = load(Config(data=str(iris_csv), target="species"))
    assert (dataset.source, dataset.target) == (iris_csv.name, "species")
    assert dataset.sha256 == hashlib.sha256(iris_csv.read_bytes()).hexdigest()
    assert dataset.classes == ("setosa", "versicolor", "virginica")
    assert values(dataset).shape == (150, 4)


def test_a_folder_is_known_by_its_files(tmp_path: Path) -> None:
    """Its digest is that of what sha256sum prints of them."""
    columns = {"x": np.random.default_rng(0).normal(size=40), "y": ["a", "b"] * 20}
    parquet.write_table(pa.table(columns), tmp_path / "part-0.parquet")
    digest = hashlib.sha256((tmp_path / "part-0.parquet").read_bytes()).hexdigest()
    dataset = load(Config(data=str(tmp_path), target="y", name="m"))
    assert dataset.sha256 == hashlib.sha256(f"{digest}  part-0.parquet\n".encode()).hexdigest()
    assert dataset.source == tmp_path.name


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["9", "10"], ("10", "9")),
        (["1.0", "0"], ("0", "1")),
        (["1.5", "0"], ("0", "1.5")),
        (["1.0", "a"], ("1.0", "a")),
        (["true", "false"], ("false", "true")),
        (["NA", "a", "b"], ("NA", "a", "b")),
        (["NA", "1", "2"], ("1", "2")),
    ],
)
def test_classes_are_the_sorted_labels(tmp_path: Path, labels: list[str], classes: tuple[str, ...]) -> None:
    """As text, whole numbers as integers; a token is no label only among numbers, and else doubted."""
    random = np.random.default_rng(0)
    rows = [(f"{random.normal():.6f}", row % 7, labels[row % len(labels)]) for row in range(90)]
    dataset = load(Config(data=str(write(tmp_path / "t.csv", rows)), target="y"))
    assert dataset.classes == classes
    assert dataset.dropped == (0 if len(labels) == len(classes) else 30)
    assert ("'NA'" in "\n".join(dataset.doubts)) == ("NA" in classes)


def test_labels_of_parquet_are_text(tmp_path: Path) -> None:
    """Truths, whole floats, integers and categories; a null or NaN is no label."""
    x = np.random.default_rng(0).normal(size=40)
    for y, classes in (
        (pa.array([True, False] * 19 + [None] * 2), ("false", "true")),
        (pa.array([1.0, 0.0] * 19 + [float("nan"), None]), ("0", "1")),
        (pa.array(["a", "b"] * 19 + ["", None]).dictionary_encode(), ("a", "b")),
    ):
        parquet.write_table(pa.table({"x": x, "y": y}), tmp_path / "t.parquet")
        dataset = load(Config(data=str(tmp_path / "t.parquet"), target="y"))
        assert (dataset.classes, dataset.dropped) == (classes, 2)
    parquet.write_table(pa.table({"x": x, "y": [[1], [2]] * 20}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match="target 'y': not labels but list"):
        load(Config(data=str(tmp_path / "t.parquet"), target="y"))


def test_the_commonest_spelling_stays(tmp_path: Path) -> None:
    """Of labels that are folded; without the flag they are named."""
    rows = [(f"{row * 0.37:.3f}", row % 7, ["Yes", "no", "yes", "yes"][row % 4]) for row in range(80)]
    path = write(tmp_path / "t.csv", rows)
    with pytest.raises(DataError, match="differ by case alone: 'Yes', 'yes'; --fold-case joins them"):
        load(Config(data=str(path), target="y"))
    assert load(Config(data=str(path), target="y", fold_case=True)).classes == ("no", "yes")


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (["a"] * 30, "'y' is 'a' in every row; wanted two classes or more"),
        (["a"] * 30 + ["b"] * 9, "too few rows of 'y' = 'b': 9, wanted at least 10"),
        ([""] * 30, "no row has a label in 'y'"),
        ([f"{row}.5" for row in range(60)], "60 different numbers: a quantity is no class"),
    ],
)
def test_rows_that_cannot_be_learnt_from_are_refused(tmp_path: Path, labels: list[str], reason: str) -> None:
    """One class only, too few rows of one to split, or a quantity, with the number that is needed."""
    rows = [(row * 0.37, row % 7, label) for row, label in enumerate(labels)]
    with pytest.raises(DataError, match=reason):
        load(Config(data=str(write(tmp_path / "t.csv", rows)), target="y"))


@settings(max_examples=20)
@given(st.permutations(range(60)))
def test_the_order_of_the_file_changes_no_split(
    tmp_path_factory: pytest.TempPathFactory, order: list[int]
) -> None:
    """The rows in train are the same ones; every fourth has a twin, which is where it is."""
    rows = [
        (f"{(row - row % 4 // 3) * 0.37:.3f}", "u" if row % 8 < 4 else "v", "ab"[row // 4 % 2])
        for row in range(60)
    ]
    folder = tmp_path_factory.mktemp("order")
    told = []
    for ordered in (rows, [rows[row] for row in order]):
        dataset = load(Config(data=str(write(folder / "t.csv", ordered)), target="y"))
        assert (dataset.split.kind, dataset.duplicates) == ("cells", 15)
        told.append({name: sorted(ordered[row] for row in part) for name, part in dataset.parts.items()})
        assert not set(told[-1]["train"]) & {*told[-1]["validation"], *told[-1]["test"]}
    assert told[0] == told[1]


def test_groups_never_straddle(tmp_path: Path) -> None:
    """The column of groups is no input, and its values stay on one side; a gap in it is refused."""
    rows = [(row * 0.37, f"p{row % 30}", "ab"[row % 2]) for row in range(300)]
    path = write(tmp_path / "t.csv", rows)
    dataset = load(Config(data=str(path), target="y", groups="g"))
    groups = {name: {rows[row][1] for row in part} for name, part in dataset.parts.items()}
    assert sum(map(len, groups.values())) == 30
    assert (dataset.split.kind, dataset.split.columns) == ("groups", ("g",))
    assert [column.name for column in dataset.columns] == ["x"]
    assert [left.column for left in dataset.left_out] == ["g"]
    with pytest.raises(DataError, match="column 'g': row 301 has no value, which --groups g takes"):
        load(Config(data=str(write(path, [*rows, ("1", "", "a")])), target="y", groups="g"))


@pytest.mark.parametrize(
    "times", [list(range(8, 108)), [f"20{row // 12:02}-{row % 12 + 1:02}-01" for row in range(100)]]
)
def test_the_latest_rows_are_the_test(tmp_path: Path, times: list[Any]) -> None:
    """Numbers sort as numbers and dates by their text; the column is no input."""
    rows = [(f"{row * 37 % 101 * 0.1:.1f}", times[row], "ab"[row % 2]) for row in range(100)][::-1]
    dataset = load(Config(data=str(write(tmp_path / "t.csv", rows)), target="y", time="g"))
    assert [rows[row][1] for row in dataset.parts["test"]] == times[:79:-1]
    assert dataset.split.cuts == {"": (str(times[60]), str(times[80]))}
    assert [column.name for column in dataset.columns] == ["x"]


def test_dates_that_do_not_sort_are_refused(tmp_path: Path) -> None:
    """With how to write them."""
    rows = [(row * 0.37, f"{row % 28 + 1}.01.2024", "ab"[row % 2]) for row in range(100)]
    with pytest.raises(
        DataError, match=r"row 1: '1.01.2024' does not sort as a date; --time g takes 2024-12-31"
    ):
        load(Config(data=str(write(tmp_path / "t.csv", rows)), target="y", time="g"))


def test_what_stays_together_is_known_of_every_row(tmp_path: Path) -> None:
    """Groups, or instants in their order, also where rows without a label lie between them."""
    rows = [
        (row * 0.37, f"2024-01-{row % 28 + 1:02}", "" if row % 9 == 4 else "ab"[row % 2]) for row in range(99)
    ]
    path = write(tmp_path / "t.csv", rows)
    told = np.array([day for _, day, label in rows if label])
    for asked in ({"groups": "g"}, {"time": "g"}):
        units = load(Config(data=str(path), target="y", **asked)).units
        assert units is not None
        assert (np.unique(told)[units] == told).all()
    assert load(Config(data=str(path), target="y")).units is None
