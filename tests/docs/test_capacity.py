"""The page on capacity reckons with the figures of the README's run, and reckons right."""

import re
from math import ceil
from pathlib import Path

import pytest

from deploy.load.sizing import HEADROOM, LONGEST_WAIT_S, Measured, derive
from service.metrics.buckets import SLO_S

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "capacity.md").read_text().replace("\u00d7", "x")
PROCESSES = 2
MILLION = 1_000_000
BUSY, JSON, BINARY = ("1 row, JSON", "32"), ("256 rows, JSON", "8"), ("256 rows, binary", "8")


def table(text: str, first: str) -> list[dict[str, str]]:
    """Return the rows of the table whose first column has this name."""
    [found] = re.findall(rf"^(\| {first} \|.*\n)\|[ |-]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    names, *rows = [line.strip("| ").split(" | ") for line in "".join(found).splitlines()]
    return [dict(zip(names, row, strict=True)) for row in rows]


def number(text: str) -> float:
    return float(text.replace(",", ""))


README = (ROOT / "README.md").read_text()
BENCH = {(row["request"], row["connections"], row["server"]): row for row in table(README, "request")}
FOOTPRINT = {row["target"]: row for row in table(README, "target")}
CLIENTS = {row["how clients ask"]: row for row in table(PAGE, "how clients ask")}
[(RATE, STAY_MS)] = re.findall(r"found ([\d,]+) requests a second, with a mean stay of ([\d.]+) ms", PAGE)
HIGHEST = Measured(number(RATE), float(STAY_MS) / 1e3, PROCESSES)


def rate(request: str, connections: str, server: str = "logitserve") -> str:
    return BENCH[request, connections, server]["req/s"]


def pods(predictions_per_s: float) -> int:
    """Return how many make a million predictions a second, without the one to lose."""
    measured = Measured(predictions_per_s, HIGHEST.mean_s, PROCESSES)
    return int(derive(measured, MILLION)["replicas"]) - 1


@pytest.mark.parametrize(
    ("clients", "measured", "rows"),
    [
        ("1 row a request, JSON, independent clients", RATE, 1),
        ("1 row a request, JSON, 32 busy connections", rate(*BUSY), 1),
        ("256 rows a request, JSON", rate(*JSON), 256),
        ("256 rows a request, binary tensors", rate(*BINARY), 256),
    ],
)
def test_a_million_predictions_follow_from_the_rate(clients: str, measured: str, rows: int) -> None:
    """Each cell, from the README's table or the highest rate: a new run changes both pages."""
    predictions = number(measured) * rows
    needed = pods(predictions)
    assert CLIENTS[clients] == {
        "how clients ask": clients,
        "measured, predictions/s a pod": measured
        if rows == 1
        else f"{measured} x {rows} = {predictions:,.0f}",
        "planned": f"{HEADROOM * predictions:,.0f}",
        "pods": f"{needed} + 1",
        "cores": str((needed + 1) * PROCESSES),
    }


def test_the_settings_follow_from_the_highest_rate() -> None:
    """By the same arithmetic as `make capacity` has."""
    found = derive(HIGHEST, wanted_per_s=20_000)
    planned = HEADROOM * HIGHEST.rate_per_s
    shown = {row["what"]: row["here"] for row in table(PAGE, "what")}
    assert shown == {
        "`SERVICE_MAX_PENDING`": (
            f"{RATE} x {LONGEST_WAIT_S:g} / {PROCESSES} = {found['SERVICE_MAX_PENDING']:,}"
        ),
        "the autoscaler's target, in flight a pod": (
            f"{HEADROOM:g} x {RATE} x {HIGHEST.mean_s:g} = {planned * HIGHEST.mean_s:.1f}, "
            f"so {found['hpa_in_flight_per_pod']}"
        ),
        "replicas for X predictions a second": f"20,000 / {planned:,.0f} = {found['replicas'] - 1}, and 1",
    }


def test_what_the_text_makes_of_the_figures_holds() -> None:
    """The SLO, the balancer's share, the memory, the roll-out."""
    for workload in (BUSY, JSON, BINARY):
        assert float(BENCH[*workload, "logitserve"]["p99 ms"]) < SLO_S * 1e3
    few = float(CLIENTS["256 rows a request, binary tensors"]["cores"])
    busy = float(CLIENTS["1 row a request, JSON, 32 busy connections"]["cores"])
    assert f"needs {few:.0f} cores instead of the {busy:.0f} of clients" in PAGE
    echo = number(rate(*BUSY, server="limit")) / PROCESSES
    assert f"about {round(echo, -3):,.0f} requests a second and core" in PAGE
    assert "half of the cores" in PAGE
    assert round(MILLION / echo / busy, 1) == 0.5
    mib = float(FOOTPRINT["logitserve"]["memory (PSS), MiB"])
    assert f"100 take {100 * mib / 1024:.0f} GiB and 3 take {3 * mib / 1024:.0f} GiB" in PAGE
    start_s = ceil(float(FOOTPRINT["logitserve"]["start to ready, s"]))
    [shown_s, minutes] = re.findall(
        r"rounded up to (\d+) s, that is about\s+(\d+) minutes for 100 pods", PAGE
    )[0]
    assert (int(shown_s), int(minutes)) == (start_s, round(100 * start_s / 60))
