"""The Grafana dashboard as code; `python -m deploy.grafana.dashboard` writes dashboard.json beside it.

Knows nothing of Grafana's JSON, which the SDK writes, nor of where Prometheus is: the dashboard asks.
"""

from pathlib import Path

from grafana_foundation_sdk.builders import dashboard, heatmap, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

FILE = Path(__file__).with_name("dashboard.json")
SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
ROUTES = 'route=~"(/models/.+)?/predict|/v2/.+/infer"'
HEIGHT, HALF, THIRD = 7, 12, 8
"""In cells of Grafana's grid, which is 24 wide."""

Query = tuple[str, str]
"""An expression, and what its series are called."""
Panel = stat.Panel | timeseries.Panel | heatmap.Panel


def rate(metric: str, by: str = "", where: str = "") -> str:
    """Return the expression of a counter's rate over all instances, summed by the labels `by`."""
    selector = f"{{{where}}}" if where else ""
    grouped = f"sum by ({by})" if by else "sum"
    return f"{grouped} (rate(logitserve_{metric}{selector}[$__rate_interval]))"


def quantile(share: float, metric: str, where: str = "") -> str:
    """Return the expression of a histogram's quantile over all instances and models."""
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket', 'le', where)})"


def graph(title: str, unit: str, *queries: Query) -> timeseries.Panel:
    """Return a panel of lines over time."""
    panel = timeseries.Panel().title(title).unit(unit).datasource(SOURCE).height(HEIGHT).span(HALF).min(0)
    for expression, legend in queries:
        panel.with_target(prometheus.Dataquery().expr(expression).legend_format(legend))
    return panel


def number(title: str, unit: str, expression: str) -> stat.Panel:
    """Return a panel of one present figure."""
    panel = stat.Panel().title(title).unit(unit).datasource(SOURCE).height(4).span(THIRD)
    return panel.with_target(prometheus.Dataquery().expr(expression).instant())


def heat(title: str, metric: str, unit: str, where: str = "") -> heatmap.Panel:
    """Return a panel of a histogram over time."""
    query = prometheus.Dataquery().expr(rate(f"{metric}_bucket", "le", where)).legend_format("{{le}}")
    panel = heatmap.Panel().title(title).datasource(SOURCE).height(HEIGHT).span(HALF).unit(unit)
    return panel.with_target(query.format(PromQueryFormat.HEATMAP))


def slo() -> list[Panel]:
    """Return the panels of the SLOs: what is left of them, and how fast they burn."""
    burn = [(f"job:logitserve_errors:ratio_rate{window} / 0.001", window) for window in ("1h", "6h", "3d")]
    slow = [(f"job:logitserve_slow:ratio_rate{window} / 0.01", window) for window in ("1h", "6h", "3d")]
    return [
        number("Good answers, 3 days (SLO 99.9 %)", "percentunit", "1 - job:logitserve_errors:ratio_rate3d"),
        number("Within 10 ms, 3 days (SLO 99 %)", "percentunit", "1 - job:logitserve_slow:ratio_rate3d"),
        number("Predictions a second", "reqps", rate("http_requests_total", where=ROUTES)),
        graph("Error budget burn (1 = lasts 30 days)", "none", *burn),
        graph("Latency budget burn (1 = lasts 30 days)", "none", *slow),
    ]


def traffic() -> list[Panel]:
    """Return the panels of requests and their answers."""
    share = [(quantile(q, "http_request_duration_seconds", ROUTES), f"p{q * 100:g}") for q in (0.5, 0.99)]
    return [
        graph("Answers by status", "reqps", (rate("http_requests_total", "code"), "{{code}}")),
        graph(
            "Refused and abandoned",
            "reqps",
            (rate("rejected_total", "reason"), "{{reason}}"),
            (rate("cancelled_total"), "client left"),
        ),
        heat("Latency of predictions", "http_request_duration_seconds", "s", ROUTES),
        graph("Latency of predictions", "s", *share),
    ]


def batches() -> list[Panel]:
    """Return the panels of the queue and of what leaves it."""
    return [
        graph(
            "Pending requests",
            "none",
            ("sum by (instance) (logitserve_pending_requests)", "{{instance}}"),
            ("min(logitserve_pending_limit)", "limit of an instance"),
        ),
        graph(
            "Waiting and computing, p99",
            "s",
            (quantile(0.99, "queue_wait_seconds"), "queue wait"),
            (quantile(0.99, "inference_duration_seconds"), "model"),
        ),
        heat("Rows in a call of the model", "batch_rows", "none"),
        graph(
            "Rows scored, by version", "cps", (rate("rows_total", "model, version"), "{{model}} {{version}}")
        ),
    ]


