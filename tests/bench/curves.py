"""`python -m tests.bench.curves`: how cost grows with rows, with connections and with HTTP processes.

Writes results/curves.json and the two plots of docs/performance.md. Knows nothing of other servers.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import matplotlib as mpl

mpl.use("agg")
from matplotlib import pyplot as plt

from tests.bench import load
from tests.bench.targets import ROOT, serve
from tests.bench.workloads import WORKLOADS, Workload, instances

ROWS = (1, 4, 16, 64, 256, 1024, 4096)
CONNECTIONS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SECONDS = 2
ROUNDS = 3


def main() -> None:
    """Measure, print, write and draw."""
    with tempfile.TemporaryDirectory() as directory:
        store = Path(directory)
        subprocess.run([sys.executable, "-m", "training", "--store", directory], check=True, stdout=2)
        by_rows = {rows: _median(store, _rows(rows), 1) for rows in ROWS}
        by_connections = {
            servers: {count: _median(store, WORKLOADS[0], count, servers) for count in CONNECTIONS}
            for servers in (1, 2)
        }
    results = {"rows": by_rows, "connections": by_connections}
    (ROOT / "results").mkdir(exist_ok=True)
    (ROOT / "results" / "curves.json").write_text(json.dumps(results, indent=1))
    print(json.dumps(results, indent=1))  # noqa: T201 - what the command is for
    _draw_rows(by_rows)
    _draw_connections(by_connections)


def _rows(rows: int) -> Workload:
    return Workload(f"{rows} rows, JSON", "/predict", instances(rows), (1,), ("logitserve",))


def _median(store: Path, workload: Workload, connections: int, servers: int = 2) -> dict[str, float]:
    """Return rate and latencies of one workload: medians over rounds, a service of its own each."""
    os.environ["SERVICE_API_SERVERS"] = str(servers)
    runs = []
    for _ in range(ROUNDS):
        with serve("logitserve", store, WORKLOADS[0]) as server:
            load.apply(workload, server.port, connections, 1)
            runs.append(load.apply(workload, server.port, connections, SECONDS))
    return {
        "rate": median(run.rate for run in runs),
        "p50_ms": median(run.p50_ms for run in runs),
        "p99_ms": median(run.p99_ms for run in runs),
    }


def _draw_rows(by_rows: dict[int, dict[str, float]]) -> None:
    figure, axes = plt.subplots(figsize=(6, 4))
    axes.loglog(by_rows, [point["p50_ms"] for point in by_rows.values()], "o-")
    axes.set(xlabel="rows in a request (JSON, 30 inputs)", ylabel="p50, ms, one connection")
    axes.grid(which="both", alpha=0.3)
    figure.tight_layout()
    figure.savefig(ROOT / "docs" / "cost-by-rows.png", dpi=100)


def _draw_connections(by_connections: dict[int, dict[int, dict[str, float]]]) -> None:
    figure, axes = plt.subplots(figsize=(6, 4))
    for servers, points in by_connections.items():
        label = f"{servers} HTTP process{'es' * (servers > 1)}"
        axes.semilogx(points, [point["rate"] for point in points.values()], "o-", label=label)
    axes.set(xlabel="connections, one row a request", ylabel="requests a second", ylim=(0, None))
    axes.grid(which="both", alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(ROOT / "docs" / "cost-by-connections.png", dpi=100)


if __name__ == "__main__":
    main()
