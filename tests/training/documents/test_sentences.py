"""What is said of real versions, in words."""

from collections.abc import Mapping
from typing import Any

import pytest

from models.record import Interval, LeftOut
from training.documents import sentences


def quoted(text: str) -> str:
    return f"<{text}>"


def moved(manifest: Any, low: float, high: float) -> Any:
    """Return a manifest whose log-loss on test rows has another interval."""
    test = manifest.metrics["test"]
    intervals = test.intervals.model_copy(update={"log_loss": Interval(low=low, high=high)})
    return manifest.model_copy(
        update={"metrics": {**manifest.metrics, "test": test.model_copy(update={"intervals": intervals})}}
    )


def test_the_verdict_is_that_of_the_interval(versions: Mapping[str, Any]) -> None:
    """Better, worse or not known, against the log-loss of the class shares, which is 0.66."""
    manifest = versions["two classes"].manifest
    assert sentences.verdict(manifest, quoted) == (
        "The inputs tell more than the shares of the classes do: of 113 rows that were not trained on, "
        "98.2\u00a0% get the right class of <diagnosis>, where always the commonest class gets 62.8\u00a0%."
    )
    assert sentences.verdict(moved(manifest, 0.6, 0.7), quoted).startswith("The test rows do not show")
    assert sentences.verdict(moved(manifest, 0.7, 0.9), quoted).startswith("The model does worse")
    bare = manifest.model_copy(update={"metrics": {}})
    assert sentences.verdict(bare, quoted) == "Nothing was measured on test rows."
    assert "with the threshold <f1>, where" in sentences.verdict(versions["mixed"].manifest, quoted)


def test_a_decision_is_told_in_full(versions: Mapping[str, Any]) -> None:
    """Threshold, band and what it does on test rows; with more classes the most probable one."""
    mixed = versions["mixed"].manifest
    said = " ".join(sentences.decision(mixed, quoted))
    assert f"The answer is <gone> from a probability of {mixed.threshold.value:.4g} on" in said
    assert "There is no answer where that probability is from 0.1 on and below 0.6 (rule: <given>)." in said
    assert f"That is so for {mixed.metrics['test'].abstained:.1%}".removesuffix("%") in said
    assert sentences.decision(versions["three classes"].manifest, quoted) == [
        "The most probable class is the answer."
    ]


def test_validation_rows_that_chose_something_are_named(versions: Mapping[str, Any]) -> None:
    """And nothing is said where they chose nothing, or where there are none."""
    assert "nothing is measured" in sentences.chosen(versions["mixed"].manifest)
    manifest = versions["two classes"].manifest
    assert sentences.chosen(manifest) == ""
    assert sentences.chosen(manifest.model_copy(update={"metrics": {}})) == ""


def test_each_kind_of_input_says_what_it_held(versions: Mapping[str, Any]) -> None:
    """Range and mean, share of true, the commonest categories."""
    manifest = versions["mixed"].manifest
    held = {item.name: sentences.holds(item, quoted) for item in manifest.inputs}
    assert held.keys() == {"months", "calls", "plan", "paper"}
    assert held["months"].startswith("1.5 to 59.5, mean ")
    assert held["paper"].endswith("\u00a0% true")
    assert held["plan"].count("<") == 3
    assert sentences.inputs(manifest) == "4 inputs (2 numeric, 1 boolean, 1 categorical)"


def test_limits_are_those_of_the_run(versions: Mapping[str, Any]) -> None:
    """Classes of few test rows are named, and doubts; rows that were held out by time need no warning."""
    lopsided = versions["lopsided"]
    said = " ".join(sentences.limits(lopsided.document, lopsided.manifest, quoted))
    assert f"few test rows are of <fraud> ({sum(lopsided.manifest.metrics['test'].confusion[0])})" in said
    assert "before the doubts" not in said
    mixed = versions["mixed"]
    assert "before the doubts" in " ".join(sentences.limits(mixed.document, mixed.manifest, quoted))
    split = mixed.manifest.data.split.model_copy(update={"kind": "time", "columns": ("day",)})
    timed = mixed.manifest.model_copy(
        update={"data": mixed.manifest.data.model_copy(update={"split": split})}
    )
    assert "The future" in said
    assert "The future" not in " ".join(sentences.limits(mixed.document, timed, quoted))
    assert sentences.held_out(timed, quoted) == "by <day>: test rows are the latest"


@pytest.mark.parametrize("kind", ["two classes", "lopsided", "wide"])
def test_the_fit_is_told(kind: str, versions: Mapping[str, Any]) -> None:
    """Solver, penalty, steps and the gradient at the end."""
    manifest = versions[kind].manifest
    said = sentences.fit(manifest)
    assert f"by {manifest.fit.solver}, " in said
    assert ("epochs" in said) == (kind == "lopsided")
    assert "L2 penalty of C = " in said
    free = manifest.model_copy(update={"fit": manifest.fit.model_copy(update={"penalty": None})})
    assert "without a penalty" in sentences.fit(free)


def test_words_are_no_markup(versions: Mapping[str, Any]) -> None:
    """Neither in HTML nor in Markdown: they are put into both as they are."""
    for version in versions.values():
        manifest, document = version.manifest, version.document
        left = manifest.model_copy(update={"left_out": (LeftOut(column="<a>", reason="b"),)})
        said = [
            sentences.verdict(left, lambda _: ""),
            sentences.held_out(left, lambda _: ""),
            *sentences.decision(left, lambda _: ""),
            *sentences.limits(document, left, lambda _: ""),
            sentences.fit(left),
            sentences.chosen(left),
        ]
        assert not set("<>&*_`[]|#\\") & set("".join(said))
