"""Scrape configuration, rules and alerts: against promtool, the code, and a real Prometheus."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from service.metrics.buckets import SLO_S
from tests.deploy.promtool import CONFIG, promtool
from tests.deploy.watching import values, watching
from tests.e2e.running import Service, wait_for

ROOT = Path(__file__).parents[2]
RULES = [CONFIG / name for name in ("slo.yml", "drift.yml", "alerts.yml")]
TESTS = sorted(CONFIG.glob("tests.*.yml"))
METRICS_PAGE = (ROOT / "docs" / "metrics.md").read_text()
ROWS = [[1.0] * 30]


def rules() -> list[dict[str, Any]]:
    """Return every rule."""
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def test_configuration_and_rules_are_valid() -> None:
    """Promtool takes the configuration and the rule files that it names, which are all."""
    named = yaml.safe_load((CONFIG / "prometheus.yml").read_text())["rule_files"]
    assert [CONFIG / name for name in named] == RULES
    promtool("check", "config", str(CONFIG / "prometheus.yml"))


def test_each_alert_fires_stays_quiet_and_resolves() -> None:
    """The unit tests of the alerts pass, and there are some for each alert."""
    promtool("test", "rules", *map(str, TESTS))
    cases = [
        case
        for path in TESTS
        for test in yaml.safe_load(path.read_text())["tests"]
        for case in test["alert_rule_test"]
    ]
    for alert in (rule["alert"] for rule in rules() if "alert" in rule):
        fires = [bool(case["exp_alerts"]) for case in cases if case["alertname"] == alert]
        assert True in fires, alert
        assert False in fires, alert


def test_each_alert_has_its_entry_in_the_runbook() -> None:
    """The runbook has exactly one section an alert, and the alert's link leads to it."""
    sections = re.findall(r"^## (\w+)", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    alerts = {rule["alert"]: rule for rule in rules() if "alert" in rule}
    assert sorted(sections) == sorted(alerts)
    for name, alert in alerts.items():
        assert alert["annotations"]["runbook"] == f"docs/runbook.md#{name.lower()}"


def test_the_rules_use_metrics_that_exist_and_the_codes_slo() -> None:
    """No rule names a metric that the service does not have; the latency SLO is the bucket edge."""
    known = set(re.findall(r"^\| `(logitserve_\w+)`", METRICS_PAGE, re.MULTILINE))
    for rule in rules():
        for name in re.findall(r"(?<!:)\blogitserve_\w+(?=[\s{)\[]|$)", rule["expr"]):
            assert re.sub("_(bucket|count|sum)$", "", name) in known, name
        for edge in re.findall(r'le="([^"]+)"', rule["expr"]):
            assert float(edge) == SLO_S


def test_what_the_service_exposes_is_clean(service: Service) -> None:
    """`promtool check metrics` has nothing to say of a scrape."""
    assert service.predict(*ROWS).status_code == 200
    assert promtool("check", "metrics", said=service.http.get("/metrics").content) == ""


def test_a_real_prometheus_scrapes_and_evaluates(start: Callable[..., Service], tmp_path: Path) -> None:
    """With the shipped files, only faster, the SLO rules have values and nothing alerts."""
    service = start(api_servers=2)
    with watching(service, tmp_path, RULES) as query:

        def seen() -> bool:
            assert service.predict(*ROWS).status_code == 200
            return values(query("job:logitserve_slow:ratio_rate5m")) != []

        wait_for(seen, within_s=30, every_s=0.1)
        # Another group of rules, which has its own time of evaluation.
        errors = "job:logitserve_errors:ratio_rate3d"
        wait_for(lambda: values(query(errors)) == [0], within_s=30, every_s=0.1)
        assert values(query('sum(rate(logitserve_http_requests_total{route="/predict"}[1m]))'))[0] > 0
        assert values(query("instance:logitserve_pending:ratio")) != []
        assert values(query("up")) == [1]
        assert query('ALERTS{alertstate="firing"}') == []
