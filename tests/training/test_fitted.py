"""How settings become a fit."""

from pathlib import Path

import pytest
import torch

from training import fitted
from training.config import Config
from training.errors import SettingError
from training.prepare import Prepared, prepare
from training.progress import Bar
from training.ranks import Ranks


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """The default data."""
    return prepare(Config(store=tmp_path_factory.mktemp("store")), Bar(quiet=True))


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a CUDA device")
def test_a_device_that_is_not_there_is_refused() -> None:
    """`cuda` without a device names the key, the value and what was wanted; `auto` takes the CPU."""
    with pytest.raises(SettingError, match="TRAINING_DEVICE=cuda: wanted auto or cpu"):
        fitted.choose_device("cuda")
    assert fitted.choose_device("auto") == torch.device("cpu")


def test_balanced_weights_give_each_class_the_same_say(prepared: Prepared, tmp_path: Path) -> None:
    """Rows times weight are equal, and their mean is 1; a class that was not named has 1."""
    weights = fitted.class_weights(Config(store=tmp_path, class_weight="balanced"), prepared)
    rows = torch.bincount(torch.from_numpy(prepared.rows["train"].classes()))
    said = torch.tensor(list(weights.values()), dtype=torch.float64) * rows
    assert said.tolist() == pytest.approx([rows.sum().item() / 2] * 2)
    given = fitted.class_weights(Config(store=tmp_path, class_weight={"malignant": 3.0}), prepared)
    assert given == {"benign": 1.0, "malignant": 3.0}
    assert fitted.class_weights(Config(store=tmp_path), prepared) is None


def test_what_ticks_is_the_gradient(prepared: Prepared, tmp_path: Path) -> None:
    """One norm an iteration, falling to the last one's."""
    found = fitted.find(Config(store=tmp_path, device="cpu"), prepared, Bar(quiet=True), Ranks())
    assert len(found.norms) == found.fit.iterations
    assert found.norms[-1] < 1e-6 < found.norms[0]
