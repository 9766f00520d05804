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

from models.errors import StoreError
from models.repository import Artifact, Repository
from models.uncollected import uncollected
from service import logs
from service.errors import StartError
from service.lifetime import die_with
from service.run_directory import reason_path
from service.settings import Settings
from service.wire.results import pack_results

WORKER_ID = "LITSERVE_WORKER_ID"
"""Where LitServe tells a worker its slot; it documents no way."""

log = logging.getLogger("logitserve.worker")


class ModelAPI(ls.LitAPI):  # type: ignore[misc] # LitServe ships no types
    """The pinned version of a model, as LitServe hosts it."""

    def __init__(self, settings: Settings, artifact: Artifact, run_dir: Path, loop: LitLoop) -> None:
        super().__init__(loop=loop)
        self.settings = settings
        self.name, self.version = artifact.manifest.name, artifact.manifest.version
        self.digest = artifact.digest
        self.run_dir = run_dir
        self.main_pid = os.getpid()

    def setup(self, device: str) -> None:
        """Load and verify the model; when that fails, leave the reason for main and end with status 1."""
        die_with(self.main_pid)
        logs.configure(self.settings)
        try:
            with uncollected():
                from service.worker.runtime import Runtime  # noqa: PLC0415 - torch is loaded in workers only

            self.runtime = Runtime(self._artifact(), device)
        except Exception as error:  # whatever it is, main must hear of it
            log.debug("could not start", exc_info=True)
            worker = int(os.environ[WORKER_ID])
            text = str(error)
            if not isinstance(error, StoreError | StartError):
                # The last line says what is wrong; torch's own traceback comes before it.
                text = f"{type(error).__name__}: {''.join(text.splitlines()[-1:])}"
            reason_path(self.run_dir, worker).write_text(" ".join(text.split()))
            sys.exit(1)

    def _artifact(self) -> Artifact:
        """Return the pinned version, verified once more: files may have changed since main looked."""
        artifact = Repository(self.settings.model_store).resolve(self.name, self.version)
        if artifact.digest != self.digest:
            raise StartError(f"{artifact.path}: changed since the service started")
        return artifact

    def predict(self, rows: Any, *, explain: bool) -> bytes:
        """Return the results of float32 rows [rows, inputs], as they travel."""
        probabilities = self.runtime.predict(rows)
        if not explain:
            return pack_results(probabilities)
        return pack_results(probabilities, self.runtime.intercept, self.runtime.contributions(rows))
