"""The stages together: in which order they decide, and that what is served is what was measured."""

import io
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch

from models import weights
from models.decision import Decision
from models.encode import Encoder, by_column
from models.manifest import Manifest
from models.repository import Repository
from training import fitted, pipeline
from training.__main__ import main
from training.config import Config, load
from training.errors import SettingError
from training.pipeline import Trained
from training.prepare import Prepared, prepare
from training.progress import Bar
from training.ranks import Ranks

TABLES = Path(__file__).with_name("tables")


@pytest.fixture(scope="module")
def churn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of 1,500 customers with numbers, gaps, text and truths, of whom a fifth leave."""
    draw = np.random.default_rng(4)
    rows = 1500
    months, calls = draw.integers(1, 60, rows), draw.poisson(2, rows)
    plan, paper = draw.choice(["basic", "family", "pro"], rows), draw.choice(["yes", "no"], rows)
    z = -2.0 + 0.5 * calls - 0.03 * months + 0.8 * (plan == "basic")
    lines = ["months,calls,plan,paper,churn"]
    for row in range(rows):
        gone = "gone" if draw.random() < 1 / (1 + np.exp(-z[row])) else "here"
        many = "" if draw.random() < 0.05 else str(calls[row])
        lines.append(f"{months[row]}.{row % 10},{many},{plan[row]},{paper[row]},{gone}")
    path = tmp_path_factory.mktemp("churn") / "churn.csv"
    path.write_text("\n".join(lines))
    return path


def run(*arguments: object) -> tuple[Prepared, Trained]:
    """Do everything but publish."""
    config = load([*map(str, arguments), "--device", "cpu"])
    bar = Bar(quiet=True)
    prepared = prepare(config, bar)
    return prepared, pipeline.train(config, prepared, fitted.find(config, prepared, bar, Ranks()), bar)


def served(prepared: Prepared, trained: Trained, split: str) -> np.ndarray:
    """Return what model.pt answers to the cells of a split."""
    dataset = prepared.dataset
    cells = [[column.cell(row) for column in dataset.columns] for row in dataset.parts[split].tolist()]
    rows = Encoder(prepared.inputs).encode(by_column(cells))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module = torch.jit.load(io.BytesIO(trained.files["model.pt"]))
    return module(torch.from_numpy(rows)).numpy()


DECISIONS = [
    [],
    ["--threshold", "0.3"],
    ["--threshold", "f1"],
    ["--threshold", "cost:10"],
    ["--threshold", "precision:0.6"],
    ["--threshold", "recall:0.9", "--positive", "gone"],
    ["--positive", "gone", "--threshold", "0.3"],
    ["--class-weight", "balanced"],
    ["--class-weight", "balanced", "--positive", "gone"],
    ["--class-weight", "gone=3", "--calibrate", "platt"],
    ["--calibrate", "temperature", "--threshold", "f1", "--abstain-risk", "0.2", "--positive", "gone"],
    ["--calibrate", "auto"],
    ["--abstain", "0.3:0.7"],
    ["--abstain-risk", "0.15"],
]


@pytest.mark.parametrize("options", DECISIONS, ids=" ".join)
def test_what_is_served_is_what_was_measured(options: list[str], churn: Path, tmp_path: Path) -> None:
    """The manifest's decision about the module's answers gives the confusion, and the share unanswered."""
    arguments = ["--data", str(churn), "--target", "churn", "--store", str(tmp_path), *options]
    assert main([*arguments, "--quiet"]) == 0
    prepared, trained = run(*arguments)
    manifest = Repository(tmp_path).resolve("churn").manifest
    chosen = {"f1", "cost:10", "precision:0.6", "recall:0.9", "--abstain-risk", "--calibrate"} & set(options)
    assert (manifest.metrics["validation"] is None) == bool(chosen)
    positive = "gone" if "--positive" in options else "here"
    assert manifest.positive == positive
    for split, measured in manifest.metrics.items():
        if measured is None:
            continue
        p, y = served(prepared, trained, split), prepared.rows[split].classes()
        answer, accepted = manifest.decision.of_array(p), manifest.decision.accepts_array(p)
        confusion = [[int(((y == row) & (answer == column)).sum()) for column in (0, 1)] for row in (0, 1)]
        assert [list(row) for row in measured.confusion] == confusion
        if manifest.abstain is None:
            assert (measured.abstained, measured.accepted_accuracy) == (None, None)
        else:
            assert measured.abstained == pytest.approx(1 - accepted.mean())
            assert measured.accepted_accuracy == pytest.approx((answer == y)[accepted].mean())


def manifest_of(tmp_path: Path, churn: Path, *options: str) -> Manifest:
    arguments = ["--data", str(churn), "--target", "churn", "--store", str(tmp_path), "--quiet"]
    assert main([*arguments, *options]) == 0
    return Repository(tmp_path).resolve("churn").manifest


def test_the_manifest_says_what_was_decided(churn: Path, tmp_path: Path) -> None:
    """Rule and value of the threshold and the band, and the calibration with what it gained."""
    plain = manifest_of(tmp_path, churn)
    assert (plain.threshold.value, plain.threshold.rule) == (0.5, "default")
    assert (plain.abstain, plain.calibration.kind, plain.fit.weights) == (None, "none", None)
    weighed = manifest_of(tmp_path, churn, "--class-weight", "gone=3")
    assert weighed.fit.weights == {"gone": 3.0, "here": 1.0}
    assert weighed.threshold.rule == "class-weight"
    assert weighed.threshold.value == pytest.approx(3 / 4)  # of `here`, from which on it is the answer
    every = manifest_of(
        tmp_path, churn, "--calibrate", "platt", "--threshold", "cost:4", "--abstain-risk", "0.2"
    )
    assert every.threshold.rule == "cost:4"
    assert every.abstain is not None
    assert every.abstain.rule == "risk:0.2"
    assert every.abstain.low <= every.threshold.value <= every.abstain.high
    assert every.calibration.kind == "platt"
    assert every.calibration.parameters.keys() == {"slope", "offset"}
    assert every.calibration.log_loss is not None


def test_class_weights_leave_the_probabilities_of_the_data(churn: Path, tmp_path: Path) -> None:
    """The fit is weighted, and the intercept takes it back: the mean probability is the classes' share."""
    plain = run("--data", churn, "--target", "churn", "--store", tmp_path)
    weighed = run("--data", churn, "--target", "churn", "--store", tmp_path, "--class-weight", "balanced")
    prepared = plain[0]
    share = prepared.rows["train"].classes().mean()
    assert share > 0.7
    for found in (plain, weighed):
        assert served(*found, "train")[:, 1].mean() == pytest.approx(share, abs=0.02)
    assert not np.allclose(plain[1].weight, weighed[1].weight, rtol=1e-3)


