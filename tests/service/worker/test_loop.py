"""The worker's loop over a real socket, around a model that a test plays."""

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from service.run_directory import socket_path
from service.wire import frames
from service.wire.frames import Status
from service.worker import loop as module
from service.worker.loop import FrameLoop

DIGEST = "ab" * 32
LATER = 1e12


class Model:
    """Answers with the sum of each row."""

    digest, spec = DIGEST, None
    runtime = SimpleNamespace(device="cpu")

    def __init__(self) -> None:
        self.calls: list[bool] = []

    def predict(self, rows: Any, *, explain: bool) -> bytes:
        self.calls.append(explain)
        if np.isnan(rows).any():
            raise ValueError("a bug in the model")
        sums: bytes = rows.sum(1).tobytes()
        return sums


class Stopped(Exception):  # noqa: N818 - no error
    """The loop would go on from here until it is killed."""


class Worker(FrameLoop):
    """A loop that goes on only as far as a test says."""

    playing = False

    def run(self, lit_api: Any, *_: Any) -> None:
        if not self.playing:
            raise Stopped
        super().run(lit_api)

    def step(self, model: Model) -> None:
        """Serve what is waiting; a test sees to it that something is."""
        self.run(model)


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """A worker that listens."""
    monkeypatch.setattr(module, "_torch", lambda: ("2.13.0", "AVX2"))
    handler = signal.getsignal(signal.SIGALRM)
    made = Worker(tmp_path)
    try:
        with pytest.raises(Stopped):
            made(Model(), "cpu", 0, None, None, None, None)  # type: ignore[arg-type]
        signal.setitimer(signal.ITIMER_REAL, 0)
        made.playing = True
        yield made
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        for peer, _ in made.peers.values():
            peer.close()
        made.listener.close()
        made.poller.close()


class Client:
    """An HTTP process's end of a connection."""

    def __init__(self, worker: Worker, model: Model) -> None:
        self.worker, self.model = worker, model
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(str(worker.path))
        self.stream = frames.Stream(frames.REPLY)
        worker.step(model)
        [(_, greeting)] = self.stream.feed(self.socket.recv(4096))
        self.greeting = json.loads(bytes(greeting))

    def send(self, data: bytes) -> None:
        """Send bytes, and let the worker read them."""
        self.socket.sendall(data)
        self.worker.step(self.model)

    def replies(self) -> list[tuple[int, Status, int, bytes]]:
        """Return the batch, status, rows and results of each reply that is there."""
        found = self.stream.feed(self.socket.recv(1 << 20))
        return [(head[1], Status(head[2]), head[3], bytes(payload)) for head, payload in found]


@pytest.fixture
def connect(worker: Worker) -> Iterator[Any]:
    """Connect to the worker."""
    with contextlib.ExitStack() as stack:

        def make() -> Client:
            client = Client(worker, Model())
            stack.enter_context(contextlib.closing(client.socket))
            return client

        yield make


def request(
    batch: int, rows: Any, deadline: float = LATER, digest: str = DIGEST, *, explain: bool = False
) -> bytes:
    """Return the frame of some rows."""
    values = np.array(rows, np.float32).reshape(len(rows), -1)
    flags = frames.FLAG_EXPLAIN if explain else 0
    shape = values.shape
    return frames.pack_request(batch, bytes.fromhex(digest), deadline, *shape, flags, [values.tobytes()])


def floats(*values: float) -> bytes:
    """Return values as a model gives them."""
    return np.array(values, np.float32).tobytes()


def test_whoever_connects_is_greeted(connect: Any) -> None:
    """By which main and the HTTP processes know that the model is ready, and which it is."""
    assert connect().greeting == {
        "pid": os.getpid(),
        "device": "cpu",
        "torch": "2.13.0",
        "cpu_capability": "AVX2",
        "digest": DIGEST,
    }


