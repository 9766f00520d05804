"""The figures of the report, against figures made by hand."""

import pytest

from tests.bench.load import Load
from tests.bench.table import Cost, Footprint, Sample, costs, markdown, rows


def sample(number: int, target: str, requests: int, p50_ms: float, errors: int = 0) -> Sample:
    """Make a sample of one second whose p99 is twice its p50 and which took 1 ms of CPU a request."""
    load = Load(requests, 1.0, p50_ms, 2 * p50_ms, errors)
    return Sample(number, target, "1 row", 32, load, {"api": requests * 0.0009, "worker": requests * 0.0001})


SAMPLES = [
    sample(0, "limit", 1000, 1.0),
    sample(0, "ours", 500, 2.0, errors=1),
    sample(1, "limit", 2000, 0.5),
    sample(1, "ours", 400, 2.5),
    sample(2, "limit", 1000, 1.0),
    sample(2, "ours", 900, 1.1, errors=2),
]


def test_ratios_are_taken_within_a_round() -> None:
    """A ratio is the median of the rounds' ratios, which is not the ratio of the medians."""
    limit, ours = rows(SAMPLES)
    assert (limit.target, limit.rate, limit.rate_ratio, limit.p50_ratio, limit.errors) == (
        "limit",
        1000,
        1,
        1,
        0,
    )
    assert (ours.target, ours.rate, ours.p50_ms, ours.p99_ms, ours.errors) == ("ours", 500, 2.0, 4.0, 3)
    assert ours.rate_ratio == pytest.approx(0.5)  # of 0.5, 0.2 and 0.9
    assert ours.p50_ratio == pytest.approx(2.0)  # of 2.0, 5.0 and 1.1
    assert ours.p99_ratio == pytest.approx(2.0)
    assert ours.cpu_s_per_1000 == pytest.approx({"api": 0.9, "worker": 0.1})


def test_without_the_limit() -> None:
    """There is no ratio where the limit was not measured under the same load."""
    (ours,) = rows([SAMPLES[1]])
    assert ours.rate_ratio is ours.p50_ratio is ours.p99_ratio is None


def test_loads_stay_together() -> None:
    """Rows come load by load, although the samples come target by target."""
    order = [("limit", 1), ("limit", 32), ("ours", 1), ("ours", 32)]
    taken = [Sample(0, target, "1 row", n, Load(1, 1, 1, 1, 0), {}) for target, n in order]
    assert [(row.connections, row.target) for row in rows(taken)] == [
        (1, "limit"),
        (1, "ours"),
        (32, "limit"),
        (32, "ours"),
    ]


def test_costs() -> None:
    """A footprint is the median over the rounds."""
    taken = [Footprint(n, "ours", s, 3 - s, 10 * n) for n, s in enumerate((1.0, 2.0, 1.5))]
    assert costs(taken) == [Cost("ours", 1.5, 1.5, 10)]


def test_markdown() -> None:
    """Each table has its title, its head and a line for each row, processes by their share."""
    lines = markdown(rows(SAMPLES), [Cost("ours", 1.26, 0.04, 2**30)]).splitlines()
    assert lines[0] == "**1 row**"
    assert lines[5] == (
        "| 32 | ours | 500 | 0.50 | 2.00 | 2.00 | 4.00 | 2.00 | 3 | 1.000: api 0.900, worker 0.100 |"
    )
    assert lines[-1] == "| ours | 1.3 | 0.0 | 1,024 |"
