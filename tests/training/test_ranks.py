"""Several processes that train together, started by torchrun as a user would."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pytest
import safetensors.numpy
import torch
from pyarrow import parquet

from models.repository import Repository
from training.ranks import device

ROWS = 6000
TORCHRUN = Path(sys.executable).with_name("torchrun")
DEADLINE_S = 120


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Numbers with gaps and categories, sorted by the answer, in two parts of several row groups."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(ROWS, 3)).astype(np.float32)
    y = x[:, 0] + draw.normal(size=ROWS) > 0
    order = np.argsort(y)
    town = draw.choice(["Bern", "Graz", "Lyon"], ROWS)
    columns = {
        "a": pa.array(x[order, 0], mask=draw.random(ROWS) < 0.1),
        "b": pa.array(x[order, 1]),
        "c": pa.array(x[order, 2]),
        "town": pa.array(town[order]),
        "y": pa.array(y[order]),
    }
    folder = tmp_path_factory.mktemp("table")
    whole = pa.table(columns)
    for part in range(2):
        path = folder / f"part-{part}.parquet"
        parquet.write_table(whole.slice(part * ROWS // 2, ROWS // 2), path, row_group_size=900)
    return folder


def torchrun(ranks: int, *arguments: object) -> subprocess.Popen[str]:
    command = [TORCHRUN, "--standalone", "--nproc-per-node", ranks, "-m", "training", *arguments]
    return subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    )


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    """Whatever is put in is ended, with its processes."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        if process.poll() is None:  # torchrun's processes are not of its group
            for each in [*psutil.Process(process.pid).children(recursive=True), process]:
                each.kill()
        process.communicate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def own_lines(stderr: str) -> list[str]:
    """What we say, beside what torchrun does."""
    ours = ("another of", "the ", "rank ", "TRAINING")
    return [line for line in stderr.splitlines() if line.startswith(ours)]


def weights(store: Path) -> dict[str, np.ndarray]:
    return safetensors.numpy.load(Repository(store).resolve("m").read("model.safetensors"))


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_two_processes_find_what_one_does(table: Path, tmp_path: Path, solver: str) -> None:
    """From disjoint rows: the same weights within 1e-6, inputs and splits, one version, one report."""
    arguments = ["--data", table, "--target", "y", "--name", "m", "--solver", solver, "--device", "cpu"]
    alone, together = tmp_path / "alone", tmp_path / "together"
    command = [sys.executable, "-m", "training", *map(str, arguments), "--store", str(alone)]
    subprocess.run(command, check=True, capture_output=True)
    process = torchrun(2, *arguments, "--store", together)
    stdout, stderr = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, stderr
    assert stdout.count("published") == 1
    names = [{each.name for each in (store / "m").iterdir()} for store in (alone, together)]
    assert names[0] == names[1]
    for name, value in weights(alone).items():
        np.testing.assert_allclose(weights(together)[name], value, rtol=0, atol=1e-6)
    one, other = (Repository(store).resolve("m").manifest for store in (alone, together))
    assert (one.inputs, one.data, one.threshold) == (other.inputs, other.data, other.threshold)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--solver", "sgd"], "TRAINING_SOLVER=sgd: wanted auto, it takes all rows in one process's memory"),
        (["--leave-out", "nothing"], "--leave-out nothing: no such column"),
    ],
)
def test_what_is_wrong_for_all_is_said_once(
    table: Path, tmp_path: Path, arguments: list[str], said: str, started: list[subprocess.Popen[str]]
) -> None:
    """One line, and no store."""
    process = torchrun(2, "--data", table, "--target", "y", "--store", tmp_path / "store", *arguments)
    started.append(process)
    _, stderr = process.communicate(timeout=DEADLINE_S)
    assert process.returncode != 0
    assert stderr.count(said) == 1
    assert not (tmp_path / "store").exists()


def test_a_process_without_rows_is_named(tmp_path: Path) -> None:
    """The toy has 60 train rows."""
    code = """
import sys
from training.config import Config
from training.errors import FitError
from training.fitted import find
from training.prepare import prepare
from training.progress import Bar
from training.ranks import Ranks
many = Ranks()
many.size = 61
config = Config(data="toy", store=sys.argv[1], device="cpu")
bar = Bar(quiet=True)
try:
    find(config, prepare(config, bar), bar, many)
except FitError as error:
    print(error)
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert said.stdout == "rank 60 of 61 has no row: there are 60 train rows\n"


WAITING = """
import os, sys, time
from training import fitted, ranks
from training.__main__ import main
find = fitted.find
def wait(*arguments):
    # At once, or the two lines may mix.
    if ranks.first():
        sys.stdout.write("fitting\\n")
    else:
        sys.stdout.write(f"pid {os.getpid()}\\n")
        time.sleep(600)
    return find(*arguments)