def test_a_frame_is_one_call_of_the_model(connect: Any) -> None:
    """With its rows in their shape; several at once are answered in their order, and one in pieces once."""
    client = connect()
    client.send(request(7, [[1, 2], [3, 4]]) + request(8, [[5, 6]], explain=True))
    assert client.replies() == [(7, Status.OK, 2, floats(3, 7)), (8, Status.OK, 1, floats(11))]
    whole = request(9, [[1, 1]])
    client.send(whole[:70])
    client.send(whole[70:])
    assert client.replies() == [(9, Status.OK, 1, floats(2))]
    assert client.model.calls == [False, True, False]


def test_what_nobody_waits_for_or_another_model_should_score_is_not_scored(connect: Any) -> None:
    """It is said which of them it was; a frame without rows only asks for a sign of life."""
    client = connect()
    client.send(request(1, [[1]], deadline=time.monotonic() - 0.001))
    client.send(request(2, [[1]], digest="cd" * 32))
    client.send(frames.pack_request(3, bytes(32), 0.0, 0, 0, 0, ()))
    assert client.replies() == [
        (1, Status.EXPIRED, 1, b""),
        (2, Status.UNKNOWN_MODEL, 1, b""),
        (3, Status.OK, 0, b""),
    ]
    assert client.model.calls == []


def test_a_batch_that_the_model_fails_on_fails_alone(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    """And so does one whose bytes are not the rows that it announces; the worker goes on."""
    client = connect()
    client.send(request(1, [[np.nan]]))
    client.send(frames.pack_request(2, bytes.fromhex(DIGEST), LATER, 5, 5, 0, [bytes(12)]))
    client.send(request(3, [[4]]))
    found = client.replies()
    assert [reply[:3] for reply in found] == [(1, Status.FAILED, 1), (2, Status.FAILED, 5), (3, Status.OK, 1)]
    assert caplog.text.count("the model failed on a batch") == 2


def test_a_stream_that_is_no_frames_is_cut_off_and_the_others_go_on(worker: Worker, connect: Any) -> None:
    """Nothing after an absurd length can be trusted; whoever leaves is forgotten."""
    broken, leaving, good = connect(), connect(), connect()
    broken.send(frames.REQUEST.pack(frames.MAX_PAYLOAD_BYTES + 1, 1, bytes(32), 0.0, 1, 1, 0))
    assert broken.socket.recv(10) == b""
    leaving.socket.shutdown(socket.SHUT_WR)
    worker.step(leaving.model)
    assert leaving.socket.recv(10) == b""
    assert len(worker.peers) == 1
    good.send(request(1, [[1]]))
    assert good.replies() == [(1, Status.OK, 1, floats(1))]


def test_who_knocks_and_leaves_stops_nobody(worker: Worker, connect: Any) -> None:
    """As main does, to see whether the worker is ready."""
    with socket.socket(socket.AF_UNIX) as knock:
        knock.connect(str(worker.path))
    worker.step(Model())
    client = connect()
    client.send(request(1, [[1]]))
    assert client.replies() == [(1, Status.OK, 1, floats(1))]


def test_a_socket_that_was_removed_is_made_again(worker: Worker, connect: Any, tmp_path: Path) -> None:
    """Connections that are there go on; where nothing is wrong nothing is done."""
    before, inode = connect(), worker.inode
    worker._look()
    assert worker.inode == inode
    socket_path(tmp_path, 0).unlink()
    worker._look()
    after = connect()
    for number, client in enumerate((before, after)):
        client.send(request(number, [[number]]))
        assert client.replies() == [(number, Status.OK, 1, floats(number))]
    tmp_path.rename(tmp_path.with_suffix(".moved"))
    worker._look()  # nowhere to listen: main makes the directory again
    before.send(request(5, [[5]]))
    assert before.replies() == [(5, Status.OK, 1, floats(5))]
    tmp_path.with_suffix(".moved").rename(tmp_path)
