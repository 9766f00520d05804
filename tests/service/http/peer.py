"""A client's connection to an HTTP process, over a transport and a queue that a test plays."""

import asyncio
import re
from types import SimpleNamespace
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from service.errors import InvalidError
from service.gate.access import Access
from service.gate.accounting import Accounting
from service.gate.admission import Admission
from service.gate.keys import Keys
from service.gate.origins import Cors, Hosts
from service.http.connection import Connection
from service.http.direct import Route, Routes
from service.http.edge import Edge
from service.http.sweep import Sweep
from service.plane.call import Call, Way
from service.plane.places import Places
from service.settings import Settings
from service.shares import Shares
from service.wire.results import Results
from tests.service.plane.workbench import make_queue
from tests.service.virtual_time import VirtualLoop

NO_RESULTS = Results(b"", 0, 2, 0)
GET = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"


def post(body: bytes, *headers: bytes) -> bytes:
    """Return a request of the data plane, which is answered with its own body."""
    lines = [b"POST /echo HTTP/1.1", b"Host: x", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join([*lines, b"", body])


class Transport(asyncio.Transport):
    """Keeps what is written, and how the connection ended."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.reading = True
        self.ended: str | None = None
        self.unread = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return self.unread

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"sockname": ("127.0.0.1", 80), "peername": ("127.0.0.1", 4000)}.get(name, default)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.ended is not None

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = self.ended or "eof"

    def close(self) -> None:
        self.ended = "closed"

    def abort(self) -> None:
        self.ended = "aborted"


class Queue:
    """A batcher that keeps what it is given until the test lets it go on, unless there are no rows in it."""

    def __init__(self) -> None:
        self.waiting: list[Call] = []
        self.forgotten: list[Call] = []

    def submit(self, call: Call) -> None:
        if call.rows:
            self.waiting.append(call)
        else:
            call.succeed(NO_RESULTS, 0)

    def forget(self, call: Call) -> None:
        self.forgotten.append(call)


class Peer:
    """One client's connection: what it sends, and what it got."""

    def __init__(self, loop: VirtualLoop, **settings: Any) -> None:
        self.loop = loop
        self.queue = Queue()
        self.counted: list[tuple[str, int]] = []
        self.cancelled = 0
        self.release = asyncio.Event()
        self.draining = False
        self.way = Way(make_queue(), self._decode)
        made = Settings.model_validate(settings)
        metrics = SimpleNamespace(
            answered=lambda route, _method, status, _seconds: self.counted.append((route, status)),
            cancelled=self._cancelled,
            rejected=lambda _: None,
        )
        accounting = Accounting(made, metrics)  # type: ignore[arg-type]
        routes = Routes()
        routes.paths[b"/echo"] = Route("/echo", Access.PREDICT, lambda: self.way)
        self.edge = Edge(
            hosts=Hosts(made, "0.0.0.0", guarded=False),  # noqa: S104 - nothing is bound
            cors=Cors(made),
            keys=Keys(made),
            admission=Admission(Places(1000), lambda: 0.0, accounting),
            accounting=accounting,
            routes=routes,
            batcher=self.queue,  # type: ignore[arg-type]
            sweep=Sweep(Shares(1), 0),
            draining=lambda: self.draining,
            timeout_s=made.timeout_s,
            receive_timeout_s=made.receive_timeout_s,
            keep_alive_s=made.keep_alive_s,
            max_body_bytes=made.max_body_bytes,
            max_connections=made.max_connections,
        )
        config = Config(self._app, log_config=None, access_log=False)  # type: ignore[arg-type] # a plain ASGI app
        config.load()
        config.loaded_app = self._app
        self.transport = Transport()
        self.protocol = Connection(config, ServerState(), {"edge": self.edge}, _loop=loop)
        self.protocol.connection_made(self.transport)

    def _cancelled(self) -> None:
        self.cancelled += 1

    @staticmethod
    def _decode(call: Call) -> None:
        body = b"".join(call.body)
        if body == b"wrong":
            raise InvalidError("wrong")
        call.rows = 0 if body == b"now" else 1
        call.encode = lambda _call, _results, _row: body

    async def _app(self, _scope: Any, receive: Any, send: Any) -> None:
        """Answer what is not for the data plane when it is released, unless its client left."""
        await receive()
        await self.release.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"slow"})

    def send(self, *pieces: bytes) -> None:
        """Send pieces, and let everything happen that can at once."""
        for piece in pieces:
            self.protocol.data_received(piece)
            self.loop.go_on()

    def score(self) -> None:
        """Have the longest waiting request answered."""
        self.queue.waiting.pop(0).succeed(NO_RESULTS, 0)
        self.loop.go_on()

    def look(self, after_s: float) -> None:
        """Let time pass and the sweep look."""
        self.loop.now += after_s
        self.protocol.check_time(self.loop.now)
        self.loop.go_on()

    @property
    def answers(self) -> list[tuple[int, bytes]]:
        """The status and body of each answer so far."""
        found, rest = [], self.transport.written
        while rest:
            head, _, rest = rest.partition(b"\r\n\r\n")
            status = int(head.split(b" ")[1])
            if status == 100:
                continue
            [length] = re.findall(rb"(?i)content-length: (\d+)", head)
            found.append((status, rest[: int(length)]))
            rest = rest[int(length) :]
        return found
