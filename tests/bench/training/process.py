"""What a command takes: time, CPU and memory. Knows nothing of what it does.

Nothing heavy is imported here or by who imports it: Linux counts what a process held before it became the
command as the command's.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.training.table import Cost

ROOT = Path(__file__).parents[3]


def run(module: str, *arguments: str | Path, cores: int) -> tuple[Cost, str]:
    """Run a module with so many threads where it computes, to its end; return its cost and what it printed.

    Raises subprocess.CalledProcessError when it fails.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(cores))
    start = time.perf_counter()
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | threads, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None  # it is a pipe
        printed = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, printed)
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024), printed
