"""The worker's loop over a real socket, around versions that a test plays or publishes."""

import contextlib
import json
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.artifact import Artifact
from service.drift.reader import Reader
from service.library.staged import stage
from service.run_directory import metrics_path, socket_path
from service.wire import frames
from service.wire.frames import Command, Status
from service.wire.results import Results
from service.worker import loop as module
from service.worker.loop import SLOW_S
from service.worker.versions import Versions
from tests.service import mixed as by_hand
from tests.service.worker.stepped import Api, Worker, listening, off

DIGEST, OTHER = "ab" * 32, "cd" * 32
LATER = 1e12
GRACE_S = 20.0


class Model:
    """Answers with the sum of each row, whichever version is asked."""

    device, spec = "cpu", None

    def __init__(self, run_dir: Path) -> None:
        self.calls: list[tuple[str, bool]] = []
        self.counting = off(run_dir)
        self.versions = Versions(run_dir, "cpu", self.counting)
        self.before: Callable[[str], object] = lambda _: None
        """What happens in a call of a version."""

    def predict(self, digest: bytes, rows: Any, *, explain: bool) -> bytes:
        self.calls.append((digest.hex(), explain))
        self.before(digest.hex())
        if np.isnan(rows).any():
            raise ValueError("a bug in the model")
        sums: bytes = rows.sum(1).tobytes()
        return sums


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """A worker that listens."""
    monkeypatch.setattr(module, "_torch", lambda: ("2.13.0", "AVX2"))
    with listening(tmp_path) as made:
        yield made


class Client:
    """An HTTP process's end of a connection."""

    def __init__(self, worker: Worker, model: Any) -> None:
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

    def ask(self, number: int, command: Command, digest: str) -> list[Any]:
        """Send a command; return the replies to it, with what they say."""
        self.send(frames.pack_command(number, command, bytes.fromhex(digest)))
        return [(*reply[:2], json.loads(reply[3] or b"null")) for reply in self.replies()]

    def replies(self) -> list[tuple[int, Status, int, bytes]]:
        """Return the batch, status, rows and results of each reply that is there."""
        found = self.stream.feed(self.socket.recv(1 << 20))
        return [(head[1], Status(head[2]), head[3], bytes(payload)) for head, payload in found]


