"""The worker's loop: a frame in, a call of the model, a frame out. Knows nothing of HTTP or JSON."""

import contextlib
import logging
import os
import select
import signal
import socket
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
from litserve.loops import LitLoop

from service.run_directory import socket_path
from service.wire import frames
from service.worker.api import ModelAPI

SEND_TIMEOUT = struct.pack("ll", 1, 0)
"""Seconds and microseconds, as the kernel wants them. A stopped HTTP process that does not read its replies
is cut off, or it would stall everyone's worker."""
RECEIVE_BYTES = 1 << 20
LOOK_S = 1.0
"""How often the socket's path is looked at."""

log = logging.getLogger("logitserve.worker")


class FrameLoop(LitLoop):  # type: ignore[misc] # LitServe ships no types
    """Serve frames, one model call each, from every HTTP process that connects."""

    def __init__(self, run_dir: Path) -> None:
        super().__init__()
        self.run_dir = run_dir

    def __call__(self, lit_api: ModelAPI, device: str, worker_id: int, *host: Any) -> None:
        """Listen, which tells that the model is ready, and serve until killed."""
        self.path = socket_path(self.run_dir, worker_id)
        self.poller = select.epoll()
        self.peers: dict[int, tuple[socket.socket, frames.Stream]] = {}
        self.received = memoryview(bytearray(RECEIVE_BYTES))
        self.digest = bytes.fromhex(lit_api.digest)
        self.greeting = frames.pack_hello(os.getpid(), str(lit_api.runtime.device), *_torch(), lit_api.digest)
        self._listen()
        # A timer's signal, as a wait with a time limit costs a microsecond each.
        signal.signal(signal.SIGALRM, lambda *_: self._look())
        signal.setitimer(signal.ITIMER_REAL, LOOK_S, LOOK_S)
        super().__call__(lit_api, device, worker_id, *host)

    def run(self, lit_api: ModelAPI, *_: Any) -> None:
        """Serve what is waiting, or wait."""
        for fd, _events in self.poller.poll():
            if fd in self.peers:
                self._serve(fd, lit_api)
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
            for fields, payload in stream.feed(self.received[:size]):
                peer.sendall(self._reply(fields, payload, lit_api))
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
        if not rows:
            pass  # only a sign of life
        elif digest != self.digest:
            status = frames.Status.UNKNOWN_MODEL
        elif time.monotonic() > deadline:
            status = frames.Status.EXPIRED
        else:
            try:
                inputs = np.frombuffer(payload, np.float32).reshape(rows, columns)
                results = lit_api.predict(inputs, explain=bool(flags & frames.FLAG_EXPLAIN))
            except Exception:  # whatever the model raises is the request's failure, not the worker's
                log.exception("the model failed on a batch of %d rows", rows)
                status = frames.Status.FAILED
        microseconds = int((time.perf_counter() - started) * 1e6)
        return frames.pack_reply(batch, status, rows, microseconds, results)


def _torch() -> tuple[str, str]:
    """Return torch's version, and which of the processor's vectors it uses: both decide the last digits."""
    import torch  # noqa: PLC0415 - loaded by then

    return str(torch.__version__), torch.backends.cpu.get_cpu_capability()
