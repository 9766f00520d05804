"""What main and the HTTP processes of one running service share: main makes it, and they inherit it."""

import os
import secrets
from pathlib import Path

from service.bells import Bells
from service.feedback.token import Key
from service.flags import Flags
from service.gate.keys import Keys
from service.library.control import channel
from service.library.table import Committed
from service.lifetime import Ending
from service.run_directory import api_slot, metrics_path, socket_path
from service.settings import Settings
from service.shares import Shares


class Deployment:
    """One running service: settings, which table of versions holds, its places, and how its end is told."""

    def __init__(
        self,
        settings: Settings,
        keys: Keys,
        address: str,
        run_dir: Path,
        workers: int,
        secret: bytes | None = None,
    ) -> None:
        """`address` is what the service listens on, as numbers.

        `secret` signs tokens where feedback is on.
        """
        self.settings = settings
        self.keys = keys
        self.address = address
        self.feedback = None if secret is None else Key(secret)
        self.main_pid = os.getpid()
        self.id = secrets.token_hex(6)
        """What tells the metrics of this service from those of another behind the same balancer."""
        self.run_dir = run_dir
        self.metrics_dir = metrics_path(run_dir)
        self.worker_sockets = [socket_path(run_dir, slot) for slot in range(workers)]
        self.http_slots = [api_slot(number) for number in range(settings.api_servers)]
        self.flags = Flags(workers)
        self.ending = Ending()
        self.shares = Shares(settings.api_servers)
        self.bells = Bells(settings.api_servers)
        self.committed = Committed()
        self.controls = [channel() for _ in self.http_slots]
        """For each HTTP process main's end and its own."""

    def close(self) -> None:
        """Let go of what the HTTP processes talk by, when there are none any more."""
        self.bells.close()
        for ends in self.controls:
            for end in ends:
                end.close()
