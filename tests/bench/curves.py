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
    rows = {count: (_rows(count), 1) for count in ROWS}
    connections = {count: (WORKLOADS[0], count) for count in CONNECTIONS}
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([sys.executable, "-m", "training", "--store", directory], check=True, stdout=2)
        by_rows = _sweep(Path(directory), rows, servers=2)
        by_connections = {servers: _sweep(Path(directory), connections, servers) for servers in (1, 2)}
    results = json.dumps({"rows": by_rows, "connections": by_connections}, indent=1)
    (ROOT / "results").mkdir(exist_ok=True)
    (ROOT / "results" / "curves.json").write_text(results)
    print(results)  # noqa: T201 - what the command is for
    _draw_rows(by_rows)
    _draw_connections(by_connections)


def _rows(rows: int) -> Workload:
    return Workload(f"{rows} rows, JSON", "/predict", (instances(rows),), (1,), ("logitserve",))


def _sweep(store: Path, points: dict[int, tuple[Workload, int]], servers: int) -> dict[int, dict[str, float]]:
    """Return rate and latencies at each point: medians over rounds, each with a service of its own."""
    os.environ["SERVICE_API_SERVERS"] = str(servers)
    runs: dict[int, list[load.Load]] = {point: [] for point in points}
    for _ in range(ROUNDS):
        with serve("logitserve", store, WORKLOADS[0]) as server:
            for point, (workload, connections) in points.items():
                load.apply(workload, server.port, connections, 1)
                runs[point].append(load.apply(workload, server.port, connections, SECONDS))
    return {
        point: {
            "rate": median(run.rate for run in found),
            "p50_ms": median(run.p50_ms for run in found),
            "p99_ms": median(run.p99_ms for run in found),
        }
        for point, found in runs.items()
    }


def _draw_rows(by_rows: dict[int, dict[str, float]]) -> None:
    figure, axes = plt.subplots(figsize=(6, 4))
    axes.loglog(list(by_rows), [point["p50_ms"] for point in by_rows.values()], "o-")
    axes.set(xlabel="rows in a request (JSON, 30 inputs)", ylabel="p50, ms, one connection")
    axes.grid(which="both", alpha=0.3)
    figure.tight_layout()
    figure.savefig(ROOT / "docs" / "cost-by-rows.png", dpi=100)


def _draw_connections(by_connections: dict[int, dict[int, dict[str, float]]]) -> None:
    figure, axes = plt.subplots(figsize=(6, 4))
    for servers, points in by_connections.items():
        label = f"{servers} HTTP process{'es' * (servers > 1)}"
        axes.semilogx(list(points), [point["rate"] for point in points.values()], "o-", label=label)
    axes.set(xlabel="connections, one row a request", ylabel="requests a second", ylim=(0, None))
    axes.grid(which="both", alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(ROOT / "docs" / "cost-by-connections.png", dpi=100)


if __name__ == "__main__":
    main()
