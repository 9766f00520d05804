"""Which accelerator the model runs on. Imports no torch: the main process forks, which CUDA forbids."""

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass

from service.errors import StartError

PROBE_TIMEOUT_S = 30
COUNT = "import torch; print(torch.cuda.device_count())"


@dataclass(frozen=True, slots=True)
class Device:
    """`accelerator` as LitServe names it, how many there are, and why it was taken."""

    accelerator: str
    count: int
    reason: str


def find(wanted: str) -> Device:
    """Return the accelerator to use for the setting `wanted`: auto, cpu, cuda or mps.

    With auto, a CUDA device is taken when the driver lists one and torch can use it; whatever speaks
    against it is the reason given. Raises StartError when `wanted` names one that does not work.
    """
    if wanted == "cpu":
        return Device("cpu", 1, "as set")
    if wanted == "mps":
        if platform.system() != "Darwin":
            raise StartError("SERVICE_ACCELERATOR=mps: wanted a Mac")
        return Device("mps", 1, "as set")
    count, reason = _cuda()
    if count:
        return Device("cuda", count, reason)
    if wanted == "cuda":
        raise StartError(f"SERVICE_ACCELERATOR=cuda: {reason}")
    return Device("cpu", 1, reason)


def _cuda() -> tuple[int, str]:
    """Return how many CUDA devices torch can use, and how that is known."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return 0, "CUDA_VISIBLE_DEVICES hides every CUDA device"
    if shutil.which("nvidia-smi") is None:
        return 0, "there is no nvidia-smi, so no NVIDIA driver"
    try:
        listed = _run("nvidia-smi", "-L")
        if listed.returncode:
            said = (listed.stdout + listed.stderr).strip().splitlines() or ["nothing"]
            return 0, f"nvidia-smi fails and says: {said[0]}"
        counted = _run(sys.executable, "-c", COUNT)
    except (OSError, subprocess.TimeoutExpired) as error:
        return 0, f"the driver cannot be asked: {error}"
    count = int(counted.stdout) if counted.returncode == 0 else 0
    if not count:
        return 0, "the driver is there, but this build of torch finds no CUDA device"
    return count, f"torch finds {count} CUDA device{'s' * (count > 1)}"


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False)  # noqa: S603
