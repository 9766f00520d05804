"""The worker's loop: frames in, a call of a model each, frames out. Knows nothing of HTTP."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import socket
import struct
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from litserve.loops import LitLoop

from service.run_directory import socket_path
from service.wire import frames

if TYPE_CHECKING:
    from pathlib import Path

    from service.library.table import Refusal
    from service.worker.api import ModelAPI
    from service.worker.versions import Trial

SEND_TIMEOUT = struct.pack("ll", 0, 900_000)
"""Seconds and microseconds, as the kernel wants them. A stopped HTTP process that does not read its replies
is cut off, or it would stall everyone's worker. Less than an alarm's second: a signal has
the kernel wait anew."""
RECEIVE_BYTES = 1 << 20
SLOW_S = 0.001
"""No reply waits for a version whose last call took longer."""
BATCH, DIGEST, ROWS, FLAGS = 1, 2, 4, 6
"""Places of a request's fields."""

log = logging.getLogger("logitserve.worker")


class FrameLoop(LitLoop):  # type: ignore[misc] # LitServe ships no types
    """Serve frames, one model call each, from every HTTP process that connects."""

    def __init__(self, run_dir: Path) -> None:
        super().__init__()
        self.run_dir = run_dir

    def __call__(self, lit_api: ModelAPI, device: str, worker_id: int, *host: Any) -> None:
        """Listen, which tells that the model is ready, and serve until killed."""
        import torch  # noqa: PLC0415 - loaded by then

        self.path = socket_path(self.run_dir, worker_id)
        self.poller = select.epoll()
        self.peers: dict[int, tuple[socket.socket, frames.Stream]] = {}
        self.received = memoryview(bytearray(RECEIVE_BYTES))
        self.trials: dict[int, tuple[socket.socket, int, Trial]] = {}
        self.slow: set[bytes] = set()
        """Digests of the versions whose last call was slow."""
        self.greeting = frames.pack_hello(os.getpid(), lit_api.device, *_torch())
        self._listen()
        self.alarm = lit_api.alarm
        self.poller.register(self.alarm, select.EPOLLIN)
        with torch.inference_mode():  # once, for all calls
            super().__call__(lit_api, device, worker_id, *host)

    def run(self, lit_api: ModelAPI, *_: Any) -> None:
        """Serve what is waiting, or wait."""
        for fd, _events in self.poller.poll():
            if fd in self.peers:
                self._serve(fd, lit_api)
            elif fd in self.trials:
                self._end_trial(fd)
            elif fd == self.alarm.fileno():
                self.alarm.quiet()
                self._look()
                lit_api.counting.tick()
            else:
                self._accept()

    def _listen(self) -> None:
        listener = socket.socket(socket.AF_UNIX)
        try:
            self.path.unlink(missing_ok=True)
            # Under its final name: who cleans up temporary files leaves a socket that the kernel knows by it.
            listener.bind(str(self.path))
            listener.listen()
            listener.setblocking(False)
            self.inode = self.path.stat().st_ino
        except OSError:
            listener.close()
            raise
        self.listener = listener
        self.poller.register(listener, select.EPOLLIN)

    def _look(self) -> None:
        """Listen anew when the socket was removed: nobody else could connect any more."""
        with contextlib.suppress(OSError):
            if self.path.stat().st_ino == self.inode:
                return
        old = self.listener
        try:
            self._listen()
        except OSError as error:  # main, which makes the directory again, says what is wrong with it
            log.debug("%s: %s", self.path, error)
            return
        log.warning("%s was removed; listening anew", self.path)
        self.poller.unregister(old)
        old.close()

    def _accept(self) -> None:
        try:
            peer, _ = self.listener.accept()
        except BlockingIOError:  # that was for a listener which is no more
            return
        # The kernel's timeout, not Python's, which would cost a poll before every call.
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, SEND_TIMEOUT)
        try:
            peer.sendall(self.greeting)
        except OSError:  # main, which only knocks, has left
            peer.close()
            return
        self.peers[peer.fileno()] = peer, frames.Stream(frames.REQUEST)
        self.poller.register(peer, select.EPOLLIN)

    def _serve(self, fd: int, lit_api: ModelAPI) -> None:
        peer, stream = self.peers[fd]
        try:
            size = peer.recv_into(self.received)
            replies: list[bytes] = []
            for fields, payload in stream.feed(self.received[:size]):
                # Those of several models come together, and leave so; but none waits for a slow model.
                if self.slow and replies and fields[DIGEST] in self.slow:
                    peer.sendall(b"".join(replies))
                    replies.clear()
                replies.append(
                    self._reply(fields, payload, lit_api)
                    if fields[ROWS]
                    else self._obey(peer, fields, lit_api)
                )
                if self.slow and fields[DIGEST] in self.slow:
                    peer.sendall(b"".join(replies))
                    replies.clear()
            if replies:
                peer.sendall(b"".join(replies))
            if lit_api.counting.pieces:  # nobody waits for it any more
                lit_api.counting.work()
        except (OSError, frames.FrameError) as error:
            log.warning("dropped a connection of an HTTP process: %s", error)
            size = 0
        if not size:
            self.poller.unregister(fd)
            del self.peers[fd]
            peer.close()

    def _reply(self, fields: tuple[Any, ...], payload: Any, lit_api: ModelAPI) -> bytes:
        _, batch, digest, deadline, rows, columns, flags = fields
        status = frames.Status.OK
        results, started = b"", time.perf_counter()
        if time.monotonic() > deadline:
            status = frames.Status.EXPIRED
        else:
            try:
                inputs = np.frombuffer(payload, np.float32).reshape(rows, columns)
                results = lit_api.predict(digest, inputs, explain=bool(flags & frames.FLAG_EXPLAIN))
            except Exception:  # whatever the model raises is the request's failure, not the worker's
                log.exception("the model failed on a batch of %d rows", rows)
                status = frames.Status.FAILED
            else:
                lit_api.counting.set_aside(digest, payload, rows, results)
        took = time.perf_counter() - started
        if took > SLOW_S:
            self.slow.add(digest)
        elif self.slow:
            self.slow.discard(digest)
        microseconds = int(took * 1e6)
        return frames.pack_reply(batch, status, rows, microseconds, results)

    def _obey(self, peer: socket.socket, fields: tuple[Any, ...], lit_api: ModelAPI) -> bytes:
        """Do what a command says; return its reply, which comes later where a child has to tell."""
        number, digest, command = fields[BATCH], fields[DIGEST], fields[FLAGS]
        refusal = None
        if command == frames.Command.COUNT:
            lit_api.counting.count_all()
        elif command == frames.Command.LOAD:
            refusal = lit_api.versions.load(digest)
        elif command == frames.Command.FORGET:
            lit_api.versions.forget(digest)
            self.slow.discard(digest)
        elif command == frames.Command.TRY:
            trial = lit_api.versions.try_out(digest)
            if trial is not None:
                self.trials[trial.fd] = peer, number, trial
                self.poller.register(trial.fd, select.EPOLLIN)
                return b""
        return _told(number, refusal)

    def _end_trial(self, fd: int) -> None:
        """Tell who asked for it what came of a trial."""
        peer, number, trial = self.trials.pop(fd)
        self.poller.unregister(fd)
        reply = _told(number, trial.end())
        with contextlib.suppress(OSError):  # who asked has left
            peer.sendall(reply)


def _told(number: int, refusal: Refusal | None) -> bytes:
    """Return the reply to a command."""
    if refusal is None:
        return frames.pack_reply(number, frames.Status.OK, 0, 0, b"")
    return frames.pack_reply(number, frames.Status.REFUSED, 0, 0, json.dumps(refusal).encode())


def _torch() -> tuple[str, str]:
    """Return torch's version, and which of the processor's vectors it uses: both decide the last digits."""
    import torch  # noqa: PLC0415 - loaded by then

    return str(torch.__version__), torch.backends.cpu.get_cpu_capability()
