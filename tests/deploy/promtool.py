"""Runs promtool, Prometheus's own checker, on files and on series that a test makes."""

import json
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

CONFIG = Path(__file__).parents[2] / "deploy" / "prometheus"

Case = dict[str, Any]
Series = dict[str, str]


def promtool(*arguments: str, said: bytes = b"") -> str:
    """Run promtool, which must succeed, and return what it wrote."""
    run = subprocess.run(["promtool", *arguments], input=said, capture_output=True, check=False)
    assert run.returncode == 0, (run.stdout + run.stderr).decode()
    return (run.stdout + run.stderr).decode()


def series(metric: str, values: Iterable[float], **labels: str) -> Series:
    """Return a series as promtool takes it."""
    within = ", ".join(f"{label}={json.dumps(value)}" for label, value in labels.items())
    told = " ".join(f"{value:.17g}" for value in values)
    return {"series": f"logitserve_{metric}{{{within}}}", "values": told}


def case(expression: str, minute: int, samples: Iterable[tuple[str, float]]) -> Case:
    """Return what an expression must give at a minute: labels and values."""
    expected = [{"labels": f"{{{labels}}}", "value": value} for labels, value in samples]
    return {"expr": expression, "eval_time": f"{minute}m", "exp_samples": expected}


def near(expression: str, value: float, minute: int) -> Case:
    """Return the case of one series with this value, to six places."""
    return case(f"round(1e6 * sum({expression}))", minute, [("", round(1e6 * value))])


def check(folder: Path, lots: Sequence[Sequence[Series]], cases: Sequence[Case], minutes: int) -> None:
    """Evaluate drift.yml and alerts.yml on each lot of series, scraped and judged every so many minutes."""
    each = {"interval": f"{minutes}m", "promql_expr_test": cases}
    suite = {
        "rule_files": [str(CONFIG / "drift.yml"), str(CONFIG / "alerts.yml")],
        "evaluation_interval": f"{minutes}m",
        "group_eval_order": ["logitserve-drift-record", "logitserve-feedback-record", "logitserve-drift"],
        "tests": [each | {"input_series": lot} for lot in lots],
    }
    file = folder / "tests.json"
    file.write_text(json.dumps(suite))
    promtool("test", "rules", str(file))
