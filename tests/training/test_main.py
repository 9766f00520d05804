"""The command: exit codes, one line on stderr, and a store that a failure leaves as it was."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import training
from models.repository import Repository
from tests.training.listing import listing
from training.__main__ import main
from training.config import Config


def train(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "training", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **variables},
        check=False,
    )


def publish(toy: Config) -> dict[str, bytes | None]:
    """Have the store serve a model, and return what it then holds."""
    assert main(["--data", "toy", "--store", str(toy.store), "--quiet"]) == 0
    return listing(toy.store)


def test_a_csv_becomes_a_served_model(iris_csv: Path, tmp_path: Path) -> None:
    """One command reads a file, publishes a model of its name and reports where; stderr stays empty."""
    result = train("--data", iris_csv, "--target", "species", TRAINING_STORE=str(tmp_path / "store"))
    assert (result.returncode, result.stderr) == (0, "")
    artifact = Repository(tmp_path / "store").resolve("iris-1936")
    assert artifact.manifest.classes == ("setosa", "versicolor", "virginica")
    assert artifact.manifest.metrics["test"].accuracy > 0.9
    assert "newton converged after" in result.stdout
    assert result.stdout.endswith(
        f"published  {artifact.path}\npromoted   the first of iris-1936 to be served\n"
    )


def test_the_lectures_exercise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The loop as taught tells all toy points apart, and the report prints the line between them."""
    assert main(["--data", "toy", "--solver", "sgd", "--store", str(tmp_path)]) == 0
    report = capsys.readouterr().out
    assert "sgd stopped, not converged, after 200 epochs" in report
    assert report.count("100.0%") == 3
    line = re.search(r"boundary +(\S+) \* x1 (\S+) \* x2 (\S+) = 0", report)
    assert line
    w1, w2, b = map(float, line.groups())
    assert w1 * 2 + w2 * 2 + b > 0 > w1 * -2 + w2 * -2 + b


