"""LitServe as the host. Knows nothing of what the app answers, nor of what a worker does.

LitServe owns the app, the devices and how processes are started; requests do not pass its queues, so its
manager process and its response task have nothing to do and are left out. `PRIVATE` lists every
attribute of its server that is used and not documented; tests/contract holds the list against the pinned
version, and what a worker takes from LitServe beside it.
"""

import asyncio
import contextlib
import functools
import multiprocessing
import multiprocessing.process
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import litserve as ls
from fastapi import FastAPI
from litserve.transport.base import MessageTransport

from service.host.acceptor import Loop
from service.host.device import Device
from service.settings import Settings
from service.shares import Shares

PRIVATE = (
    "_start_server",
    "_transport",
    "launch_inference_worker",
    "launch_single_inference_worker",
    "lifespan",
    "litapi_request_queues",
    "middlewares",
    "register_endpoints",
    "uvicorn_graceful_timeout",
    "workers_setup_status",
)
BACKLOG = 2048

Process = multiprocessing.process.BaseProcess


class _NoTransport(MessageTransport):  # type: ignore[misc] # LitServe ships no types
    """What LitServe's response task waits on: nothing ever comes this way."""

    def send(self, *_: Any, **__: Any) -> None:
        raise AssertionError("answers travel through service/plane/link.py")

    async def areceive(self, *_: Any, **__: Any) -> Any:
        await asyncio.Event().wait()


class Host(ls.LitServer):  # type: ignore[misc] # LitServe ships no types
    """A LitServer whose processes are started, watched and ended one by one."""

    def __init__(
        self,
        api: ls.LitAPI,
        settings: Settings,
        device: Device,
        add_routes: Callable[[FastAPI], None],
        open_process: Callable[[int], AbstractAsyncContextManager[dict[str, Any]]],
        connection: type[asyncio.Protocol],
        ending: int,
        shares: Shares,
    ) -> None:
        """`open_process` runs what the HTTP process of a slot needs and yields the state of its requests.

        `connection` speaks HTTP for uvicorn. `ending` is a pipe; each HTTP process finishes when it is at
        its end.
        """
        self._add_routes = add_routes
        self._open_process = open_process
        self._connection = connection
        self._settings = settings
        self._ending = ending
        self._shares = shares
        self._slot = 0
        super().__init__(
            api,
            accelerator=device.accelerator,
            devices=device.count,
            workers_per_device=settings.workers_per_device,
            timeout=settings.timeout_s,
        )
        self.uvicorn_graceful_timeout = settings.timeout_s + 1
        self._transport = _NoTransport()
        self.litapi_request_queues = {api.api_path: None}
        self.workers_setup_status: dict[str, str] = {}

    @property
    def worker_count(self) -> int:
        """How many workers there are over all devices."""
        return len(self.devices) * self._settings.workers_per_device

    def register_endpoints(self) -> None:
        """Add the service's own routes; LitServe's would make blocking calls or feed a queue nobody reads."""
        self.middlewares: list[
            Any
        ] = []  # without its gzip: Triton's asyncio client asks for it and cannot read it
        self._add_routes(self.app)

    @contextlib.asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        """Open the HTTP process's data plane, where uvicorn's connections find it."""
        async with super().lifespan(app), self._open_process(self._slot) as state:
            asyncio.get_running_loop().add_reader(self._ending, self._finish)
            yield state

    def _finish(self) -> None:
        """Have uvicorn finish as by a signal: its handler is installed, but main has signals blocked here."""
        asyncio.get_running_loop().remove_reader(self._ending)
        handle_exit = signal.getsignal(signal.SIGTERM)
        assert callable(handle_exit)  # noqa: S101 - uvicorn.Server.handle_exit, held by tests/contract
        handle_exit(signal.SIGTERM, None)

    def start_workers(self) -> list[Process]:
        """Start every worker; their place in the list is their slot."""
        processes: list[Process] = self.launch_inference_worker(self.lit_api)
        return processes

    def start_worker(self, slot: int) -> Process:
        """Start the worker of one slot anew."""
        process: Process = self.launch_single_inference_worker(self.lit_api, slot)
        return process

    def start_api(self, slot: int, listener: socket.socket) -> Process:
        """Fork the HTTP process of one slot, which accepts on `listener`."""
        self._slot = slot
        self._shares.close(slot)  # until it accepts
        process: Process = self._start_server(
            self._settings.port,
            1,
            "warning",
            [listener],
            "process",
            http=self._connection,
            ws="none",
            loop=functools.partial(Loop, self._shares, slot),
            access_log=False,
            log_config=None,
            backlog=BACKLOG,
            date_header=False,
            server_header=False,
            ssl_certfile=self._settings.ssl_certfile,
            ssl_keyfile=self._settings.ssl_keyfile,
        )[0]
        return process
