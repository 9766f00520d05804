"""Statistics in Triton's form, of samples that a test makes."""

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from service.oip.statistics import statistics
from service.paths import INFER, INFER_VERSION, PREDICT


def answers(*counts: tuple[str, str, int]) -> Metric:
    """Return how often each route was answered with each status."""
    family = CounterMetricFamily("logitserve_http_requests", "", labels=["route", "method", "code"])
    for route, code, count in counts:
        family.add_metric([route, "POST", code], count)
    return family


def durations(name: str, *sums: tuple[dict[str, str], int, float]) -> Metric:
    """Return a histogram's counts and sums, by their labels."""
    labels = [*sums[0][0]]
    family = HistogramMetricFamily(f"logitserve_{name}", "", labels=labels)
    for found, count, total in sums:
        family.add_metric([found[label] for label in labels], [("+Inf", count)], total)
    return family


def test_rows_count_whichever_way_they_came() -> None:
    """Both protocols are one model's; probes and pages are not its work, nor are refusals its failures."""
    families = [
        answers(
            (PREDICT, "200", 5),
            (INFER, "200", 3),
            (INFER_VERSION, "200", 1),
            ("/livez", "200", 1000),
            (PREDICT, "422", 50),
            (PREDICT, "503", 2),
            (INFER, "500", 1),
            ("/readyz", "503", 1000),
        ),
        durations(
            "http_request_duration_seconds",
            ({"route": PREDICT}, 57, 0.5),
            ({"route": INFER}, 4, 0.25),
            ({"route": "/metrics"}, 1000, 1000),
        ),
        durations("queue_wait_seconds", ({}, 9, 0.125)),
        durations("inference_duration_seconds", ({}, 4, 0.0625)),
        durations("batch_rows", ({}, 4, 70)),
        CounterMetricFamily("logitserve_rows", "", value=70),
        CounterMetricFamily("other_rows", "", value=1000),
    ]
    [found] = statistics(families, "tiny", "3")["model_stats"]
    assert (found["name"], found["version"]) == ("tiny", "3")
    assert (found["inference_count"], found["execution_count"]) == (70, 4)
    told = found["inference_stats"]
    assert told["success"] == {"count": 9, "ns": 750_000_000}
    assert told["fail"] == {"count": 3, "ns": 0}
    assert told["queue"] == {"count": 9, "ns": 125_000_000}
    assert told["compute_infer"] == {"count": 4, "ns": 62_500_000}


def test_nothing_is_zero() -> None:
    """Before the first request there are no samples."""
    [found] = statistics([], "tiny", "3")["model_stats"]
    assert found["inference_count"] == found["execution_count"] == 0
    assert set(map(str, found["inference_stats"].values())) == {"{'count': 0, 'ns': 0}"}