HEADER = "a,b,y"
GOOD = [f"{row * row % 37}.5,{row % 3},{'no' if row % 2 else 'yes'}" for row in range(40)]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (None, "no such file"),
        ([HEADER.replace("y", "z"), *GOOD], "no column 'y', it has a, b, z"),
        ([HEADER, *GOOD[::2]], "'y' is 'yes' in every row"),
        ([HEADER, *GOOD[:12]], "too few rows of 'y' = 'no': 6, wanted at least 10"),
        ([HEADER, *GOOD, "red,1,no"], "column 'a': row 41: 'red' is not a number"),
        ([HEADER, *GOOD, "inf,1,no"], "column 'a': row 41: 'inf' is not finite"),
        ([HEADER, *GOOD, "1e39,1,no"], "column 'a': row 41: '1e39' is not finite"),
        ([HEADER, *GOOD, "1,1"], "row 41 has 2 cells, the header 3"),
        ([HEADER], "no rows"),
    ],
)
def test_bad_data_is_one_line_and_leaves_the_store(
    toy: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: list[str] | None, reason: str
) -> None:
    """Exit code 2, one line that names the file and the fault, and not a byte of the store changed."""
    before = publish(toy)
    data = tmp_path / "bad.csv"
    if rows is not None:
        data.write_text("\n".join(rows) + "\n")
    assert main(["--data", str(data), "--target", "y", "--name", "toy", "--store", str(toy.store)]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.count("\n") == 1
    assert error.startswith(str(data))
    assert reason in error
    assert listing(toy.store) == before


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        (["--positive", "2"], "--positive=2: wanted 0 or 1"),
        (["--threshold", "best"], "--threshold=best: wanted a probability"),
        (["--class-weight", "2=3"], "--class-weight=2: wanted 0 or 1"),
        (["--abstain", "0.6"], "--abstain=0.6: wanted LOW:HIGH"),
        (["--abstain-risk", "0.01"], "--abstain-risk=0.01: takes 299 validation rows"),
        (
            ["--abstain", "0.4:0.6", "--abstain-risk", "0.1"],
            "--abstain-risk=0.1: wanted it without --abstain",
        ),
        (["--categorical", "x3"], "--categorical x3: no such column; is it 'x2'?"),
        (["--leave-out", "x1", "--keep", "x1"], "--keep x1: --leave-out says otherwise"),
        (["--groups", "class"], "--groups class: it is the target"),
        (["--units", "x3=mm"], "TRAINING_UNITS=x3: no such input column"),
        (["--penalty", "none"], "without a penalty there is no optimum"),
        (["--penalty", "auto", "--time", "x1"], "--penalty auto: of 60 train rows "),
        (["--schema", "none.toml"], "--schema none.toml: "),
        (["--solver", "sgd", "--learning-rate", "1e200"], "sgd diverged at --learning-rate=1e+200"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_bad_option_is_one_line_and_leaves_the_store(
    toy: Config, capsys: pytest.CaptureFixture[str], option: list[str], reason: str
) -> None:
    """Exit code 2 and the flag with what it says, however late in the run it shows."""
    before = publish(toy)
    assert main(["--data", "toy", "--store", str(toy.store), *option]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert reason in error
    assert listing(toy.store) == before


def test_bad_data_makes_no_store(tmp_path: Path) -> None:
    """The process too writes one line, exits with 2, and does not even make the directory."""
    store = tmp_path / "store"
    result = train("--data", tmp_path / "none.csv", "--target", "y", "--store", store)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"{tmp_path / 'none.csv'}: no such file\n"
    assert not store.exists()


def test_a_bad_setting_exits_with_two(tmp_path: Path) -> None:
    """A bad variable or flag is one line with its key, its value and what was wanted."""
    result = train(TRAINING_EPOCHS="many")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith("TRAINING_EPOCHS=many: wanted a whole number")
    result = train("--stroe", tmp_path)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert "--stroe" in result.stderr


def test_the_module_says_its_version() -> None:
    """As the service does, without a training."""
    result = train("--version")
    assert (result.returncode, result.stdout) == (0, f"logitserve {training.__version__}\n")


INTERRUPTED = """
import signal, sys
from training.__main__ import main
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGPROF, lambda *_: signal.raise_signal(signal.SIGINT))
signal.setitimer(signal.ITIMER_PROF, float(sys.argv[1]))
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize("cpu_s", [0.02, 0.1, 0.3, 0.6, 1, 2, 4])
def test_ctrl_c_is_status_130_at_any_moment(tmp_path: Path, cpu_s: float) -> None:
    """While modules are imported, while it reads and while it fits: no traceback, and no store.

    By the processor's time, so that a busy machine interrupts at the same place.
    """
    endless = (
        "--data",
        "toy",
        "--solver",
        "sgd",
        "--epochs",
        "1000000000",
        "--store",
        str(tmp_path / "store"),
    )
    command = [sys.executable, "-c", INTERRUPTED, str(cpu_s), *endless]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "")
    assert not (tmp_path / "store").exists()


def test_if_empty_trains_once_and_never_loads_torch_again(toy: Config) -> None:
    """A store that serves a model is left alone, without the seconds that torch takes to import."""
    before = publish(toy)
    program = (
        "import sys; from training.__main__ import main; "
        "code = main(sys.argv[1:]); sys.exit(code or 'torch' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, "--if-empty", "--store", str(toy.store)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert listing(toy.store) == before


def test_if_empty_trains_into_an_empty_store(toy: Config) -> None:
    """Without a served model the flag changes nothing."""
    assert main(["--data", "toy", "--store", str(toy.store), "--if-empty"]) == 0
    assert Repository(toy.store).names() == ["toy"]


def test_a_broken_store_is_one_line(toy: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """What the store refuses ends the run with exit code 3 and the store's own reason."""
    toy.store.mkdir()
    (toy.store / "toy").write_text("not a directory")
    assert main(["--data", "toy", "--store", str(toy.store)]) == 3
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert str(toy.store / "toy") in error


def test_a_store_that_cannot_be_written_is_status_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line with the path and what the system says."""
    (tmp_path / "file").write_text("")
    assert main(["--data", "toy", "--store", str(tmp_path / "file" / "store")]) == 3
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith(str(tmp_path / "file" / "store"))
    assert "Not a directory" in error
