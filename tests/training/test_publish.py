"""What a version says of itself, and when a run has nothing new to say."""

import json
import os
from pathlib import Path

import pytest

from models.repository import Artifact, Repository
from training import fitted, pipeline, publish
from training.config import Config
from training.errors import PublishError
from training.pipeline import Trained
from training.prepare import Prepared, prepare
from training.progress import Bar
from training.ranks import Ranks


def trained(config: Config) -> tuple[Prepared, Trained]:
    bar = Bar(quiet=True)
    prepared = prepare(config, bar)
    return prepared, pipeline.train(config, prepared, fitted.find(config, prepared, bar, Ranks()), bar)


def published(config: Config, **changes: object) -> Artifact | None:
    changed = config.model_copy(update=changes)
    found = publish.publish(changed, ["--data", changed.data, "--name", "it's"], *trained(changed))
    return found and found[0]


def test_a_run_publishes_a_verified_version(toy: Config) -> None:
    """The store resolves what was published, with its settings, rows, metrics and examples."""
    given = published(toy, threshold="0.45", penalty=2.0)
    found = Repository(toy.store).resolve("toy")
    manifest = found.manifest
    assert found == given
    assert (manifest.schema_version, manifest.name, manifest.version) == (2, "toy", 1)
    assert (manifest.classes, manifest.positive) == (("0", "1"), "1")
    assert [item.name for item in manifest.inputs] == ["x1", "x2"]
    assert (manifest.threshold.value, manifest.threshold.rule) == (0.45, "given")
    assert (manifest.data.source, manifest.data.target, manifest.data.split.seed) == ("toy", "class", 0)
    assert manifest.data.rows == {"train": 60, "validation": 20, "test": 20}
    assert (manifest.fit.solver, manifest.fit.penalty, manifest.fit.converged) == ("newton", 2.0, True)
    assert manifest.metrics.keys() == {"train", "validation", "test"}
    assert all(each.accuracy == 1 and each.baseline_accuracy == 0.5 for each in manifest.metrics.values())
    assert {round(example.probabilities[1]) for example in manifest.golden} == {0, 1}
    assert manifest.invariant


def test_a_version_says_how_it_was_made(toy: Config) -> None:
    """The command for a shell, every option that shapes a version, the libraries and the machine."""
    manifest = published(toy, units={"x1": "mm"}).manifest
    assert manifest.command == """python -m training --data toy --name 'it'"'"'s'"""
    assert manifest.options.keys() == Config.model_fields.keys() - publish.NO_OPTIONS
    assert (manifest.options["units"], manifest.options["penalty"]) == ({"x1": "mm"}, 1.0)
    assert manifest.environment.libraries.keys() == {"python", "torch", "numpy", "safetensors"}
    assert manifest.environment.device == "cpu"
    assert manifest.environment.threads
    assert manifest.environment.cpu


@pytest.mark.parametrize("solver", ["auto", "lbfgs", "sgd"])
def test_a_penalty_may_be_chosen(tmp_path: Path, solver: str) -> None:
    """The version has the one that did best, whoever fits with it, and tells of the others."""
    config = Config(store=tmp_path, device="cpu", penalty="auto", solver=solver, epochs=3)
    manifest = published(config).manifest
    fit = manifest.fit
    assert manifest.options["penalty"] == "auto"
    assert fit.choice is not None
    assert (fit.choice.rows, fit.choice.folds, len(fit.choice.path)) == (manifest.data.rows["train"], 5, 17)
    assert fit.penalty == min(fit.choice.path, key=lambda tried: tried.log_loss).penalty
    assert fit.solver == ("newton" if solver == "auto" else solver)
    assert Repository(tmp_path).resolve("breast-cancer").manifest == manifest


def test_a_choice_at_the_end_of_what_was_tried_is_a_warning(toy: Config) -> None:
    """In what charts are drawn from, too: no penalty is too weak for rows that a line parts."""
    found = published(toy, penalty="auto")
    [said] = json.loads(found.read("evaluation.json"))["warnings"]
    assert said.startswith("--penalty auto took 10000, the weakest that it tries")


def test_the_same_again_is_nothing_new(toy: Config) -> None:
    """A second run publishes no version, and --force does."""
    assert published(toy).manifest.version == 1
    assert published(toy) is None
    assert Repository(toy.store).versions("toy") == [1]
    assert published(toy, force=True).manifest.version == 2
    assert Repository(toy.store).current("toy") == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": "0.4"},
        {"units": {"x1": "mm"}},
        {"positive": "0"},
        {"abstain": "0.4:0.6"},
        {"penalty": 2.0},
        {"seed": 1},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_a_reader_would_see_is_new(toy: Config, changes: dict[str, object]) -> None:
    """Other weights, and another unit, threshold or band with the same weights, are another version."""
    published(toy)
    assert published(toy, **changes).manifest.version == 2


def test_new_is_what_current_does_not_serve(toy: Config) -> None:
    """After a rollback the served version is the older one, and the newer's weights are new again."""
    published(toy)
    published(toy, penalty=2.0)
    Repository(toy.store).promote("toy", 1)
    assert published(toy) is None
    assert published(toy, penalty=2.0).manifest.version == 3


def test_a_broken_version_is_replaced(toy: Config) -> None:
    """What a service would refuse does not count as the same."""
    first = published(toy)
    (first.path / "model.safetensors").write_bytes(b"broken")
    assert published(toy).manifest.version == 2
    repository = Repository(toy.store)
    assert repository.resolve("toy").manifest.version == 2
    verdict = repository.verdict("toy", 2)
    assert (verdict.verdict, verdict.champion, verdict.comparison) == ("undecided", 1, None)
    assert verdict.reason.startswith(
        f"version 1 cannot be scored: {first.path / 'model.safetensors'}: 6 bytes"
    )


def test_a_broken_current_is_replaced(toy: Config) -> None:
    """There is nothing to compare with, which the verdict says."""
    published(toy)
    (toy.store / "toy" / "CURRENT").write_text("latest\n")
    assert published(toy).manifest.version == 2
    repository = Repository(toy.store)
    assert repository.current("toy") == 2
    verdict = repository.verdict("toy", 2)
    assert (verdict.verdict, verdict.champion) == ("undecided", None)
    assert "'latest\\n' is not a version" in verdict.reason


def test_a_store_that_cannot_be_written_is_one_line(toy: Config) -> None:
    """A path that is a file is named, and nothing else is made."""
    toy.store.write_text("not a directory")
    with pytest.raises(PublishError, match=str(toy.store)) as caught:
        published(toy)
    assert caught.value.exit_code == 3
    assert os.listdir(toy.store.parent) == ["store"]  # noqa: PTH208 - the names are what is compared


def test_a_folder_that_is_read_only_is_one_line(toy: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system says of it, and the path."""

    def refuse(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    both = trained(toy)
    monkeypatch.setattr(Path, "mkdir", refuse)  # root may write anywhere
    with pytest.raises(PublishError, match=f"^{toy.store}.*: Permission denied$"):
        publish.publish(toy, [], *both)
