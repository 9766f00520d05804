"""A connection's turns: pipelining, refusals, time limits and the end, over a fake transport."""

import asyncio
import json
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from service.errors import InvalidError
from service.gate.access import Access
from service.gate.accounting import Accounting
from service.gate.admission import Admission
from service.gate.keys import Keys
from service.gate.origins import Cors, Hosts
from service.http.connection import GRACE_S, LINGER_S, Connection
from service.http.direct import Route, Routes
from service.http.edge import Edge
from service.http.sweep import Sweep
from service.plane.call import Call
from service.settings import Settings
from service.wire.results import Results
from tests.service.virtual_time import VirtualLoop

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
    """A batcher that keeps what it is given until the test lets it go on."""

    def __init__(self) -> None:
        self.waiting: list[Call] = []
        self.forgotten: list[Call] = []

    def submit(self, call: Call) -> None:
        self.waiting.append(call)

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
        made = Settings.model_validate(settings)
        metrics = SimpleNamespace(
            answered=lambda route, _method, status, _seconds: self.counted.append((route, status)),
            cancelled=self._cancelled,
            rejected=lambda _: None,
        )
        accounting = Accounting(made, metrics)  # type: ignore[arg-type]
        routes = Routes()
        routes.paths[b"/echo"] = Route("/echo", Access.PREDICT, self._decode)
        self.edge = Edge(
            hosts=Hosts(made, "0.0.0.0", guarded=False),  # noqa: S104 - nothing is bound
            cors=Cors(made),
            keys=Keys(made),
            admission=Admission((), 1000, lambda: 0.0, accounting),  # type: ignore[arg-type]
            accounting=accounting,
            routes=routes,
            batcher=self.queue,  # type: ignore[arg-type]
            sweep=Sweep(),
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
        self.queue.waiting.pop(0).succeed(Results(b"", 0, 2, 0), 0)
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


@pytest.fixture
def connect(loop: VirtualLoop) -> Callable[..., Peer]:
    """Open a connection of a service with some settings."""
    return lambda **settings: Peer(loop, **settings)


def test_pipelined_requests_are_answered_in_order(connect: Callable[..., Peer]) -> None:
    """Of either kind, whichever is ready first."""
    peer = connect()
    peer.send(GET + post(b"now") + GET + post(b"later"))
    assert peer.answers == []
    peer.release.set()
    peer.loop.go_on()
    assert [body for _, body in peer.answers] == [b"slow", b"now", b"slow"]
    peer.score()
    assert [body for _, body in peer.answers] == [b"slow", b"now", b"slow", b"later"]
    assert peer.transport.ended is None


def test_reading_stops_while_more_than_one_waits(connect: Callable[..., Peer]) -> None:
    """A client that does not read its answers cannot fill the memory with requests."""
    peer = connect()
    peer.send(post(b"1"))
    assert peer.transport.reading
    peer.send(post(b"2"))
    assert not peer.transport.reading
    peer.score()
    assert peer.transport.reading
    peer.score()
    assert peer.transport.reading


def test_many_answers_that_come_at_once_do_not_pile_up_calls(connect: Callable[..., Peer]) -> None:
    """Thousands in one read are a loop, not a recursion."""
    peer = connect()
    peer.send(post(b"now") * 5000)
    assert peer.answers == [(200, b"now")] * 5000


def test_a_wrong_request_is_answered_in_its_turn_and_the_next_goes_on(connect: Callable[..., Peer]) -> None:
    """What its rows are wrong in does not end a connection."""
    peer = connect()
    peer.send(post(b"1") + post(b"wrong") + post(b"now"))
    assert peer.answers == []
    peer.score()
    assert [status for status, _ in peer.answers] == [200, 422, 200]
    assert peer.counted == [("/echo", 200), ("/echo", 422), ("/echo", 200)]


def test_what_cannot_be_read_is_refused_after_the_answers_before_it(connect: Callable[..., Peer]) -> None:
    """Then the connection ends: what follows cannot be trusted."""
    peer = connect()
    peer.send(post(b"1") + b"nonsense\r\n\r\n" + post(b"now"))
    assert peer.answers == []
    peer.score()
    assert [status for status, _ in peer.answers] == [200, 400]
    assert peer.transport.ended == "eof"
    peer.send(post(b"now"))  # still read, so that the refusal is not reset, and dropped
    assert len(peer.answers) == 2
    peer.look(LINGER_S + 1)
    assert peer.transport.ended == "closed"


def test_a_refusal_in_the_middle_of_a_body_is_the_requests_own_answer(connect: Callable[..., Peer]) -> None:
    """It is answered once."""
    peer = connect(max_body_bytes=100)
    chunk = b"80\r\n" + bytes(128) + b"\r\n"
    peer.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + b"0\r\n\r\n")
    assert [status for status, _ in peer.answers] == [413]
    assert peer.counted == [("/echo", 413)]