fitted.find = wait
sys.exit(main(sys.argv[1:]))
"""


def waiting(tmp_path: Path, table: Path) -> tuple[subprocess.Popen[str], int]:
    """Start two processes, of which the second does not go on with the fit; return torchrun and its id."""
    script = tmp_path / "waiting.py"
    script.write_text(WAITING)
    command = [TORCHRUN, "--standalone", "--nproc-per-node", "2", script]
    command += ["--data", table, "--target", "y", "--name", "m", "--store", tmp_path / "store", "--quiet"]
    process = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    )
    assert process.stdout is not None
    said = sorted(process.stdout.readline().split() for _ in range(2))
    assert [line[0] for line in said] == ["fitting", "pid"]
    return process, int(said[1][1])


def test_a_process_that_dies_ends_all(
    table: Path, tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    """Without one of the others waiting for ever, and nothing is published."""
    process, other = waiting(tmp_path, table)
    started.append(process)
    os.kill(other, signal.SIGKILL)
    _, stderr = process.communicate(timeout=DEADLINE_S)
    assert process.returncode != 0
    assert 'Traceback (most recent call last):\n  File "' + str(Path("training")) not in stderr
    assert len(own_lines(stderr)) <= 1
    assert not (tmp_path / "store").exists()


def test_ctrl_c_ends_all(table: Path, tmp_path: Path, started: list[subprocess.Popen[str]]) -> None:
    """As a terminal sends it, to every process: none is left, and nothing is published."""
    process, other = waiting(tmp_path, table)
    started.append(process)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode != 0
    end = time.monotonic() + DEADLINE_S
    while Path(f"/proc/{other}").exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not Path(f"/proc/{other}").exists()
    assert not (tmp_path / "store").exists()


def test_processes_with_other_data_are_refused(
    table: Path, tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    """As two machines may have: of the same rows, in another order."""
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    environment = {**os.environ, "WORLD_SIZE": "2", **address}
    for rank in range(2):
        data = tmp_path / f"{rank}.parquet"
        whole = pa.concat_tables([parquet.read_table(part) for part in sorted(table.iterdir())])
        parquet.write_table(whole.slice(rank), data)
        command = [sys.executable, "-m", "training", "--data", data, "--target", "y", "--name", "m"]
        command += ["--store", tmp_path / "store"]
        started.append(
            subprocess.Popen(
                list(map(str, command)),
                env={**environment, "RANK": str(rank)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                process_group=0,
            )
        )
    said = [process.communicate(timeout=DEADLINE_S)[1] for process in started]
    assert [process.returncode for process in started] == [2, 2]
    assert "the processes that train together differ in their data" in said[0]
    assert not (tmp_path / "store").exists()


def test_processes_of_one_machine_have_devices_of_their_own() -> None:
    """By their place on it; one by itself takes whichever is torch's first."""
    assert device("cuda", {"LOCAL_RANK": "1"}) == torch.device("cuda", 1)
    assert device("cuda", {}) == torch.device("cuda")
    assert device("cpu", {"LOCAL_RANK": "1"}) == torch.device("cpu")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"TRAINING_SEED": "5"}, "the processes that train together differ in their settings"),
        ({"TRAINING_PENALTY": "0.01"}, "the processes that train together differ in their settings"),
    ],
)
def test_processes_with_other_settings_are_refused(
    tmp_path: Path, started: list[subprocess.Popen[str]], variables: dict[str, str], said: str
) -> None:
    """As two machines may have, by a variable."""
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    for rank in range(2):
        own = {**os.environ, "WORLD_SIZE": "2", "RANK": str(rank), **address, **(variables if rank else {})}
        command = [sys.executable, "-m", "training", "--store", str(tmp_path / "store")]
        started.append(subprocess.Popen(command, env=own, stderr=subprocess.PIPE, text=True, process_group=0))
    errors = [process.communicate(timeout=DEADLINE_S)[1] for process in started]
    assert [process.returncode for process in started] == [2, 2]
    assert said in errors[0]
    assert not (tmp_path / "store").exists()
