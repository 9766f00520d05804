"""Totals as Prometheus's text, read by its own client's parser."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from models.artifact import Artifact
from models.inputs import Missing
from models.manifest import Manifest
from service.drift.columns import columns
from service.drift.exposition import FAMILIES, text
from service.drift.reader import Found, Reader
from service.drift.totals import Layout, Totals
from tests.service.drift.drawn import FROZEN, categorical, numeric

WHOLE = Missing(admitted=False, imputed_by=None)
HOSTILE = ('a "b"', "back\\slash", "two\nlines", "100 %", "%s%(x)d%%", "\\n", "{x}", "Höhe", "a\r\tb")

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def count(folder: Path, manifest: Manifest, add: float | None = None, digest: str = "ab") -> Layout:
    """Have a worker count: 1 of the first total, 2 of the second, and so on, or the same of each."""
    places = range(len(manifest.inputs))
    layout = Layout(
        *(manifest.name, str(manifest.version), digest * 32, manifest.classes),
        tuple(columns(manifest, places)),
    )
    totals = Totals(folder, 0, layout)
    totals.add(np.arange(1.0, layout.width + 1) if add is None else np.full(layout.width, add))
    return layout


def found(folder: Path) -> list[Found]:
    """Return what was counted."""
    return Reader(folder).versions()


def parsed(written: bytes) -> Series:
    """Return each series by name and labels; none may be there twice."""
    samples = [
        sample for family in text_string_to_metric_families(written.decode()) for sample in family.samples
    ]
    series = {
        (sample.name.removeprefix("logitserve_"), tuple(sorted(sample.labels.items()))): sample.value
        for sample in samples
    }
    assert len(series) == len(samples)
    return series


def key(name: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the name of a series."""
    return name, tuple(sorted(labels.items()))


def test_each_total_is_a_series(tmp_path: Path, mixed: Artifact) -> None:
    """Under the labels that the documentation names, beside training's share."""
    layout = count(tmp_path, mixed.manifest)
    wanted: Series = {}
    of = {"model": "tiny", "version": "3"}
    place = 0
    for column in layout.columns:
        own = of | {"kind": column.kind, "column": column.name}
        assert column.reference is not None
        wanted[key("drift_reference_rows", **own)] = column.reference_rows
        for name, share in zip(column.bins, column.reference, strict=True):
            place += 1
            wanted[key("drift_rows_total", **own, bin=name)] = place
            wanted[key("drift_reference_ratio", **own, bin=name)] = share
    width = {"column": "width (mm)"}
    wanted[key("drift_outside_total", **of, **width, side="below")] = 1
    wanted[key("drift_outside_total", **of, **width, side="above")] = 4
    wanted[key("drift_sampled_rows_total", **of)] = place + 1
    for more, (predicted, actual) in enumerate(
        [("no", "no"), ("no", "yes"), ("yes", "no"), ("yes", "yes")], 2
    ):
        wanted[key("expected_confusion_total", **of, predicted=predicted, actual=actual)] = place + more
    wanted[key("expected_log_loss_total", **of)] = place + 6
    wanted[key("expected_brier_total", **of)] = place + 7
    assert parsed(text(found(tmp_path))) == wanted


def test_families_are_declared_once(tmp_path: Path, mixed: Artifact, tiny: Artifact) -> None:
    """Before all their series, whatever versions there are; a version of the first format has no scores'."""
    count(tmp_path, mixed.manifest, 1)
    count(tmp_path, mixed.manifest.model_copy(update={"version": 4}), 20, "cd")
    count(tmp_path, tiny.manifest.model_copy(update={"version": 5}), 300, "ef")
    written = text(found(tmp_path))
    families = list(text_string_to_metric_families(written.decode()))
    assert [(family.name, family.type) for family in families] == [
        (f"logitserve_{family.name.removesuffix('_total')}", family.kind) for family in FAMILIES
    ]
    assert all(family.documentation for family in families)
    declared = [line.split()[2] for line in written.decode().splitlines() if line.startswith("# TYPE ")]
    assert Counter(declared) == Counter({f"logitserve_{family.name}": 1 for family in FAMILIES})
    series = parsed(written)
    rows = [series[key("drift_sampled_rows_total", model="tiny", version=number)] for number in "345"]
    assert rows == [1, 20, 300]
    of = {"model": "tiny", "version": "5", "kind": "score", "column": "yes"}
    assert series[key("drift_rows_total", **of, bin="0..0.05")] == 300
    assert key("drift_reference_ratio", **of, bin="0..0.05") not in series
    assert key("drift_reference_rows", **of) not in series


