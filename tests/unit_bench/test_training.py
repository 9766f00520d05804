"""Training beside scikit-learn: both find the same optimum, and the report has the figures made by hand."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.bench.training import arrays, process, rows, table
from tests.bench.training.table import OURS, PEER, Command, Cost, Search


def test_both_find_the_same_optimum() -> None:
    """With a tolerance that is tight enough, of rows that need no thinning; and it is an optimum."""
    x, y = rows.arrays(4000, 5)
    ours = arrays.logitserve(x, y)
    theirs = arrays.scikit_learn(x.astype(np.float64), y, "newton-cholesky", 1e-8)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-5, atol=1e-7)
    least = arrays.objective(x, y, *ours)
    assert least == pytest.approx(arrays.objective(x, y, *theirs), rel=1e-11)
    assert least < arrays.objective(x, y, ours[0] * 1.001, ours[1])


def test_a_file_has_the_same_rows(tmp_path: Path) -> None:
    """As arrays have, whatever the chunks; both commands learn from it."""
    import pandas as pd  # noqa: PLC0415 - a second

    file = tmp_path / "rows.parquet"
    rows.write(str(file), 500, 3)
    x, y = rows.arrays(500, 3)
    frame = pd.read_parquet(file)
    np.testing.assert_array_equal(frame.drop(columns=rows.TARGET).to_numpy(), x)
    np.testing.assert_array_equal(frame[rows.TARGET].to_numpy(), y)
    cost, printed = process.run("tests.bench.training.by_pandas", file, tmp_path / "model", cores=1)
    assert printed.count("\n") >= 3
    assert cost.cpu_s > 0
    assert cost.peak_bytes > table.MIB


def test_a_command_that_fails_is_an_error(tmp_path: Path) -> None:
    """Its figures would be worth nothing."""
    with pytest.raises(subprocess.CalledProcessError):
        process.run("tests.bench.training.by_pandas", tmp_path / "none", tmp_path / "model", cores=1)


SEARCHES = [
    Search(number, who, tolerance, wall, 2 * wall, objective)
    for number, walls in enumerate([(1.0, 2.0, 5.0), (2.0, 2.0, 4.0), (1.0, 4.0, 5.0)])
    for who, tolerance, wall, objective in [
        (OURS, 0.0, walls[0], 0.5),
        ("a", table.DEFAULT, walls[1], 0.5 + 1e-6),
        ("b", 1e-6, walls[2], 0.5),
    ]
]


def test_ratios_are_taken_within_a_round() -> None:
    """The median of 0.5, 1 and 0.25, which is not the ratio of the medians."""
    ours, theirs = ([each for each in SEARCHES if each.who == who] for who in (OURS, "a"))
    assert table.ratio(ours, theirs, lambda each: each.wall_s) == "0.50 [0.25, 1.00]"


def test_the_quickest_is_told_with_and_without_the_same_objective() -> None:
    """A tolerance that stops early is quick."""
    assert table.quickest(SEARCHES, same=False) == "a"
    assert table.quickest(SEARCHES, same=True) == "b"
    assert table.verdict(SEARCHES).count("\n") == 1
    assert "| a | 2.00 | 4.00 | +1.0e-06 | 0.50 [0.25, 1.00] | 0.50 [0.25, 1.00] |" in table.searches(
        SEARCHES
    )


def test_commands_are_laid_out_by_rows_and_inputs() -> None:
    """Beside another one there are ratios of time and memory."""
    ours = Command(0, OURS, 1000, 3, Cost(1.0, 1.5, 2**30))
    assert table.commands("Alone", [ours]).endswith("| 1,000 | 3 | logitserve | 1.0 | 1.5 | 1,024 |")
    other = Command(0, PEER, 1000, 3, Cost(2.0, 1.5, 2**29))
    both = table.commands("Both", [ours, other])
    assert both.endswith("| 2.0 | 1.5 | 512 | 0.50 [0.50, 0.50] | 2.00 [2.00, 2.00] |")


@pytest.mark.slow
def test_a_quick_run(tmp_path: Path) -> None:
    """`make bench-train ARGS=--quick` measures everything once, and writes what it measured."""
    out = tmp_path / "figures.json"
    command = [sys.executable, "-m", "tests.bench.training", "--quick", "--out", out]
    printed = subprocess.run(command, cwd=process.ROOT, check=True, capture_output=True, text=True).stdout
    found = json.loads(out.read_text())
    assert {each["who"] for each in found["files"]} == {OURS, PEER}
    assert printed.count("**") == 10  # five titles
