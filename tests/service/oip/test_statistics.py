"""Statistics in Triton's form, of samples that a test makes."""

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from service.oip.statistics import statistics


def counts(name: str, *found: tuple[dict[str, str], int]) -> Metric:
    """Return a counter's values, by their labels."""
    labels = [*found[0][0]]
    family = CounterMetricFamily(f"logitserve_{name}", "", labels=labels)
    for each, count in found:
        family.add_metric([each[label] for label in labels], count)
    return family


def durations(name: str, *sums: tuple[str, int, float]) -> Metric:
    """Return a histogram's counts and sums, by model."""
    family = HistogramMetricFamily(f"logitserve_{name}", "", labels=["model"])
    for model, count, total in sums:
        family.add_metric([model], [("+Inf", count)], total)
    return family


def own(model: str, version: str, **more: str) -> dict[str, str]:
    """Return the labels of a version."""
    return {"model": model, "version": version, **more}


FAMILIES = [
    counts(
        "model_requests",
        (own("tiny", "3", outcome="success"), 9),
        (own("tiny", "3", outcome="fail"), 3),
        (own("tiny", "4", outcome="success"), 1),
        (own("other", "3", outcome="success"), 1000),
    ),
    counts("rows", (own("tiny", "3"), 70), (own("tiny", "4"), 1), (own("other", "3"), 1000)),
    durations("queue_wait_seconds", ("tiny", 9, 0.125), ("other", 1000, 1000)),
    durations("inference_duration_seconds", ("tiny", 4, 0.0625), ("other", 1000, 1000)),
    durations("batch_rows", ("tiny", 4, 71), ("other", 1000, 1000)),
    CounterMetricFamily("other_rows", "", value=1000),
]


def test_a_version_has_its_own_counts_and_its_models_times() -> None:
    """Whichever way its rows came; what another model did is not in it."""
    [found] = statistics(FAMILIES, [("tiny", "3")])["model_stats"]
    assert (found["name"], found["version"]) == ("tiny", "3")
    assert (found["inference_count"], found["execution_count"]) == (70, 4)
    told = found["inference_stats"]
    assert told["success"] == {"count": 9, "ns": 187_500_000}
    assert told["fail"] == {"count": 3, "ns": 0}
    assert told["queue"] == {"count": 9, "ns": 125_000_000}
    assert told["compute_infer"] == {"count": 4, "ns": 62_500_000}


def test_each_version_that_is_wanted_is_told() -> None:
    """In the order in which they are wanted."""
    wanted = [("other", "3"), ("tiny", "3"), ("tiny", "4")]
    found = statistics(FAMILIES, wanted)["model_stats"]
    assert [(each["name"], each["version"]) for each in found] == wanted
    assert [each["inference_count"] for each in found] == [1000, 70, 1]


def test_nothing_is_zero() -> None:
    """Before the first request there are no samples."""
    [found] = statistics([], [("tiny", "3")])["model_stats"]
    assert found["inference_count"] == found["execution_count"] == 0
    assert set(map(str, found["inference_stats"].values())) == {"{'count': 0, 'ns': 0}"}