@pytest.mark.parametrize("options", [[], ["--calibrate", "platt"], ["--class-weight", "gone=4"]])
def test_explanations_are_of_the_served_logit(options: list[str], churn: Path, tmp_path: Path) -> None:
    """Intercept plus contributions is the logit of what the module answers, after all that was decided."""
    prepared, trained = run("--data", churn, "--target", "churn", *options)
    assert (
        main(["--data", str(churn), "--target", "churn", "--store", str(tmp_path), "--quiet", *options]) == 0
    )
    artifact = Repository(tmp_path).resolve("churn")
    read = weights.read(artifact.manifest, safetensors.numpy.load(artifact.read("model.safetensors")))
    raw = prepared.rows["test"].raw()
    p = served(prepared, trained, "test").astype(np.float64)
    logit = read.bias + read.contributions(raw).sum(2)
    np.testing.assert_allclose(logit[:, 0], np.log(p[:, 1] / p[:, 0]), rtol=0, atol=1e-4)


def test_calibration_is_part_of_the_weights(churn: Path, tmp_path: Path) -> None:
    """Served logits are the fit's times the slope plus the offset that the manifest says."""
    arguments = ["--data", churn, "--target", "churn", "--store", tmp_path]
    (prepared, plain), (_, made) = run(*arguments), run(*arguments, "--calibrate", "platt")
    said = made.decided.calibration.parameters
    np.testing.assert_allclose(made.weight, plain.weight * said["slope"], rtol=1e-12)
    np.testing.assert_allclose(made.bias, plain.bias * said["slope"] + said["offset"], rtol=1e-12)
    before, after = (served(prepared, each, "test").astype(np.float64) for each in (plain, made))
    expected = np.log(before[:, 1] / before[:, 0]) * said["slope"] + said["offset"]
    np.testing.assert_allclose(np.log(after[:, 1] / after[:, 0]), expected, rtol=0, atol=1e-4)


def test_the_first_class_may_be_positive(churn: Path, tmp_path: Path) -> None:
    """The threshold, precision and area then speak of it; the module is the same."""
    last = manifest_of(tmp_path, churn, "--threshold", "0.3")
    first = manifest_of(tmp_path, churn, "--positive", "gone", "--threshold", "0.7")
    assert first.files["model.safetensors"] == last.files["model.safetensors"]
    assert isinstance(first.decision, Decision)
    assert first.decision.positive == 0
    assert first.decision.of_row([0.7, 0.3]) == 0  # gone: its probability reaches 0.7
    assert first.decision.of_row([0.69, 0.31]) == last.decision.of_row([0.69, 0.31]) == 1
    one, other = first.metrics["test"], last.metrics["test"]
    assert one.roc_auc == pytest.approx(other.roc_auc, abs=1e-6)
    assert one.average_precision < other.average_precision - 0.1  # of the rare class


def test_more_than_two_classes_abstain_by_the_top_probability(iris_csv: Path, tmp_path: Path) -> None:
    """Without a positive class, and what speaks of one is refused."""
    arguments = ["--data", str(iris_csv), "--target", "species", "--store", str(tmp_path), "--quiet"]
    assert main([*arguments, "--abstain", "0.8", "--calibrate", "temperature"]) == 0
    manifest = Repository(tmp_path).resolve("iris-1936").manifest
    assert (manifest.positive, manifest.abstain.low, manifest.abstain.high) == (None, 0, 0.8)
    assert manifest.calibration.parameters.keys() == {"slope"}
    for options in (["--threshold", "0.4"], ["--class-weight", "balanced"], ["--calibrate", "platt"]):
        with pytest.raises(SettingError, match=f"{options[0]}={options[1]}: wanted"):
            run(*arguments, *options)