@pytest.fixture
def connect(worker: Worker) -> Iterator[Any]:
    """Connect to the worker."""
    with contextlib.ExitStack() as stack:

        def make(model: Any = None) -> Client:
            client = Client(worker, model or Model(worker.run_dir))
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
    """By which main and the HTTP processes know that the worker is ready, and on what it runs."""
    assert connect().greeting == {
        "pid": os.getpid(),
        "device": "cpu",
        "torch": "2.13.0",
        "cpu_capability": "AVX2",
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
    assert client.model.calls == [(DIGEST, False), (DIGEST, True), (DIGEST, False)]


def test_what_nobody_waits_for_is_not_scored(connect: Any) -> None:
    """It is said so."""
    client = connect()
    client.send(request(1, [[1]], deadline=time.monotonic() - 0.001))
    assert client.replies() == [(1, Status.EXPIRED, 1, b"")]
    assert client.model.calls == []


def test_a_frame_names_its_version(connect: Any) -> None:
    """Those of several versions may come together."""
    client = connect()
    client.send(request(1, [[1]]) + request(2, [[2]], digest=OTHER))
    assert client.replies() == [(1, Status.OK, 1, floats(1)), (2, Status.OK, 1, floats(2))]
    assert client.model.calls == [(DIGEST, False), (OTHER, False)]


def test_a_command_without_a_version_asks_for_a_sign_of_life(connect: Any) -> None:
    """It is answered at once."""
    assert connect().ask(3, Command.PING, "00" * 32) == [(3, Status.OK, None)]


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
    worker.step(Model(worker.run_dir))
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


# Replies that leave together


def arrived(client: Client) -> bool:
    """Return whether there is something to read."""
    return bool(select.select([client.socket], [], [], 0)[0])


def test_replies_to_several_frames_leave_together(connect: Any) -> None:
    """Those of several versions cost whoever reads them one turn."""
    client = connect()
    seen: list[bool] = []
    client.model.before = lambda _: seen.append(arrived(client))
    client.send(request(1, [[1]]) + request(2, [[2]], digest=OTHER) + request(3, [[3]]))
    assert seen == [False] * 3
    assert [reply[0] for reply in client.replies()] == [1, 2, 3]


def test_no_reply_waits_for_a_slow_version(connect: Any) -> None:
    """It is known for slow by its last call; and what follows it does not wait for another one."""
    client = connect()
    seen: list[bool] = []

    def slow(digest: str) -> None:
        if digest == OTHER:
            seen.append(arrived(client))
            time.sleep(2 * SLOW_S)

    client.model.before = slow
    client.send(request(1, [[1]], digest=OTHER))
    client.replies()
    client.send(request(2, [[2]]) + request(3, [[3]], digest=OTHER) + request(4, [[4]]))
    assert seen == [False, True]
    assert [reply[0] for reply in client.replies()] == [2, 3, 4]


# Commands, with real versions


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """A version that torch can load."""
    return by_hand.publish(tmp_path_factory.mktemp("store"))


@pytest.fixture
def main(connect: Any, published: Artifact, tmp_path: Path) -> Client:
    """Main's connection to a worker that has one version to load."""
    stage(tmp_path, published)
    client: Client = connect(Api(tmp_path))
    return client


def test_a_version_is_loaded_and_forgotten_as_main_says(
    main: Client, published: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is replied to; a version that is held is not loaded twice."""
    digest = published.digest
    assert main.ask(1, Command.LOAD, digest) == [(1, Status.OK, None)]
    with monkeypatch.context() as patch:
        patch.setattr("service.worker.versions.load", None)
        assert main.ask(2, Command.LOAD, digest) == [(2, Status.OK, None)]
        assert main.ask(3, Command.FORGET, digest) == [(3, Status.OK, None)]
        [(number, status, (reason, _))] = main.ask(4, Command.LOAD, digest)
        assert (number, status, reason) == (4, Status.REFUSED, "unusable")
    assert main.ask(5, Command.LOAD, digest) == [(5, Status.OK, None)]


def test_a_version_that_cannot_be_loaded_is_refused(main: Client) -> None:
    """With the reason and what people read; the worker goes on."""
    [(number, status, (reason, message))] = main.ask(1, Command.LOAD, "00" * 32)
    assert (number, status, reason) == (1, Status.REFUSED, "broken")
    assert "00" * 32 in message
    assert main.ask(2, Command.PING, "00" * 32) == [(2, Status.OK, None)]


def test_a_frame_of_a_version_that_was_not_loaded_is_answered(main: Client, published: Artifact) -> None:
    """From its copy, whether or not main came first; one without a copy fails alone."""
    rows = [[3.25, 1, 0]]
    main.send(request(1, rows, digest="00" * 32) + request(2, rows, digest=published.digest))
    failed, good = main.replies()
    assert failed[:2] == (1, Status.FAILED)
    assert good[:2] == (2, Status.OK)
    [found] = Results(good[3], 1, 2, 3).probabilities(0, 1)
    assert found == pytest.approx(published.manifest.golden[0].probabilities, abs=1e-6)


def test_a_worker_serves_while_a_version_is_tried(
    main: Client, connect: Any, published: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Main is told what came of it when it has come to an end."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)

    def load(*_: object) -> None:
        gate.read_bytes()

    monkeypatch.setattr(Versions, "check", load)
    main.send(frames.pack_command(7, Command.TRY, bytes.fromhex(published.digest)))
    client = connect()
    client.send(request(1, [[1]]))
    assert client.replies() == [(1, Status.OK, 1, floats(1))]
    assert not arrived(main)
    gate.write_bytes(b"!")
    main.worker.step(main.model)
    assert main.replies() == [(7, Status.OK, 0, b"")]


def test_a_trial_that_killed_its_child_is_told(
    main: Client, published: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker lives."""
    monkeypatch.setattr(Versions, "check", lambda *_: os.kill(os.getpid(), signal.SIGSEGV))
    main.send(frames.pack_command(7, Command.TRY, bytes.fromhex(published.digest)))
    main.worker.step(main.model)
    [(number, status, _, said)] = main.replies()
    assert (number, status, json.loads(said)[0]) == (7, Status.REFUSED, "crashed")


def test_what_is_held_is_not_tried(main: Client, published: Artifact) -> None:
    """It answers already."""
    main.ask(1, Command.LOAD, published.digest)
    assert main.ask(2, Command.TRY, published.digest) == [(2, Status.OK, None)]


def test_who_asked_for_a_trial_may_leave(main: Client, connect: Any, published: Artifact) -> None:
    """Nobody is told then, and the child is not left behind."""
    main.send(frames.pack_command(7, Command.TRY, bytes.fromhex(published.digest)))
    main.socket.close()
    [(_, _, trial)] = main.worker.trials.values()
    while main.worker.trials or len(main.worker.peers):
        main.worker.step(main.model)
    with pytest.raises(ChildProcessError):
        os.waitpid(trial.pid, os.WNOHANG)
    client = connect()
    client.send(request(1, [[1]]))
    assert client.replies() == [(1, Status.OK, 1, floats(1))]


def test_what_was_answered_is_counted_when_somebody_asks(
    main: Client, published: Artifact, tmp_path: Path
) -> None:
    """A sign of life counts nothing: those come often."""
    digest = published.digest
    main.ask(1, Command.LOAD, digest)
    main.send(request(2, [[3.25, 1, 0]] * 5, digest=digest))
    assert [reply[:2] for reply in main.replies()] == [(2, Status.OK)]
    [found] = Reader(metrics_path(tmp_path)).versions()
    main.ask(3, Command.PING, digest)
    assert found.now()[found.layout.bins] == 0
    assert main.ask(4, Command.COUNT, "00" * 32) == [(4, Status.OK, None)]
    assert found.now()[found.layout.bins] == 5
