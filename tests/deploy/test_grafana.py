"""The dashboard and the composition around it, against the code that they show."""

import json
import re
from pathlib import Path

import yaml

from deploy.grafana import dashboard
from service.host.supervisor import longest_end_s
from service.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
RULES = [(DEPLOY / "prometheus" / name).read_text() for name in ("slo.yml", "drift.yml")]
CORPUS = re.findall(
    r"^\| `(logitserve_\w+)` \| (\w+)", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE
)


def expressions() -> list[str]:
    """Return every expression of the dashboard."""
    panels = json.loads(dashboard.render())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", [])]


def test_the_committed_dashboard_is_what_the_code_says() -> None:
    """dashboard.json is current; `python -m deploy.grafana.dashboard` writes it."""
    assert dashboard.FILE.read_text() == dashboard.render()


def test_every_metric_of_the_dashboard_exists() -> None:
    """Each is a metric of docs/metrics.md, with a suffix only where it is a histogram, or a recorded one."""
    known = {name for name, _ in CORPUS}
    known |= {f"{name}_bucket" for name, kind in CORPUS if kind == "histogram"}
    groups = [group for rules in RULES for group in yaml.safe_load(rules)["groups"]]
    known |= {rule["record"] for group in groups for rule in group["rules"]} | {"up"}
    for expression in expressions():
        plain = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", expression)
        used = set(re.findall(r"[a-z]+:[\w:]+|logitserve_\w+|\bup\b", plain))
        assert used, expression
        assert used <= known, expression


def test_the_dashboard_shows_each_metric() -> None:
    """Whatever the service counts can be seen, as itself or through a recorded rule."""
    shown = "\n".join([*expressions(), *RULES])
    assert [name for name, _ in CORPUS if name not in shown] == []


def test_the_composition_fits_the_service() -> None:
    """Ports, scrape target, store and grace period are those of the settings."""
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    port = defaults["port"]
    assert services["logitserve"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    scrape = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"][0]
    assert scrape["static_configs"] == [{"targets": [f"logitserve:{port}"]}]
    grace = services["logitserve"]["stop_grace_period"]
    assert float(grace.removesuffix("s")) >= longest_end_s(Settings.model_construct())
    for mount in (mount for service in services.values() for mount in service["volumes"]):
        local = mount.split(":")[0]
        assert local == "../models/store" or (DEPLOY / local).exists()