def test_units_are_kept_and_belong_to_inputs() -> None:
    """An input's unit reaches the manifest; one for a column that is not there is refused."""
    prepared, _ = run("--data", "toy", "--units", "x2=mm")
    assert [item.unit for item in prepared.inputs] == [None, "mm"]
    with pytest.raises(SettingError, match="TRAINING_UNITS=x3: no such input column in toy"):
        run("--data", "toy", "--units", "x3=mm")


def test_scaling_is_that_of_the_training_rows() -> None:
    """Mean and reference come from the training split and no other row, and so does the scale."""
    prepared, trained = run("--data", "toy")
    rows = prepared.rows["train"].raw().astype(np.float64)
    tensors = safetensors.torch.load(trained.files["model.safetensors"])
    np.testing.assert_allclose(tensors["mean"], rows.mean(0), rtol=1e-6)
    np.testing.assert_allclose(tensors["slope"], trained.weight / rows.std(0), rtol=1e-6)
    for item, column in zip(prepared.inputs, rows.T, strict=True):
        assert item.reference.mean == pytest.approx(column.mean())
        assert item.reference.std == pytest.approx(column.std())
        assert (item.reference.min, item.reference.max) == (column.min(), column.max())


@pytest.mark.parametrize("solver", ["newton", "lbfgs", "sgd"])
def test_two_runs_give_the_same_bytes(solver: str) -> None:
    """The same data and seed give the same weights, byte by byte; another seed does not."""
    (_, first), (_, second), (_, other) = (
        run("--data", "toy", "--solver", solver, "--epochs", 2, "--seed", seed) for seed in (0, 0, 1)
    )
    assert first.files == second.files
    assert first.golden == second.golden
    assert first.files["model.safetensors"] != other.files["model.safetensors"]


def test_leakage_is_judged_by_name() -> None:
    """The doubt names the column and the flag, quoted for a shell."""
    prepared = prepare(load(["--data", str(TABLES / "leak.csv"), "--target", "paid"]), Bar(quiet=True))
    (said,) = prepared.dataset.doubts
    assert said.startswith("closed_as: alone it removes 99% of the baseline's log-loss")
    assert said.endswith("--leave-out closed_as leaves it out")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system limits no process to a core")
def test_it_fits_on_the_usable_cores(tmp_path: Path) -> None:
    """A process that may use one core gets one thread, whatever torch would take."""
    code = """
import os, sys, torch
from training.__main__ import main
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
torch.set_num_threads(3)
assert main(["--data", "toy", "--quiet", "--store", sys.argv[1]]) == 0
print(torch.get_num_threads())
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "1\n"


def test_what_the_train_rows_alone_show_is_doubted(tmp_path: Path) -> None:
    """A text that has 12 rows in the file, and fewer than 10 of train, weighs what the other ones do."""
    lines = [f"{row * 37 % 101},{'abcdefghij'[row % 10]},{'no' if row % 3 else 'yes'}" for row in range(120)]
    (tmp_path / "t.csv").write_text("\n".join(["n,c,y", *lines]) + "\n")
    config = Config(data=str(tmp_path / "t.csv"), target="y")
    assert prepare(config, Bar(quiet=True)).dataset.doubts == (
        "c: none of its 10 texts has 10 train rows, so all weigh the same; --leave-out c leaves it out",
    )


@pytest.mark.parametrize("solver", ["auto", "lbfgs", "sgd"])
def test_a_run_on_the_default_data_imports_little(tmp_path: Path, solver: str) -> None:
    """Neither Arrow nor torch's compiler, nor what its numbers are compared with: each takes a second."""
    code = """
import sys
from training.__main__ import main
main(["--store", sys.argv[1], "--solver", sys.argv[2], "--epochs", "2"])
print(*{"pyarrow", "pandas", "scipy", "sklearn", "sympy", "torch._dynamo"} & sys.modules.keys())
"""
    command = [sys.executable, "-c", code, str(tmp_path), solver]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == ""


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_run_on_cuda_publishes_for_any_device(toy: Config) -> None:
    """The weights found on the device are published for the CPU, near those found there."""
    found = []
    for device in ("cpu", "cuda"):
        config = toy.model_copy(update={"device": device})
        prepared, bar = prepare(config, Bar(quiet=True)), Bar(quiet=True)
        trained = pipeline.train(config, prepared, fitted.find(config, prepared, bar, Ranks()), bar)
        found.append(safetensors.torch.load(trained.files["model.safetensors"]))
    for name, value in found[1].items():
        assert value.device == torch.device("cpu")
        torch.testing.assert_close(value, found[0][name], rtol=0, atol=1e-5)
