"""`python -m models`: what it prints, its exit statuses, and one line for each thing that is wrong."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from models.__main__ import main
from models.artifact import Artifact
from models.repository import CURRENT, Repository
from tests.models.verdicts import rejected

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
    repository.judge(rejected(publish()))
    assert run(repository, capsys, "promote", "tiny", "1") == (0, "tiny 1 is current\n", "")
    assert repository.current("tiny") == 1
    status, out, error = run(repository, capsys, "list", "--json")
    assert (status, error) == (0, "")
    artifacts = [repository.resolve("tiny", version) for version in (1, 2)]
    metrics = artifacts[0].manifest.metrics["test"]
    assert metrics is not None
    assert json.loads(out) == [
        {
            "name": "tiny",
            "version": version,
            "current": version == 1,
            "created": created,
            "digest": artifact.digest,
            "test_log_loss": metrics.log_loss,
            "gate": gate,
            "key_id": None,
        }
        for version, artifact, gate in zip((1, 2), artifacts, (None, "rejected"), strict=True)
    ]
    assert run(repository, capsys, "list")[1].splitlines() == [
        "MODEL  VERSION  STATE    CREATED                    TEST LOG-LOSS  GATE      KEY",
        f"tiny         1  current  {created}         {metrics.log_loss:.4f}  -         -",
        f"tiny         2           {created}         {metrics.log_loss:.4f}  rejected  -",
    ]


def test_a_model_that_was_never_promoted_is_listed(
    repository: Repository, publish: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    """And verified; what to do with a version that waits, one must be able to see it."""
    publish()
    (repository.root / "tiny" / CURRENT).unlink()
    [told] = json.loads(run(repository, capsys, "list", "--json")[1])
    assert (told["version"], told["current"]) == (1, False)
    assert run(repository, capsys, "verify")[0] == 0


def test_what_is_broken_is_named_and_the_rest_listed(
    repository: Repository, publish: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line on stderr for the version and one for CURRENT, and status 2; neither is promoted over."""
    (publish().path / "model.pt").write_bytes(b"damaged")
    publish()
    (repository.root / "tiny" / CURRENT).write_text("latest\n")
    status, out, error = run(repository, capsys, "list")
    assert status == 2
    assert out.splitlines()[1].split() == ["tiny", "1", "BROKEN", "-", "-", "-", "-"]
    assert len(out.splitlines()) == 3
    assert error.count("\n") == 2
    assert "CURRENT: 'latest" in error
    assert "1/model.pt: " in error
    assert run(repository, capsys, "promote", "tiny", "1")[0] == 2
    assert run(repository, capsys, "promote", "tiny", "2")[0] == 0
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
        (["show", "tiny", "9"], "tiny/9: not in the store"),
        (["verify", "absent"], "absent: not in the store"),
        (["verify", "--trusted-keys", "/no/keys"], "/no/keys: No such file or directory"),
        (["rollback", "tiny"], "tiny/promotion.json: tells of no version before 1"),
        (["prune", "tiny"], "required: --keep"),
        (["prune", "tiny", "--keep", "0"], "'0' is not a number from 1 on"),
        (["sign", "tiny", "1", "--key", "/no/key"], "/no/key: No such file or directory"),
        (["sign", "tiny", "1"], "required: --key"),
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
    assert "\ntiny " in capsys.readouterr().out