def test_without_a_version_there_is_nothing() -> None:
    """Not even a family."""
    assert text([]) == b""


def hostile(names: list[str]) -> Manifest:
    """Return a manifest whose inputs, categories and classes have these names."""
    inputs = (
        *(numeric([0, 1], name=name) for name in names),
        categorical(sorted(names), (), WHOLE).model_copy(update={"name": "the categories"}),
    )
    scores = (
        None
        if FROZEN.scores is None
        else FROZEN.scores.model_copy(update={"shares": dict.fromkeys(names, FROZEN.scores.shares["no"])})
    )
    return FROZEN.model_copy(
        update={"inputs": inputs, "classes": tuple(sorted(names)), "positive": None, "scores": scores}
    )


def check(folder: Path, names: list[str]) -> None:
    """Assert that hostile names are read as they were written."""
    layout = count(folder, hostile(names), 7)
    series = parsed(text(found(folder)))
    of = {"model": "tiny", "version": "3"}
    for name in names:
        column = of | {"kind": "input", "column": name}
        assert series[key("drift_rows_total", **column, bin="0.0..1.0")] == 7
        assert series[key("drift_outside_total", **of, column=name, side="above")] == 7
        assert series[key("drift_rows_total", **of | {"kind": "score", "column": name}, bin="0..0.05")] == 7
        assert series[key("expected_confusion_total", **of, predicted=name, actual=name)] == 7
        assert series[key("drift_reference_rows", **column)] == 90
    categories = next(column for column in layout.columns if column.of == "categorical")
    for name in categories.bins:
        assert series[key("drift_rows_total", **of, kind="input", column="the categories", bin=name)] == 7


def test_names_may_be_anything(tmp_path: Path) -> None:
    """Quotes, backslashes, newlines and percent signs stay what they are, and a category no reserved word."""
    names = [*HOSTILE, "missing", '"missing"', '"', "below"]
    check(tmp_path, names)
    series = parsed(text(found(tmp_path)))
    bins = {
        dict(labels)["bin"]
        for _, labels in series
        if dict(labels).get("column") == "the categories" and "bin" in dict(labels)
    }
    assert {'"missing"', '"\\"missing\\""', '"\\""', '"below"', "unseen", "100 %", "%s%(x)d%%"} <= bins
    assert "missing" not in bins


@given(st.lists(st.text('ab"\\\n%{}=,# ', min_size=1, max_size=5), min_size=2, max_size=4, unique=True))
def test_names_that_are_drawn_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    """Whatever stands beside what."""
    check(tmp_path_factory.mktemp("names"), names)


def test_numbers_lose_nothing(tmp_path: Path, mixed: Artifact) -> None:
    """Counts are whole however large, and sums have all their digits."""
    layout = count(tmp_path, mixed.manifest, 0)
    odd = np.full(layout.width, 2.0**53 - 1)
    odd[layout.bins + 1 :] = 0.1 + 0.2
    Totals(tmp_path, 0, layout).add(odd)
    series = parsed(text(found(tmp_path)))
    of = {"model": "tiny", "version": "3"}
    assert series[key("drift_sampled_rows_total", **of)] == 2.0**53 - 1
    assert series[key("expected_log_loss_total", **of)] == 0.1 + 0.2
    assert b" 9007199254740991\n" in text(found(tmp_path))
