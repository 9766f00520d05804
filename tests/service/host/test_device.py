"""How the accelerator is found, with real `nvidia-smi` programs of every temper on the PATH."""

from pathlib import Path

import pytest

from service.errors import StartError
from service.host import device


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory on the PATH; the test puts its `nvidia-smi` there."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path / "nvidia-smi"


def script(path: Path, text: str) -> None:
    """Write an executable shell script."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_no_driver_means_cpu(driver: Path) -> None:
    """Without nvidia-smi there is no CUDA, and auto says so."""
    assert not driver.exists()
    found = device.find("auto")
    assert (found.accelerator, found.count) == ("cpu", 1)
    assert "no nvidia-smi" in found.reason


def test_a_failing_driver_means_cpu_and_repeats_what_it_says(driver: Path) -> None:
    """A driver that fails is told apart from one that is absent."""
    script(driver, "echo 'NVIDIA-SMI has failed because' >&2; exit 9")
    found = device.find("auto")
    assert found.accelerator == "cpu"
    assert found.reason == "nvidia-smi fails and says: NVIDIA-SMI has failed because"


def test_a_driver_without_a_torch_that_uses_it_means_cpu(driver: Path) -> None:
    """A listed device that torch cannot use is not taken."""
    script(driver, "echo 'GPU 0: Something'")
    found = device.find("auto")
    import torch  # noqa: PLC0415 - the oracle; slow to import

    if torch.cuda.device_count():
        assert (found.accelerator, found.count) == ("cuda", torch.cuda.device_count())
    else:
        assert (found.accelerator, "finds no CUDA device" in found.reason) == ("cpu", True)


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_hidden_devices_mean_cpu(driver: Path, monkeypatch: pytest.MonkeyPatch, hidden: str) -> None:
    """CUDA_VISIBLE_DEVICES hides every device, so the driver is not even asked."""
    script(driver, "exit 9")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert "CUDA_VISIBLE_DEVICES" in device.find("auto").reason


def test_a_device_that_was_asked_for_and_is_not_there_is_refused(driver: Path) -> None:
    """CUDA is never quietly replaced by the CPU."""
    assert not driver.exists()
    with pytest.raises(StartError, match="SERVICE_ACCELERATOR=cuda: there is no nvidia-smi"):
        device.find("cuda")


def test_cpu_is_taken_as_set() -> None:
    """The CPU needs nobody to be asked."""
    assert device.find("cpu").accelerator == "cpu"
