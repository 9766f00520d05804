"""What main and the HTTP processes of one running service share: main makes it, and they inherit it."""

import os
from pathlib import Path

from models.repository import Artifact
from service.flags import Flags
from service.gate.keys import Keys
from service.lifetime import Ending
from service.run_directory import api_slot, metrics_path, socket_path
from service.settings import Settings
from service.shares import Shares


class Deployment:
    """One running service: settings, the version that it serves, its places, and how its end is told."""

    def __init__(
        self,
        settings: Settings,
        keys: Keys,
        artifact: Artifact,
        address: str,
        run_dir: Path,
        workers: int,
    ) -> None:
        """`address` is what the service listens on, as numbers."""
        self.settings = settings
        self.keys = keys
        self.artifact = artifact
        self.address = address
        self.main_pid = os.getpid()
        self.run_dir = run_dir
        self.metrics_dir = metrics_path(run_dir)
        self.worker_sockets = [socket_path(run_dir, slot) for slot in range(workers)]
        self.http_slots = [api_slot(number) for number in range(settings.api_servers)]
        self.flags = Flags(workers)
        self.ending = Ending()
        self.shares = Shares(settings.api_servers)
