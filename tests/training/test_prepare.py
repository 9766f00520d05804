"""What a fit takes, in memory or not."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from training import fitted, pipeline, rows, scratch
from training.config import Config
from training.pipeline import Trained
from training.prepare import Prepared, prepare
from training.progress import Bar
from training.ranks import Ranks

ROWS = 900


def trained_on(config: Config, prepared: Prepared) -> Trained:
    bar = Bar(quiet=True)
    return pipeline.train(config, prepared, fitted.find(config, prepared, bar, Ranks()), bar)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Numbers, with gaps and without, truths and categories, in three row groups of a file."""
    draw = np.random.default_rng(0)
    amount = draw.normal(size=ROWS).astype(np.float32)
    columns = {
        "amount": pa.array(amount, mask=draw.random(ROWS) < 0.1),
        "age": pa.array(draw.normal(40, 9, ROWS)),
        "paid": pa.array(draw.random(ROWS) < 0.4),
        "town": pa.array(draw.choice(["Bern", "Graz", "Lyon"], ROWS)).dictionary_encode(),
        "y": pa.array(np.where(amount + draw.normal(size=ROWS) > 0, "yes", "no")),
    }
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table(columns), path, row_group_size=400)
    return path


def test_what_memory_is_not_for_gives_the_same_version(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Columns in a file, forgotten block after block: every file of the version has the same bytes."""
    monkeypatch.setattr(rows, "BLOCKS", 1)
    config = Config(data=str(table), target="y", store=tmp_path / "store", device="cpu")
    found = []
    for held in (1 << 20, 0):
        monkeypatch.setattr(scratch, "HELD_BYTES", held)
        prepared = prepare(config, Bar(quiet=True))
        assert prepared.dataset.scratch.on_disk == (held == 0)
        found.append(trained_on(config, prepared))
    assert found[0].files == found[1].files
    assert found[0].metrics == found[1].metrics
    assert found[0].golden == found[1].golden


def test_a_large_split_is_measured_on_some_of_its_rows(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drawn by the seed; how many rows a split has is said all the same."""
    monkeypatch.setattr("training.prepare.MEASURED_ROWS", 100)
    config = Config(data=str(table), target="y", store=tmp_path / "store", device="cpu")
    prepared = prepare(config, Bar(quiet=True))
    trained = trained_on(config, prepared)
    for name, metrics in trained.metrics.items():
        assert metrics is not None
        assert sum(map(sum, metrics.confusion)) == 100
        assert len(prepared.rows[name]) > 100
