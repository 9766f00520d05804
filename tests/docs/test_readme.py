"""The README is executed: its request, its clients, its commands."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import service as package
import training
from tests.e2e.running import Service

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "models/README.md",
    *(ROOT / "docs").glob("*.md"),
]


def blocks(language: str) -> list[str]:
    """Return the README's code blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_first_request_prints_the_answer_shown(service: Service) -> None:
    """The curl command gives the answer below it, but for float32's last digits on another CPU."""
    [command] = [block for block in blocks("sh") if block.startswith("curl")]
    [shown] = map(json.loads, blocks("json"))
    run = subprocess.run(
        ["sh", "-c", command.replace("http://127.0.0.1:8000", service.url)],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(run.stdout)
    expected = shown["predictions"][0].pop("probabilities")
    assert found["predictions"][0].pop("probabilities") == pytest.approx(expected, abs=1e-5)
    assert found == shown


def test_the_clients_print_what_they_should(service: Service) -> None:
    """The Python examples, by name and through tritonclient, run as they are."""
    printed = []
    for block in blocks("python"):
        code = block.replace("127.0.0.1:8000", f"127.0.0.1:{service.port}")
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        printed.append(run.stdout)
    by_name, triton = printed
    assert re.fullmatch(r"(benign|malignant) -?\d+\.\d+(e-\d+)?\n", by_name)
    assert triton.startswith("(256, 2) [b'")


def test_every_make_target_named_in_a_page_exists() -> None:
    """A page names no command that `make` does not know."""
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        named = set(re.findall(r"\bmake ([a-z][a-z-]+)\b(?=[` \n#]|$)", page.read_text()))
        commands = {
            name
            for name in named
            if f"`make {name}" in page.read_text() or f"\nmake {name}" in page.read_text()
        }
        assert commands <= targets, page.name


def test_version_and_changelog_agree() -> None:
    """The package, the project file and the newest entry of the changelog say the same version."""
    with (ROOT / "pyproject.toml").open("rb") as stream:
        declared = tomllib.load(stream)["project"]["version"]
    [newest, *_] = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert package.__version__ == training.__version__ == declared == newest


def test_make_alone_prints_every_documented_target() -> None:
    """`make` lists each target with a sentence."""
    printed = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True).stdout
    for target in ("setup", "serve", "train", "test", "test-slow", "check", "bench"):
        assert re.search(rf"^make {target} +\S", printed, re.MULTILINE)
