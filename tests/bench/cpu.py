"""What the processor is called. Knows nothing of what runs on it."""

import platform
from pathlib import Path


def model() -> str:
    """Name the processor, or its architecture where Linux tells no more, as on ARM."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
