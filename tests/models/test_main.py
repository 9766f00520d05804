"""`python -m models`: what it prints, its exit statuses, and one line for each thing that is wrong."""

import json
from collections.abc import Callable

import pytest

from models.__main__ import main
from models.artifact import Artifact
from models.repository import CURRENT, Repository

Publish = Callable[..., Artifact]


def run(repository: Repository, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run one command on the store; return its status and what it wrote to both streams."""
    try:
        status = main([*arguments, "--store", str(repository.root)])
    except SystemExit as ended:
        status = int(str(ended.code))
    return status, *capsys.readouterr()


def test_it_lists_every_version_and_which_is_current(
    repository: Repository, publish: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    """For programs and for people; a promotion moves the mark."""
    created = publish().manifest.created.isoformat(timespec="seconds")
    publish()
    assert run(repository, capsys, "promote", "tiny", "1") == (0, "", "")
    assert repository.current("tiny") == 1
    status, out, error = run(repository, capsys, "list", "--json")
    assert (status, error) == (0, "")
    assert json.loads(out) == [
        {"name": "tiny", "version": 1, "current": True, "created": created},
        {"name": "tiny", "version": 2, "current": False, "created": created},
    ]
    assert run(repository, capsys, "list")[1] == f"tiny 1 {created} current\ntiny 2 {created}\n"


def test_what_is_broken_is_named_and_the_rest_listed(
    repository: Repository, publish: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line on stderr for the version and one for CURRENT, and status 2; neither is promoted over."""
    (publish().path / "model.pt").write_bytes(b"damaged")
    publish()
    (repository.root / "tiny" / CURRENT).write_text("latest\n")
    status, out, error = run(repository, capsys, "list")
    assert status == 2
    assert out.splitlines()[0] == "tiny 1 broken"
    assert len(out.splitlines()) == error.count("\n") == 2
    assert "CURRENT: 'latest" in error
    assert "1/model.pt: " in error
    assert run(repository, capsys, "promote", "tiny", "1")[0] == 2
    assert run(repository, capsys, "promote", "tiny", "2") == (0, "", "")
    assert repository.current("tiny") == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["promote", "tiny", "9"], "tiny/9: not in the store"),
        (["promote", "absent", "1"], "absent: not in the store"),
        (["promote", "../up", "1"], "'../up' is not a model name"),
        (["promote", "tiny", "latest"], "invalid int value: 'latest'"),
        (["promote", "tiny"], "required: version"),
        (["bake"], "invalid choice: 'bake'"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    repository: Repository,
    publish: Publish,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    """Status 2, and the store as it was."""
    publish()
    status, out, error = run(repository, capsys, *arguments)
    assert (status, out, error.count("\n")) == (2, "", 1)
    assert error.startswith("error: ")
    assert said in error
    assert repository.current("tiny") == 1


def test_a_store_that_cannot_be_written_is_status_three(
    repository: Repository, publish: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line that names the file; here a folder is in the place of CURRENT."""
    publish()
    current = repository.root / "tiny" / CURRENT
    current.unlink()
    current.mkdir()
    status, out, error = run(repository, capsys, "promote", "tiny", "1")
    assert (status, out, error.count("\n")) == (3, "", 1)
    assert error.startswith("error: ")


def test_nothing_published_is_an_empty_list(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """A store that is not there yet too."""
    assert run(repository, capsys, "list") == (0, "", "")
    assert run(repository, capsys, "list", "--json") == (0, "[]\n", "")


def test_a_tilde_is_the_home_directory(
    repository: Repository,
    publish: Publish,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where no shell has replaced it, as in `--store=~/store`."""
    publish()
    monkeypatch.setenv("HOME", str(repository.root.parent))
    assert main(["list", f"--store=~/{repository.root.name}"]) == 0
    assert capsys.readouterr().out.startswith("tiny 1 ")
