"""Small real data sets as arrays and as files."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris

from training.config import Config


@pytest.fixture(scope="session")
def iris_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Iris with its species by name: 150 rows, four inputs, three classes."""
    bunch = load_iris()
    path = tmp_path_factory.mktemp("data") / "Iris (1936).csv"
    lines = [",".join([*bunch.feature_names, "species"])]
    for row, label in zip(bunch.data, bunch.target_names[bunch.target], strict=True):
        lines.append(",".join([*map(str, row.tolist()), label]))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def toy(tmp_path: Path) -> Config:
    """A run that takes a moment, into a store of its own."""
    return Config(data="toy", store=tmp_path / "store", device="cpu")


@pytest.fixture(scope="session")
def clouds() -> tuple[np.ndarray, np.ndarray]:
    """Three overlapping classes of 20 rows in four inputs of very different scale."""
    y = np.repeat([0, 1, 2], 20)
    noise = np.random.default_rng(0).normal(y[:, None], 1.0, (60, 4))
    return (noise * [1e-3, 1.0, 1e3, 1e6] + [0.0, 5.0, -1e3, 1e6]).astype(np.float32), y