def models() -> list[Panel]:
    """Return the panels of what is served, what it says, and whether its processes live."""
    info = "count by (model, version, device, torch) (logitserve_model_info)"
    return [
        graph("Versions served, by instances", "none", (info, "{{model}} {{version}} {{device}} {{torch}}")),
        graph(
            "Requests by version",
            "reqps",
            (rate("model_requests_total", "model, version, outcome"), "{{model}} {{version}} {{outcome}}"),
        ),
        graph(
            "Predictions by label",
            "cps",
            (rate("predictions_total", "model, version, label"), "{{model}} {{version}}: {{label}}"),
        ),
        graph(
            "Text that training did not see",
            "cps",
            (rate("unseen_categories_total", "model, version, input"), "{{model}} {{version}}: {{input}}"),
        ),
        graph("Workers ready", "none", ("sum by (instance) (logitserve_worker_up)", "{{instance}}")),
        graph(
            "Workers started anew and models loaded, in 10 minutes",
            "none",
            ("sum by (reason) (increase(logitserve_worker_restarts_total[10m]))", "restart: {{reason}}"),
            (
                'sum by (result) (increase(logitserve_model_loads_total{result=~"ok|failed"}[10m]))',
                "load: {{result}}",
            ),
        ),
        graph(
            "Versions refused since the start",  # `increase` does not see a series begin
            "none",
            ('sum by (result) (logitserve_model_loads_total{result!~"ok|failed"})', "{{result}}"),
        ),
        number(
            "Last load or change of version",
            "dateTimeFromNow",
            "1000 * max(logitserve_model_load_timestamp_seconds)",
        ),
        number("Instances scraped", "none", 'sum(up{job="logitserve"})'),
        number("Services that count", "none", "count(logitserve_instance_info)"),
        number("Metric files skipped", "none", "sum(logitserve_metric_files_skipped)"),
        number("Log lines dropped", "none", "sum(logitserve_log_dropped_total)"),
    ]


def drift() -> list[Panel]:
    """Return the panels of what comes in beside what the models learnt from."""
    psi, bound = (f'column:logitserve_drift_{name}{{window="1h"}}' for name in ("psi", "bound"))
    day = psi.replace("1h", "1d"), bound.replace("1h", "1d")
    apart = 'bin:logitserve_drift_share{window="1h", kind="input", bin=~"below|above|missing|unseen"}'
    column = "{{model}} {{version}} {{kind}} {{column}}"
    one_bin = "{{model}} {{version}} {{column}}: {{bin}}"
    return [
        graph(
            "PSI of the worst columns, 1 hour",
            "none",
            (f"topk(5, {psi})", column),
            (f"{bound} and topk(5, {psi})", f"bound of {column}"),
        ),
        graph(
            "PSI over its bound, the worst columns (above 1: no chance)",
            "none",
            (f"topk(5, {psi} / {bound})", f"{column}, 1 hour"),
            (f"topk(5, {' / '.join(day)})", f"{column}, 1 day"),
        ),
        graph("Outside of training, missing, unseen, 1 hour", "percentunit", (f"topk(10, {apart})", one_bin)),
        graph(
            "Shares beyond their own bound",
            "percentunit",
            ("bin:logitserve_drift_more:share", f"more {one_bin}, {{{{window}}}}"),
            ("bin:logitserve_drift_gone:share", f"gone {one_bin}, {{{{window}}}}"),
        ),
        graph(
            "Rows scored, and looked at",
            "cps",
            (rate("rows_total", "model, version"), "scored {{model}} {{version}}"),
            (rate("drift_sampled_rows_total", "model, version"), "looked at {{model}} {{version}}"),
        ),
        graph(
            "Cells refused, and outside of training's range",
            "cps",
            (
                rate("drift_refused_inputs_total", "model, version, column, reason"),
                "{{model}} {{version}} {{column}}: refused, {{reason}}",
            ),
            (
                rate("drift_outside_total", "model, version, column, side"),
                "{{model}} {{version}} {{column}}: {{side}}",
            ),
        ),
    ]


def feedback() -> list[Panel]:
    """Return the panels of what true labels say of the answers, a day's worth, and of how they come."""
    of_class = "{{model}} {{version}} {{class}}"
    losses = [
        (
            f"model:logitserve_{source}_{loss}:1d",
            f"{loss.replace('_', '-')} {said} {{{{model}}}} {{{{version}}}}",
        )
        for loss in ("log_loss", "brier")
        for source, said in (("feedback", "by labels"), ("expected", "expected"))
    ]
    pairs = "model, version, predicted, actual"
    pair = "{{model}} {{version}}: {{predicted}}, {{actual}}"
    return [
        graph("AUC, 1 day", "none", ("class:logitserve_feedback_auc:1d", of_class)),
        graph("Expected calibration error, 1 day", "none", ("class:logitserve_feedback_ece:1d", of_class)),
        graph(
            "Slope of outcome on probability, 1 day", "none", ("class:logitserve_feedback_slope:1d", of_class)
        ),
        graph("Log-loss and Brier score, by labels and expected, 1 day", "none", *losses),
        graph("Labels taken, by label said and true one", "cps", (rate("feedback_total", pairs), pair)),
        graph("The same, expected of all rows", "cps", (rate("expected_confusion_total", pairs), pair)),
        graph(
            "Tokens that came, rows and labels that could not be kept",
            "cps",
            (rate("feedback_tokens_total", "outcome"), "{{outcome}}"),
            (rate("capture_dropped_total", "kind"), "dropped: {{kind}}"),
        ),
        graph(
            "From answer to label",
            "s",
            *((quantile(q, "feedback_delay_seconds"), f"p{q * 100:g}") for q in (0.5, 0.99)),
        ),
    ]


def render() -> str:
    """Return the dashboard as JSON."""
    board = dashboard.Dashboard("logitserve").uid("logitserve").tags(["logitserve"]).refresh("10s")
    board.time("now-1h", "now").timezone("browser").readonly()
    board.with_variable(dashboard.DatasourceVariable("source").label("Prometheus").type("prometheus"))
    rows = {
        "SLO and burn": slo(),
        "Rate, errors, latency": traffic(),
        "Queue and batches": batches(),
        "Models and processes": models(),
        "Drift": drift(),
        "Feedback": feedback(),
    }
    for title, panels in rows.items():
        board.with_row(dashboard.Row(title))
        for panel in panels:
            board.with_panel(panel)
    return JSONEncoder(sort_keys=True, indent=2).encode(board.build()) + "\n"


if __name__ == "__main__":
    FILE.write_text(render())