def test_show_says_what_a_version_is(
    repository: Repository, publish: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    """For people a few tables, for programs the manifest and what lies beside the version."""
    artifact = publish()
    manifest = artifact.manifest
    publish()
    repository.judge(rejected(artifact))
    status, out, error = run(repository, capsys, "show", "tiny", "1")
    assert (status, error) == (0, "")
    lines = out.splitlines()
    for start, end in (
        ("model", "tiny 1"),
        ("classes", ", ".join(manifest.classes)),
        ("digest", artifact.digest),
        ("signature", "none"),
        ("gate", "rejected: worse than version 1"),
        ("model.pt", manifest.files["model.pt"].sha256),
    ):
        assert [line for line in lines if line.startswith(f"{start} ") and line.endswith(end)], start
    for item in manifest.inputs:
        assert [line for line in lines if line.startswith(item.name) and item.kind in line], item.name
    assert any(line.startswith("log_loss ") and " to " in line for line in lines)
    document = json.loads(run(repository, capsys, "show", "tiny", "1", "--json")[1])
    assert document["manifest"] == json.loads(artifact.read_manifest())
    assert document["gate"]["reason"] == "worse than version 1"
    assert (document["current"], document["signature"]) == (False, None)
    assert json.loads(run(repository, capsys, "show", "tiny", "--json")[1])["version"] == 2


def test_verify_names_each_version_that_is_broken(
    repository: Repository, publish: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the store, of a model, or the one that is asked for; status 2 when any is."""
    publish()
    assert run(repository, capsys, "verify")[0] == 0
    (publish().path / "model.pt").write_bytes(b"damaged")
    for named, status in (([], 2), (["tiny"], 2), (["tiny", "1"], 0), (["tiny", "2"], 2)):
        found, out, error = run(repository, capsys, "verify", *named)
        assert found == status
        assert ("tiny/2/model.pt: " in error) == ("BROKEN" in out) == (status == 2)
    told = json.loads(run(repository, capsys, "verify", "--json")[1])
    assert [(each["version"], each["good"]) for each in told] == [(1, True), (2, False)]
    assert "model.pt" in told[1]["error"]
    (repository.root / "tiny" / CURRENT).write_text("3\n")
    assert run(repository, capsys, "verify", "tiny", "1")[0] == 0
    assert "CURRENT: names version 3, which is missing" in run(repository, capsys, "verify")[2]


def test_rollbacks_walk_back(
    repository: Repository, publish: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each to what was current before, until nothing is known to have been."""
    for _ in range(3):
        publish()
    assert run(repository, capsys, "rollback", "tiny") == (0, "tiny 2 is current\n", "")
    told = json.loads(run(repository, capsys, "rollback", "tiny", "--json")[1])
    assert told == {"name": "tiny", "version": 1, "digest": repository.resolve("tiny").digest}
    assert run(repository, capsys, "rollback", "tiny")[0] == 2
    assert repository.current("tiny") == 1


def test_keys_are_made_and_versions_signed(
    repository: Repository, publish: Publish, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line that keygen prints is one of the file of trusted keys; the unsigned is then not promoted."""
    publish(), publish()
    key, trusted = tmp_path / "release.pem", tmp_path / "trusted-keys.txt"
    assert main(["keygen", str(key)]) == 0
    line = capsys.readouterr().out
    assert line.startswith("release:")
    assert line.count("\n") == 1
    trusted.write_text(line)
    assert key.stat().st_mode & 0o777 == 0o600
    before = key.read_bytes()
    assert main(["keygen", str(key)]) == 2
    assert "release.pem: is there already" in capsys.readouterr().err
    assert key.read_bytes() == before
    assert main(["keygen", str(tmp_path / "absent" / "key.pem")]) == 3
    assert capsys.readouterr().err.count("\n") == 1

    checked = ("--trusted-keys", str(trusted))
    refused = run(repository, capsys, "promote", "tiny", "1", *checked)
    assert (refused[0], refused[1]) == (2, "")
    assert "tiny/1.sig: missing, the version is not signed" in refused[2]
    assert repository.current("tiny") == 2
    status, out, _ = run(repository, capsys, "sign", "tiny", "1", "--key", str(key))
    assert status == 0
    assert line.split()[-1] in out
    assert run(repository, capsys, "promote", "tiny", "1", *checked)[0] == 0
    told = json.loads(run(repository, capsys, "verify", *checked, "--json")[1])
    assert [(each["version"], each["signed_by"]) for each in told] == [(1, "release"), (2, None)]
    shown = json.loads(run(repository, capsys, "show", "tiny", "1", "--json", *checked)[1])
    assert shown["signature"]["trusted_as"] == "release"
    assert "not checked" in run(repository, capsys, "show", "tiny", "1")[1]
    (repository.root / "tiny" / "2.sig").write_text("{")
    status, out, error = run(repository, capsys, "list")
    assert status == 2
    assert "tiny/2.sig: not a signature" in error
    assert "BROKEN" not in out


def test_prune_says_what_it_removed(
    repository: Repository, publish: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what it kept."""
    for _ in range(4):
        publish()
    assert run(repository, capsys, "prune", "tiny", "--keep", "3") == (
        0,
        "tiny: removed 1; kept 2, 3, 4\n",
        "",
    )
    told = json.loads(run(repository, capsys, "prune", "tiny", "--keep", "1", "--json")[1])
    assert told == {"name": "tiny", "removed": [2], "kept": [3, 4], "leftovers": []}


def test_a_manifest_does_not_write_to_the_terminal(
    repository: Repository, publish: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is not printable in a name is escaped."""
    first, *others = publish().manifest.inputs
    publish(inputs=(first.model_copy(update={"name": "area\x1b[2J\nmodel  other"}), *others))
    out = run(repository, capsys, "show", "tiny", "2")[1]
    assert "\x1b" not in out
    assert r"area\x1b[2J\nmodel  other" in out


def test_a_version_of_format_1_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """It says less."""
    store = str(Path(__file__).with_name("format1"))
    assert main(["list", "--store", store]) == main(["verify", "--store", store]) == 0
    assert main(["show", "toy", "--store", store]) == 0
    assert "signature    none" in capsys.readouterr().out


def test_what_all_commands_take_stands_before_or_behind_them(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """Behind the command it holds, if both are there."""
    store = str(repository.root)
    assert main(["list", "--store", store, "--json"]) == 0
    said = capsys.readouterr().out
    for arguments in (
        ["--store", store, "--json", "list"],
        ["--store", "/nowhere", "list", "--store", store, "--json"],
    ):
        assert main(arguments) == 0
        assert capsys.readouterr().out == said
