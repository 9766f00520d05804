"""Starts that cannot succeed end soon, with status 1 or 2 and one line that says why."""

import hashlib
import re
import shutil
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running import Service, wait_for

END_S = 30
"""What a start that fails at once may take; most of it is the import of LitServe on a loaded machine."""


def reason(service: Service, within_s: float = END_S) -> str:
    """Wait for the service to fail, leaving nothing behind, and return the one line that says why."""
    tree = service.tree()
    assert service.main.wait(within_s) in (1, 2)
    wait_for(lambda: not any(process.is_running() and process.status() != "zombie" for process in tree), 5)
    [line] = re.findall(r"^error: .*$", service.log(), re.MULTILINE)
    assert "Traceback" not in service.log()
    return str(line)


def test_a_model_that_fails_its_golden_examples_stops_the_start(
    start: Callable[..., Service], faults: Path
) -> None:
    """What `setup` raises in the worker is the line that the operator reads."""
    assert "a model that fails" in reason(start(model_store=faults, model="raises", ready=False))


def test_a_model_that_never_loads_stops_the_start(start: Callable[..., Service], faults: Path) -> None:
    """A `setup` that hangs is given up after the start-up limit."""
    service = start(model_store=faults, model="hangs", ready=False, start_timeout_s=3)
    assert "no worker was ready within 3 s" in reason(service)


def test_a_silent_socket_is_no_ready_worker(
    start: Callable[..., Service], faults: Path, tmp_path: Path
) -> None:
    """Readiness is what a worker says: that somebody lets one connect to its socket is not enough."""
    run_dir = tmp_path / "run"
    service = start(model_store=faults, model="hangs", ready=False, start_timeout_s=3, run_dir=run_dir)
    wait_for(service.workers)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(run_dir / "worker-0.sock"))
        silent.listen()
        assert "no worker was ready within 3 s" in reason(service)
        silent.setblocking(False)
        silent.accept()[0].close()  # there was a knock


def test_a_worker_killed_while_it_loads_stops_the_start(start: Callable[..., Service], faults: Path) -> None:
    """A worker that dies before any was ready is no reason to try for ever."""
    service = start(model_store=faults, model="hangs", ready=False)
    [worker] = wait_for(service.workers)
    worker.kill()
    assert "worker 0 could not start: ended with status -9" in reason(service)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_loading_ends_it(start: Callable[..., Service], faults: Path, number: int) -> None:
    """Who stops a service that is not yet ready need not wait for it."""
    service = start(model_store=faults, model="hangs", ready=False, drain_s=60)
    wait_for(service.workers)
    assert service.stop(number) == (130 if number == signal.SIGINT else 0)


def test_a_port_in_use_stops_the_start(start: Callable[..., Service], faults: Path) -> None:
    """The line names the setting and the address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = reason(start(model_store=faults, model="fast", ready=False, port=port))
    assert f"SERVICE_PORT={port}" in line


def test_an_unusable_run_directory_stops_the_start(
    start: Callable[..., Service], faults: Path, tmp_path: Path
) -> None:
    """Where sockets and metric files cannot be made, nothing is started."""
    (tmp_path / "file").touch()
    run_dir = tmp_path / "file" / "run"
    line = reason(start(model_store=faults, model="fast", ready=False, run_dir=run_dir))
    assert f"SERVICE_RUN_DIR={run_dir}" in line


@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="there may be a CUDA device here")
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"accelerator": "cuda", "model": "fast"}, "SERVICE_ACCELERATOR=cuda"),
        ({"timeout_s": "soon"}, "SERVICE_TIMEOUT_S=soon"),
        ({"model": "absent"}, "absent"),
    ],
    ids=["accelerator", "setting", "model"],
)
def test_what_is_not_there_stops_the_start(
    start: Callable[..., Service], faults: Path, settings: dict[str, Any], said: str
) -> None:
    """An accelerator, a value or a model that cannot be had is named."""
    assert said in reason(start(model_store=faults, ready=False, **settings))


def test_every_origin_where_there_are_keys_stops_the_start(
    start: Callable[..., Service], faults: Path, tmp_path: Path
) -> None:
    """Any page of the world could try keys, and read what they open."""
    keys = tmp_path / "keys"
    keys.write_text(f"someone:{hashlib.sha256(b'key').hexdigest()}\n")
    service = start(model_store=faults, model="fast", ready=False, api_keys_file=keys, cors_origins="*")
    assert reason(service).startswith("error: SERVICE_CORS_ORIGINS=*: ")
    assert service.main.wait() == 1
    assert service.log().count("\n") == 1
