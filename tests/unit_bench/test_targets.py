"""Starting and ending a real server."""

import os
import socket
from pathlib import Path

import pytest

from tests.bench.targets import serve
from tests.bench.workloads import WORKLOADS


def test_a_server_is_known_and_ended(tmp_path: Path) -> None:
    """A started target tells its processes' roles, time and memory; afterwards none is left."""
    with serve("limit", tmp_path, WORKLOADS[0]) as server:
        assert [role for role, _ in server.processes] == ["main", "tracker", "api", "api"]
        assert server.ready_s > 0
        assert server.cpu_s()["api"] > 0
        assert server.memory_bytes() > 2**20
        with socket.create_connection(("127.0.0.1", server.port)):
            pass
    with pytest.raises(ProcessLookupError):
        os.killpg(server.processes[0][1].pid, 0)


def test_a_server_that_fails(tmp_path: Path) -> None:
    """A target that ends instead of answering is told with what it wrote."""
    failure = pytest.raises(RuntimeError, match="logitserve did not start:\nerror: ")
    with failure, serve("logitserve", tmp_path, WORKLOADS[0]):
        pass