@pytest.mark.parametrize("sent", [b"GET /slow HT", post(b"12345678")[:-4]], ids=["head", "body"])
def test_what_does_not_arrive_in_time_is_refused(connect: Callable[..., Peer], sent: bytes) -> None:
    """Counted from its first byte, however much trickles in."""
    peer = connect(receive_timeout_s=10)
    peer.send(sent[:-1])
    peer.look(6)
    peer.send(sent[-1:])
    assert peer.answers == []
    peer.look(5)
    assert [status for status, _ in peer.answers] == [408]
    assert peer.transport.ended == "eof"


def test_the_time_that_an_answer_takes_is_not_the_clients(connect: Callable[..., Peer]) -> None:
    """A request that has arrived is never too slow, nor is its connection idle."""
    peer = connect(receive_timeout_s=1, keep_alive_s=1)
    peer.send(post(b"1"))
    peer.look(100)
    assert peer.transport.ended is None
    peer.score()
    assert peer.answers == [(200, b"1")]


def test_an_idle_connection_ends(connect: Callable[..., Peer]) -> None:
    """So long after its last answer, and not before."""
    peer = connect(keep_alive_s=75)
    peer.send(post(b"now"))
    peer.look(74)
    assert peer.transport.ended is None
    peer.look(2)
    assert peer.transport.ended == "closed"


def test_who_does_not_read_is_cut_off(connect: Callable[..., Peer]) -> None:
    """Without another word: it would not be read either."""
    peer = connect(receive_timeout_s=10)
    peer.send(post(b"now"))
    peer.transport.unread = 1000
    peer.look(9)
    assert peer.transport.ended is None
    peer.look(2)
    assert peer.transport.ended == "aborted"


def test_who_leaves_is_scored_no_more(connect: Callable[..., Peer]) -> None:
    """Each of its requests is forgotten; what comes for it later is nobody's."""
    peer = connect()
    peer.send(post(b"1") + post(b"2") + GET)
    peer.protocol.connection_lost(None)
    [waiting] = peer.queue.waiting
    assert waiting in peer.queue.forgotten
    assert peer.cancelled == 2
    peer.score()
    assert peer.transport.written == b""


def test_in_the_drain_answers_end_their_connection(connect: Callable[..., Peer]) -> None:
    """What is on its way is answered; nothing after it."""
    peer = connect()
    peer.draining = True
    peer.send(post(b"now"))
    assert peer.answers == [(200, b"now")]
    assert b"connection: close" in peer.transport.written
    assert peer.transport.ended == "closed"


def test_at_the_end_what_waits_is_answered_and_what_is_idle_closed(connect: Callable[..., Peer]) -> None:
    """An idle connection a moment later: a request may be on its way."""
    idle, busy = connect(), connect()
    busy.send(post(b"1"))
    for peer in (idle, busy):
        peer.protocol.shutdown()
    assert idle.transport.ended is None
    idle.loop.go_on(GRACE_S + 0.1)
    assert idle.transport.ended == "closed"
    assert busy.transport.ended is None
    busy.score()
    assert busy.answers == [(200, b"1")]
    assert busy.transport.ended == "closed"


def test_one_connection_too_many_is_told_so(connect: Callable[..., Peer]) -> None:
    """It keeps no descriptor."""
    peer = connect(max_connections=1)
    more = Connection(peer.protocol.config, ServerState(), {"edge": peer.edge}, _loop=peer.loop)
    refused = Transport()
    more.connection_made(refused)
    head, _, body = refused.written.partition(b"\r\n\r\n")
    assert b" 503 " in head
    assert b"retry-after" in head
    assert json.loads(body)["code"] == "overloaded"
    assert refused.ended == "closed"


def test_a_client_that_waits_to_be_told_is_told_once(connect: Callable[..., Peer]) -> None:
    """Not while an answer before it is out: it would come in between."""
    peer = connect()
    asks = post(b"12", b"Expect: 100-continue")
    peer.send(asks[:-2])
    assert peer.transport.written == b"HTTP/1.1 100 Continue\r\n\r\n"
    peer.send(asks[-2:])
    peer.send(asks)
    peer.score()
    peer.score()
    assert peer.transport.written.count(b"100 Continue") == 1
    assert peer.answers == [(200, b"12")] * 2
