"""Main's connection to a worker: commands out, replies in, nothing waited for; over a worker's real loop."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.artifact import Artifact
from service.host.peer import Done, Peer
from service.library.staged import stage
from service.wire.frames import Command
from service.worker.versions import Versions
from tests.service import mixed as by_hand
from tests.service.worker.stepped import Api, Worker, listening


class Scene:
    """A worker that goes on when it is told to, and main's connection to it."""

    def __init__(self, worker: Worker) -> None:
        self.worker, self.api = worker, Api(worker.run_dir)
        self.peer = Peer(worker.path)

    def connect(self) -> None:
        """Connect, and be greeted."""
        assert self.peer.connect()
        self.step()
        assert self.peer.replies() == []

    def step(self) -> None:
        """Have the worker do what waits."""
        self.worker.step(self.api)

    def ask(self, command: Command, digest: str) -> list[Done]:
        """Send a command, have the worker obey, and return the replies."""
        self.peer.send(command, digest)
        self.step()
        return self.peer.replies()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A worker that listens, and no connection yet."""
    with listening(tmp_path) as worker:
        made = Scene(worker)
        with contextlib.closing(made.peer):
            yield made


@pytest.fixture
def published(tmp_path: Path) -> Artifact:
    """A version that is staged."""
    found = by_hand.publish(tmp_path / "store")
    stage(tmp_path, found)
    return found


def test_a_reply_says_what_it_is_to(scene: Scene, published: Artifact) -> None:
    """By command and digest, with why a version was refused."""
    scene.connect()
    for command in (Command.LOAD, Command.TRY, Command.FORGET):
        assert scene.ask(command, published.digest) == [Done(command, published.digest, None)]
    [done] = scene.ask(Command.LOAD, "00" * 32)
    assert done.refusal is not None
    assert (done.command, done.digest, done.refusal.reason) == (Command.LOAD, "00" * 32, "broken")


def test_replies_come_when_they_are_there(
    scene: Scene, published: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of a trial after those of what was asked later; main waits for none."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    scene.connect()
    with monkeypatch.context() as patch:
        patch.setattr(Versions, "check", lambda *_: gate.read_bytes() and None)
        assert scene.ask(Command.TRY, published.digest) == []
    assert scene.ask(Command.LOAD, published.digest) == [Done(Command.LOAD, published.digest, None)]
    gate.write_bytes(b"!")
    scene.step()
    assert scene.peer.replies() == [Done(Command.TRY, published.digest, None)]


def test_without_a_worker_there_is_no_connection(tmp_path: Path) -> None:
    """What is said then nobody hears."""
    peer = Peer(tmp_path / "worker-0.sock")
    assert not peer.connect()
    peer.send(Command.LOAD, "00" * 32)
    assert peer.replies() == []
    assert not peer.connected()


def test_the_end_of_a_worker_ends_the_connection(scene: Scene, published: Artifact) -> None:
    """After the replies that it still gave; what it was asked is forgotten with it."""
    scene.connect()
    scene.peer.send(Command.LOAD, published.digest)
    scene.step()
    scene.peer.send(Command.PING, published.digest)
    for end, _ in scene.worker.peers.values():
        end.recv(1024)
        end.close()
    scene.worker.peers.clear()
    assert scene.peer.replies() == [Done(Command.LOAD, published.digest, None)]
    assert not scene.peer.connected()
    scene.connect()
    assert scene.ask(Command.PING, published.digest) == [Done(Command.PING, published.digest, None)]


def test_a_worker_that_takes_no_command_has_ended(scene: Scene) -> None:
    """Main does not wait until it does."""
    scene.connect()
    for end, _ in scene.worker.peers.values():
        end.close()
    scene.worker.peers.clear()
    scene.peer.send(Command.PING, "00" * 32)
    assert not scene.peer.connected()
