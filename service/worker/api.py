"""The model as LitServe's worker process hosts it: loaded, verified, called. Knows nothing of frames.

`setup` and `predict` are LitServe's names.
"""

import logging
import os
import sys
from pathlib import Path
from typing import Any

import litserve as ls
from litserve.loops import LitLoop

from models.uncollected import uncollected
from service import logs
from service.drift.counting import Counting
from service.lifetime import die_with
from service.run_directory import metrics_path, reason_path
from service.settings import Settings
from service.wire.results import pack_results
from service.worker.alarm import Alarm

WORKER_ID = "LITSERVE_WORKER_ID"
"""Where LitServe tells a worker its slot; it documents no way."""
LOOK_S = 1.0
"""How often the loop looks after itself, without requests too."""

log = logging.getLogger("logitserve.worker")


class ModelAPI(ls.LitAPI):  # type: ignore[misc] # LitServe ships no types
    """The versions of models that a worker holds, as LitServe hosts them."""

    def __init__(self, settings: Settings, run_dir: Path, loop: LitLoop) -> None:
        super().__init__(loop=loop)
        self.settings = settings
        self.run_dir = run_dir
        self.main_pid = os.getpid()
        self.first: str | None = None
        """The digest of what a worker loads before it is ready: main sets it before it starts one."""

    def setup(self, device: str) -> None:
        """Load and verify the first version; when that fails, leave the reason for main and exit with 1."""
        die_with(self.main_pid)
        logs.configure(self.settings)
        with uncollected():
            from service.worker.versions import Versions  # noqa: PLC0415 - torch is loaded in workers only

        slot = int(os.environ[WORKER_ID])
        self.device = device
        self.alarm = Alarm(LOOK_S)
        self.counting = Counting(
            metrics_path(self.run_dir), slot, self.settings.drift_inputs, self.alarm.ring_in
        )
        self.versions = Versions(self.run_dir, device, self.counting)
        refused = self.versions.load(bytes.fromhex(self.first)) if self.first else None
        if refused is not None:  # main must hear of it
            reason_path(self.run_dir, slot).write_text(refused.message)
            sys.exit(1)

    def predict(self, digest: bytes, rows: Any, *, explain: bool) -> bytes:
        """Return the results of float32 rows [rows, inputs] by a version, as they travel."""
        runtime = self.versions[digest]
        probabilities = runtime.predict(rows)
        if not explain:
            return pack_results(probabilities)
        return pack_results(probabilities, runtime.intercept, runtime.contributions(rows))
