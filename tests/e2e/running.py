"""A real service on a free port, started by `python -m service` as an operator would."""

import contextlib
import os
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

START_S = 60
STOP_S = 30
TLS = ssl.create_default_context()
"""Made once: httpx would make one for each client and each lone request, in 20 ms of a core."""


def wait_for(condition: Callable[[], Any], within_s: float = 30, every_s: float = 0.02) -> Any:
    """Return the first true value of `condition`; fail when there is none in time."""
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {within_s} s: {condition}"
        time.sleep(every_s)
    return value


def free_port() -> int:
    """Return a TCP port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Service:
    """One running service, as seen from outside: by HTTP, and by its processes."""

    def __init__(
        self,
        store: Path,
        log: Path,
        settings: dict[str, Any],
        limit: Callable[[], None] | None,
        prefix: tuple[str, ...] = (),
        command: tuple[str, ...] = ("-m", "service"),
    ) -> None:
        """Start it. `limit` runs in the new process before the service, `prefix` is a command to run it.

        `command` is what Python runs.
        """
        self.settings = settings
        self.port: int = settings.get("port") or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = log
        environment = os.environ | {
            f"SERVICE_{key.upper()}": str(value)
            for key, value in ({"port": self.port, "model_store": store, "drain_s": 0} | settings).items()
        }
        with log.open("w") as stream:
            self.main = psutil.Popen(
                [*prefix, sys.executable, *command],
                env=environment,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
                preexec_fn=limit,
            )
        self.http = httpx.Client(base_url=self.url, timeout=30, verify=TLS)

    def wait_ready(self) -> None:
        """Wait until /readyz says yes; fail at once when the service ends instead."""
        wait_for(lambda: self.main.poll() is not None or self.ready(), START_S)
        assert self.main.poll() is None, self.log()

    def ready(self) -> bool:
        """Return whether /readyz says yes now."""
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/readyz", timeout=5, verify=TLS).status_code == 200
        return False

    def log(self) -> str:
        """Return what the service has written so far."""
        return self.log_path.read_text()

    def workers(self) -> list[psutil.Process]:
        """Return the worker processes."""
        return [child for child in self.main.children() if "spawn_main" in " ".join(_command(child))]

    def apis(self) -> list[psutil.Process]:
        """Return the HTTP processes."""
        forked = [child for child in self.main.children() if _command(child)[1:] == ["-m", "service"]]
        return [child for child in forked if _name(child) != "librarian"]

    def librarian(self) -> psutil.Process:
        """Return who reads the store."""
        [found] = [child for child in self.main.children() if _name(child) == "librarian"]
        return found

    def tree(self) -> list[psutil.Process]:
        """Return every process of the service, the main one first."""
        return [self.main, *self.main.children(recursive=True)]

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that have these labels; 0 without any."""
        text = self.http.get("/metrics").text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == f"logitserve_{name}" and labels.items() <= sample.labels.items()
        )

    def predict(self, *rows: Any, **more: Any) -> httpx.Response:
        """Post rows to /predict."""
        return self.http.post("/predict", json={"instances": list(rows), **more})

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and return the exit status; nothing may be left behind."""
        tree = self.tree()
        self.main.send_signal(number)
        status = self.main.wait(STOP_S)
        _, alive = psutil.wait_procs(tree, 5)
        assert not alive
        return int(status)

    def close(self) -> None:
        """End whatever is left of the service."""
        self.http.close()
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in [*self.main.children(recursive=True), self.main]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self.main.wait(STOP_S)


def _name(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.name()  # type: ignore[no-any-return]
    return ""


def _command(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.cmdline()  # type: ignore[no-any-return]
    return []
