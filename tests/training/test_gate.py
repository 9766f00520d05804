"""Which new versions are served, by real small models and what a person reads of it."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.__main__ import main as models
from models.repository import Artifact, Repository
from models.verdict import Verdict
from training import gate
from training.__main__ import main
from training.config import Config
from training.dataset import load

FORMAT1 = Path(__file__).parents[1] / "models" / "format1"
USELESS = ("--penalty", "1e-9")
"""So strong that every row gets the same answer."""


def write(path: Path, rows: int = 600, gaps: int = 0, steepness: float = 2.0) -> Path:
    """Write rows of two numbers of which the first tells the answer, with so many gaps in it."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(rows, 2)).round(4)
    yes = draw.random(rows) < 1 / (1 + np.exp(-steepness * x[:, 0]))
    first = ["" if row < gaps else str(cell) for row, cell in enumerate(x[:, 0])]
    lines = [f"{a},{b},{'yes' if y else 'no'}" for a, b, y in zip(first, x[:, 1], yes, strict=True)]
    path.write_text("\n".join(["a,b,y", *lines]) + "\n")
    return path


class Place:
    """A table, and the store of what is trained on it."""

    def __init__(self, folder: Path) -> None:
        self.data = write(folder / "table.csv")
        self.repository = Repository(folder / "store")

    def train(self, *options: str) -> int:
        return main(
            ["--data", str(self.data), "--target", "y", "--store", str(self.repository.root), *options]
        )

    def verdict(self, version: int) -> Verdict:
        found = self.repository.verdict("table", version)
        assert found is not None
        return found

    @property
    def current(self) -> int:
        return self.repository.current("table")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_the_first_version_is_served(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to compare it with."""
    assert place.train() == 0
    found = place.verdict(1)
    assert (found.verdict, found.champion, found.comparison) == ("first", None, None)
    assert found.digest == place.repository.resolve("table", 1).digest
    assert place.current == 1
    assert capsys.readouterr().out.endswith("\npromoted   the first of table to be served\n")


def test_a_better_one_is_served(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """With both losses, which are those that their manifests have, and the interval of the difference."""
    assert place.train(*USELESS) == place.train() == 0
    found, comparison = place.verdict(2), place.verdict(2).comparison
    assert (found.verdict, found.champion, place.current) == ("promoted", 1, 2)
    losses = [
        place.repository.resolve("table", version).manifest.metrics["test"].log_loss for version in (2, 1)
    ]
    assert [comparison.newcomer, comparison.champion] == pytest.approx(losses, abs=1e-6)
    assert comparison.difference == pytest.approx(losses[0] - losses[1], abs=1e-6)
    assert comparison.interval.low < comparison.difference < comparison.interval.high < 0
    assert comparison.margin == 0.01
    assert (comparison.rows, comparison.learnt, comparison.refused) == (len_test(place), 0, 0)
    said = f"\npromoted   not worse than version 1: log-loss {losses[0]:.4f} beside {losses[1]:.4f} on "
    assert said in capsys.readouterr().out


def len_test(place: Place) -> int:
    return place.repository.resolve("table", 1).manifest.data.rows["test"]


def test_a_worse_one_is_published_and_not_served(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """The run is no failure; the command that it names serves the version all the same."""
    assert place.train() == place.train(*USELESS) == 0
    found = place.verdict(2)
    assert (found.verdict, found.champion, place.current) == ("rejected", 1, 1)
    assert found.comparison.interval.low > found.comparison.margin
    assert place.repository.versions("table") == [1, 2]
    *_, why, how = capsys.readouterr().out.splitlines()
    assert why.startswith("not served worse than version 1: log-loss 0.6")
    store = place.repository.root
    assert how.startswith(
        f"           version 1 stays; python -m models promote table 2 --store {store} serves"
    )
    assert models(how.split("python -m models ")[1].split(" serves")[0].split()) == 0
    assert place.current == 2


def test_always_and_never_ask_nothing(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Not even whether it is the first one."""
    assert place.train("--promote", "never") == 0
    assert place.repository.names() == []
    assert (
        "\nnot served as --promote never says\n           python -m models promote" in capsys.readouterr().out
    )
    assert place.train() == place.train(*USELESS, "--promote", "always") == 0
    assert (place.verdict(1).verdict, place.verdict(3).verdict, place.current) == ("never", "always", 3)


def test_the_same_again_is_served(place: Place) -> None:
    """Every difference is 0."""
    assert place.train() == place.train("--force") == 0
    found = place.verdict(2)
    assert (found.verdict, place.current) == ("promoted", 2)
    ends = found.comparison.interval
    assert (found.comparison.difference, ends.low, ends.high) == (0, 0, 0)


def test_what_the_rows_do_not_tell_is_served(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """And said: the interval holds the margin."""
    write(place.data, rows=150)
    assert place.train() == place.train("--penalty", "0.03") == 0
    found = place.verdict(2)
    assert (found.verdict, place.current) == ("undecided", 2)
    assert found.comparison.interval.low < found.comparison.margin < found.comparison.interval.high
    assert (
        "\npromoted   the test rows do not tell whether it is worse than version 1: "
        in capsys.readouterr().out
    )


def test_few_rows_reject_nothing(place: Place) -> None:
    """Whatever their interval is."""
    write(place.data, rows=60)
    assert place.train() == place.train(*USELESS) == 0
    found = place.verdict(2)
    assert (found.verdict, place.current) == ("undecided", 2)
    assert found.comparison.rows < gate.FEWEST
    assert found.comparison.interval.low > found.comparison.margin


def test_rows_that_the_champion_learnt_from_are_left_out(place: Place) -> None:
    """Of another seed's test rows those are left that its own split holds out, too."""
    write(place.data, rows=2000)
    assert place.train() == place.train("--seed", "1", *USELESS) == 0
    tests = [set(load(config(place, seed)).parts["test"].tolist()) for seed in (0, 1)]
    found = place.verdict(2).comparison
    assert found.rows == len(tests[0] & tests[1])
    assert found.learnt == len(tests[1] - tests[0]) > found.rows
    assert f"; {found.learnt} rows that version 1 learnt from left out" in place.verdict(2).reason
    assert place.verdict(2).verdict == "rejected"


def config(place: Place, seed: int) -> Config:
    return Config(data=str(place.data), target="y", seed=seed)


def test_no_row_left_is_served(place: Place) -> None:
    """A champion that learnt from every row can't be compared."""
    write(place.data, rows=40)
    assert place.train() == 0
    for seed in range(1, 40):
        tests = [set(load(config(place, each)).parts["test"].tolist()) for each in (0, seed)]
        if not tests[0] & tests[1]:
            break
    assert place.train("--seed", str(seed)) == 0
    found = place.verdict(2)
    assert (found.verdict, found.comparison, place.current) == ("undecided", None, 2)
    assert found.reason.startswith("no test row is left to compare it with version 1 on; ")


def test_rows_that_the_champion_does_not_take_are_left_out(place: Place) -> None:
    """It admits no missing value, and these rows lack one."""
    assert place.train() == 0
    write(place.data, gaps=300)
    assert place.train() == 0
    found = place.verdict(2).comparison
    assert found.refused > 0
    assert f"; {found.refused} rows that version 1 does not take left out" in place.verdict(2).reason


def test_other_inputs_are_not_served(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """However good the version is; unless it is told to."""
    assert place.train(*USELESS) == place.train("--leave-out", "b") == 0
    found = place.verdict(2)
    assert (found.verdict, found.champion, found.comparison, place.current) == ("incompatible", 1, None, 1)
    assert "not served it would not take or answer all that version 1 does: input 'b' is no more\n" in (
        capsys.readouterr().out
    )
    assert place.train("--leave-out", "b", "--promote", "always") == 0
    assert place.current == 3


def test_a_champion_of_format_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is scored as any other; which rows it learnt from it does not say, which the verdict does."""
    shutil.copytree(FORMAT1, tmp_path / "store")
    assert main(["--data", "toy", "--store", str(tmp_path / "store")]) == 0
    repository = Repository(tmp_path / "store")
    found = repository.verdict("toy", 2)
    assert found.verdict in {"promoted", "undecided"}
    assert (found.champion, found.comparison.rows, found.comparison.learnt) == (1, 20, 0)
    assert repository.current("toy") == 2
    said = "it is not known which rows version 1 learnt from, so it may look better than it is"
    assert said in capsys.readouterr().out


class Busy(Repository):
    """A store in which another process promotes other versions while one is compared."""

    def __init__(self, root: Path, versions: list[int]) -> None:
        super().__init__(root)
        self._versions = versions

    def resolve(self, name: str, version: int | None = None) -> Artifact:
        found = super().resolve(name, version)
        if self._versions:
            command = ["promote", name, str(self._versions.pop(0)), "--store", str(self.root)]
            subprocess.run([sys.executable, "-m", "models", *command], check=True)
        return found


@pytest.mark.parametrize(
    ("promoted", "verdict", "champion", "current"),
    [([2], "promoted", 2, 3), ([2, 1], "promoted", 1, 3), ([2, 1, 2], "moved", 1, 2)],
    ids=["once", "twice", "always"],
)
def test_current_may_move_meanwhile(
    place: Place, promoted: list[int], verdict: str, champion: int, current: int
) -> None:
    """The version is compared with the new champion; when that goes on it is not served."""
    assert place.train(*USELESS) == place.train("--penalty", "0.001", "--promote", "never") == 0
    assert place.train("--promote", "never") == 0
    newcomer = place.repository.resolve("table", 3)
    busy = Busy(place.repository.root, promoted)
    found = gate.settle(busy, newcomer, load(config(place, 0)), "gate", 0)
    assert (found.verdict, found.champion, place.current) == (verdict, champion, current)
    assert place.verdict(3) == found
    if verdict == "moved":
        assert "version" not in gate.render(found, busy.root).splitlines()[1].split(";")[0]
