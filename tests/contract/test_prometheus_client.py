"""The private parts of prometheus_client that service/metrics/tally.py touches."""

from prometheus_client import CollectorRegistry, Histogram

from service.metrics.tally import Tally


def test_a_tally_flushes_what_observe_would_have_counted() -> None:
    """Buckets and sum of a flushed tally equal those of single observations, edges included."""
    edges = (1.0, 2.0, 4.0)
    seen = [0.5, 1.0, 1.5, 2.0, 4.0, 9.0]
    registries = [CollectorRegistry(), CollectorRegistry()]
    one, many = (Histogram("h", "text", buckets=edges, registry=registry) for registry in registries)
    tally = Tally(edges)
    for value in seen:
        one.observe(value)
        tally.add(value)
    tally.flush(many)
    tally.flush(many)
    names = [("h_bucket", {"le": edge}) for edge in ("1.0", "2.0", "4.0", "+Inf")] + [("h_sum", {})]
    for name, labels in names:
        assert registries[0].get_sample_value(name, labels) == registries[1].get_sample_value(name, labels)
