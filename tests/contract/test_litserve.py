"""The private parts of LitServe that the host and the worker touch: an upgrade that moves one fails here."""

import asyncio
import inspect
import re
import signal
from importlib.metadata import version
from pathlib import Path

import litserve as ls
import pytest
import uvicorn
from litserve.loops import LitLoop
from litserve.loops.loops import inference_worker
from litserve.server import _Server
from litserve.transport.base import MessageTransport

import service
from service.host import litserve as host
from service.worker.api import WORKER_ID


class Api(ls.LitAPI):  # type: ignore[misc]
    """The least that LitServe hosts."""

    def predict(self, x: object) -> object:
        return x


@pytest.fixture(scope="module")
def server() -> ls.LitServer:
    """A LitServer that was made and not started."""
    return ls.LitServer(Api(), accelerator="cpu")


def test_the_pinned_version_is_installed() -> None:
    """What follows was read in exactly this release."""
    assert version("litserve") == "0.2.19"


@pytest.mark.parametrize("name", host.PRIVATE)
def test_what_the_host_touches_exists(server: ls.LitServer, name: str) -> None:
    """Each name is an attribute of LitServer, or is set where it starts."""
    assert hasattr(server, name) or re.search(rf"\bself\.{name} = ", inspect.getsource(ls.LitServer))


def test_the_list_is_complete() -> None:
    """No underscore attribute of LitServer is used that the list does not name."""
    source = Path(host.__file__).read_text()
    own = {
        "_add_routes",
        "_connection",
        "_ending",
        "_finish",
        "_open_process",
        "_settings",
        "_shares",
        "_slot",
    }
    assert set(re.findall(r"self\.(_[a-z]\w*)", source)) - own <= set(host.PRIVATE)


def test_signatures_are_the_ones_that_are_called() -> None:
    """Arguments that are passed by place are where they were."""
    start = list(inspect.signature(ls.LitServer._start_server).parameters)
    assert start == [
        "self",
        "port",
        "num_uvicorn_servers",
        "log_level",
        "sockets",
        "uvicorn_worker_type",
        "kwargs",
    ]
    one = list(inspect.signature(ls.LitServer.launch_single_inference_worker).parameters)
    assert one == ["self", "lit_api", "worker_id"]
    assert list(inspect.signature(LitLoop.__call__).parameters)[1:4] == ["lit_api", "device", "worker_id"]
    assert "lit_api.setup(device)" in inspect.getsource(inference_worker)
    assert {"send", "areceive"} <= MessageTransport.__abstractmethods__


def test_a_worker_is_told_its_slot_before_its_model_is_loaded() -> None:
    """By a variable of its environment, from which it takes the name of the file for what went wrong."""
    source = inspect.getsource(inference_worker)
    told = source.index(f'os.environ["{WORKER_ID}"] = str(worker_id)')
    assert told < source.index("lit_api.setup(device)")


def test_only_the_host_and_the_worker_import_litserve() -> None:
    """No other room knows it."""
    for path in Path(service.__file__).parent.rglob("*.py"):
        if path.parent.name not in {"host", "worker"}:
            assert not re.search(r"^\s*(import|from) litserve", path.read_text(), re.MULTILINE), path


def test_the_handler_of_sigterm_ends_a_server(server: ls.LitServer) -> None:
    """It is installed while LitServe's server runs: the host calls it, as no signal comes there."""

    class Looking(_Server):  # type: ignore[misc]
        """A server that has nothing to do but to look."""

        async def _serve(self, sockets: object = None) -> None:  # noqa: ARG002 - uvicorn's signature
            self.found = signal.getsignal(signal.SIGTERM)

    assert "server = _Server(config=uvicorn_config)" in inspect.getsource(ls.LitServer._start_server)
    looking = Looking(uvicorn.Config(server.app))
    asyncio.run(looking.serve())
    assert looking.found == looking.handle_exit
    assert not looking.should_exit
    looking.found(signal.SIGTERM, None)
    assert looking.should_exit
