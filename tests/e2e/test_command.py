"""The installed command, started where folders are named like its packages."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from service import __version__
from tests.e2e.running import Service
from training.__main__ import main

ROOT = Path(__file__).parents[2]
SHADOWS = (
    "models",
    "service",
    "training",
    "torch",
    "litserve",
    "json",
    "logging",
    "multiprocessing",
    "numpy",
)
MODULES = ("pydantic", "uvicorn", "socket", "pyarrow", "rich", "fastapi", "subprocess", "tempfile")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout and unpacked, and a script like the one that pip makes of it."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--disable-pip-version-check",
    ]
    find = ["--find-links", str(folder)]
    subprocess.run([*build, "--no-build-isolation", *find, "--wheel-dir", str(folder), str(ROOT)], check=True)
    [wheel] = folder.glob("*.whl")
    with ZipFile(wheel) as archive:
        assert not [
            name for name in archive.namelist() if name.startswith(("tests/", "deploy/", "models/store"))
        ]
        assert {"training/documents/report.html.j2", "service/ui/index.html"} <= set(archive.namelist())
        archive.extractall(folder / "site")
    script = folder / "bin" / "logitserve"
    script.parent.mkdir()
    script.write_text(
        "import sys\nfrom logitserve import main\nif __name__ == '__main__':\n    sys.exit(main())\n"
    )
    return script


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a version of the toy model."""
    root = tmp_path_factory.mktemp("trained") / "store"
    assert main(["--data", "toy", "--store", str(root)]) == 0
    return root


@pytest.fixture
def crowded(tmp_path: Path, installed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory full of folders and files that must not be imported."""
    for name in SHADOWS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(
            f"raise ImportError('{name} of the working directory')\n"
        )
    for name in MODULES:
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('{name}.py of the working directory')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(installed.parents[1] / "site"))
    return tmp_path


def run(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("before", ["", ":", ".:", "/nowhere::"])
def test_it_trains_lists_promotes_and_serves_in_a_crowded_directory(
    installed: Path, crowded: Path, trained: Path, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    """Nothing of the working directory is imported, by any of its processes; the store lies there.

    Nor when PYTHONPATH has an empty entry, which means the working directory.
    """
    monkeypatch.setenv("PYTHONPATH", before + os.environ["PYTHONPATH"])
    shutil.copytree(trained, "models/store")
    renewed = run(installed, "train", "--data", "toy", "--force")
    assert renewed.returncode == 0, renewed.stderr
    assert run(installed, "models", "promote", "toy", "1").returncode == 0
    listed = json.loads(run(installed, "models", "list", "--json").stdout)
    assert [(each["name"], each["version"], each["current"]) for each in listed] == [
        ("toy", 1, True),
        ("toy", 2, False),
    ]
    service = Service(
        crowded / "models" / "store", crowded / "log", {}, None, command=(str(installed), "serve")
    )
    try:
        service.wait_ready()
        assert service.predict([1.0, 2.0]).json()["version"] == "1"
        assert service.stop() == 0
    finally:
        service.close()


def test_it_says_its_version_and_what_it_can(installed: Path, crowded: Path) -> None:  # noqa: ARG001 - where it runs
    """And status 2 for what it cannot."""
    assert run(installed, "--version").stdout == f"logitserve {__version__}\n"
    assert all(
        f"logitserve {name}" in run(installed, "--help").stdout for name in ("serve", "train", "models")
    )
    for name in ("serve", "train", "models"):
        assert run(installed, name, "--help").stdout.startswith(f"usage: logitserve {name} ")
    assert run(installed, "train", "--penalty").stderr.endswith("see logitserve train --help\n")
    for name in ("serve", "train"):
        assert run(installed, name, "--version").stdout == f"logitserve {__version__}\n"
    unknown = run(installed, "bake")
    assert unknown.returncode == 2
    assert "usage:" in unknown.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["promote", "absent", "1"], 2, "absent"),
        (["promote", "../up", "1"], 2, "not a model name"),
        (["list", "--store", "nowhere"], 0, ""),
    ],
)
def test_what_is_not_in_the_store_is_one_line(
    installed: Path,
    crowded: Path,  # noqa: ARG001 - where it runs
    arguments: list[str],
    status: int,
    said: str,
) -> None:
    """It names the model."""
    found = run(installed, "models", *arguments)
    assert found.returncode == status
    assert said in found.stderr
    assert found.stderr.count("\n") == (status != 0)


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", None])
def test_a_terminal_that_lacks_letters_gets_their_numbers(
    installed: Path, crowded: Path, monkeypatch: pytest.MonkeyPatch, encoding: str | None
) -> None:
    """Training publishes and reports in any locale, the one of no language too."""
    rows = [f"{number % 7},{'ja 猫' if number % 2 else 'no 🍎'}" for number in range(60)]
    (crowded / "cats.csv").write_text("\n".join(["größe,tier", *rows]), encoding="utf-8")
    for name, value in {
        "LC_ALL": "C",
        "PYTHONIOENCODING": encoding,
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    }.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    command = [sys.executable, str(installed), "train", "--data", "cats.csv", "--target", "tier"]
    found = subprocess.run(command, capture_output=True, check=False, env=os.environ)
    assert found.returncode == 0, found.stderr
    assert b"\\u732b" in found.stdout


@pytest.mark.parametrize("nothing", [":", ".:", "::"])
def test_a_path_of_empty_entries_alone_is_none(
    installed: Path, crowded: Path, monkeypatch: pytest.MonkeyPatch, nothing: str
) -> None:
    """Each of them means the working directory too."""
    code = "import sys; sys.path.append(sys.argv.pop(1)); import logitserve; sys.exit(logitserve.main())"
    site = str(installed.parents[1] / "site")  # after the path's entries, as in an environment
    monkeypatch.setenv("PYTHONPATH", nothing)
    command = [sys.executable, "-P", "-c", code, site, "--version"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, f"logitserve {__version__}\n"), (found.stderr, crowded)
