"""The page on deployment gives a container the time that the service may take to end."""

import re
from pathlib import Path

from service.host.supervisor import longest_end_s
from service.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "deploy.md").read_text()


def test_the_grace_periods_are_longer_than_the_longest_end() -> None:
    """By the default settings, which the page adds up; the manifests refer to its sum."""
    longest_s = longest_end_s(Settings.model_construct())
    [stop_timeout] = re.findall(r"--stop-timeout (\d+)", PAGE)
    [grace] = re.findall(r"^\| grace (\d+) s", PAGE, re.MULTILINE)
    assert stop_timeout == grace
    assert longest_s <= int(grace)
    [parts] = re.findall(rf"longest end, which is {longest_s:g} s: (.*?)\.\s+With another", PAGE, re.DOTALL)
    assert sum(map(float, re.findall(r"[\d.]+", parts))) == longest_s
    for path in ("compose.yaml", "kubernetes/base/deployment.yaml"):
        assert f"the longest end, {longest_s:g} s: docs/deploy.md" in (ROOT / "deploy" / path).read_text()
