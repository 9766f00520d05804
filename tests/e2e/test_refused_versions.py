"""Versions that a running service refuses: the one before serves on, and it is said why, once."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models import durable
from models.repository import CURRENT, Repository
from tests.e2e import faulty
from tests.e2e.running import Service, wait_for
from tests.e2e.swapping import LONG_S, MODEL, refused, under_traffic, version

Make = Callable[[Path], object]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of the shared service; each test adds a version, and leaves the first one as CURRENT."""
    return faulty.publish_telling(tmp_path_factory.mktemp("refused"), MODEL, 1)


@pytest.fixture(scope="module")
def shared(share: Callable[..., Service], root: Path) -> Service:
    """A service that serves the first version."""
    return share(model_store=root)


def broken(**how: Any) -> Make:
    """Return what publishes a version that is not promoted."""
    return lambda root: faulty.publish(root, MODEL, 0, promote=False, **how)


def damaged(file: str, change: Callable[[bytes], bytes]) -> Make:
    """Return what publishes a version and changes a file of it afterwards."""

    def make(root: Path) -> None:
        faulty.publish(root, MODEL, 0, promote=False)
        path = root / MODEL / str(max(Repository(root).versions(MODEL))) / file
        path.write_bytes(change(path.read_bytes()))

    return make


def flipped(content: bytes) -> bytes:
    """Return the content with one bit of its middle changed."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def with_another_input(manifest: bytes) -> bytes:
    """Return a manifest that says one input more than the module takes."""
    document = json.loads(manifest)
    document["inputs"].append(document["inputs"][0] | {"name": "more"})
    document["golden"][0]["input"].append(0)
    return json.dumps(document).encode()


def of_another_number(manifest: bytes) -> bytes:
    """Return a manifest of another version than the folder says."""
    return json.dumps(json.loads(manifest) | {"version": 999}).encode()


def refuse(service: Service, root: Path, number: int) -> dict[str, Any]:
    """Make a version CURRENT however it is; return what /info says of it, once it says anything."""
    durable.replace(root / MODEL / CURRENT, f"{number}\n".encode())
    [told] = wait_for(lambda: refused(service), LONG_S)
    return dict(told)


def lines(service: Service, reason: str) -> int:
    """Count the log lines of versions that were refused for a reason."""
    return service.log().count(f"is refused ({reason})")


@pytest.mark.parametrize(
    ("make", "reason", "says"),
    [
        pytest.param(
            damaged("model.pt", lambda it: it[:-100]), "broken", "model.pt: .* bytes", id="cut-short"
        ),
        pytest.param(damaged("model.pt", flipped), "broken", "model.pt: its sha256", id="a-flipped-bit"),
        pytest.param(
            damaged("model.safetensors", flipped), "broken", "model.safetensors: its sha256", id="a-weight"
        ),
        pytest.param(damaged("manifest.json", flipped), "broken", "manifest.json: ", id="another-manifest"),
        pytest.param(
            damaged("manifest.json", of_another_number), "broken", "of telling 999", id="its-number"
        ),
        pytest.param(damaged("manifest.json", with_another_input), "broken", "model", id="other-inputs"),
        pytest.param(broken(golden=0.9), "golden", "golden examples are missed by 0.4", id="golden"),
        pytest.param(broken(fault=faulty.RAISES), "unusable", "a model that fails", id="raises"),
        pytest.param(broken(fault=faulty.HOARDS), "memory", "memory", id="a-terabyte"),
        pytest.param(broken(damage=faulty.crashing), "crashed", "with signal 11", id="kills-its-process"),
        pytest.param(broken(damage=lambda _: b"no module"), "unusable", "RuntimeError", id="no-module"),
        pytest.param(broken(fault=faulty.HANGS), "timeout", "within 10 s", id="never-ends"),
    ],
)
def test_a_bad_version_is_refused_and_the_old_one_serves(
    shared: Service, root: Path, make: Make, reason: str, says: str
) -> None:
    """No request fails and no worker restarts; /info, one count and one log line give the reason."""
    workers = [worker.pid for worker in shared.workers()]
    counted, logged = shared.metric("model_loads_total", result=reason), lines(shared, reason)
    make(root)
    number = max(Repository(root).versions(MODEL))
    told: list[dict[str, Any]] = []

    def offer() -> None:
        told.append(refuse(shared, root, number))

    result, seen = under_traffic(shared, offer)
    assert set(result.counts()) == {200}, result.report()
    assert set(seen) == {"1"}
    assert {key: told[0][key] for key in ("model", "version", "reason")} == {
        "model": MODEL,
        "version": str(number),
        "reason": reason,
    }
    assert re.search(says, told[0]["message"]), told
    assert "\n" not in told[0]["message"]
    durable.replace(root / MODEL / CURRENT, b"1\n")
    wait_for(lambda: not refused(shared), LONG_S)  # it was looked at more than once by now
    assert shared.metric("model_loads_total", result=reason) == counted + 1
    assert lines(shared, reason) == logged + 1
    assert [worker.pid for worker in shared.workers()] == workers
    assert shared.metric("worker_restarts_total") == 0
    assert version(shared) == "1"


def test_a_version_is_served_once_it_is_whole(shared: Service, root: Path) -> None:
    """One that is half-written is refused, with and without a part of its manifest."""
    number = max(Repository(root).versions(MODEL)) + 1
    faulty.publish(root, MODEL, 0, bias=faulty.BIAS * number, promote=False)
    folder = root / MODEL / str(number)
    manifest = (folder / "manifest.json").read_bytes()
    (folder / "manifest.json").unlink()
    assert refuse(shared, root, number)["reason"] == "broken"
    assert version(shared) == "1"
    (folder / "manifest.json").write_bytes(manifest[:100])
    wait_for(lambda: [each for each in refused(shared) if each["version"] == str(number)], LONG_S)
    assert version(shared) == "1"
    (folder / "manifest.json").write_bytes(manifest)
    wait_for(lambda: version(shared) == str(number), LONG_S)
    assert not refused(shared)
    durable.replace(root / MODEL / CURRENT, b"1\n")
    wait_for(lambda: version(shared) == "1", LONG_S)


@pytest.mark.parametrize("content", [b"", b"nothing\n", b"99999\n", b"\xff\xfe1\n"])
def test_a_bad_current_is_refused(shared: Service, root: Path, content: bytes) -> None:
    """CURRENT that names no version there is leaves the one that serves."""
    durable.replace(root / MODEL / CURRENT, content)
    [told] = wait_for(lambda: refused(shared), LONG_S)
    assert told["reason"] in {"broken", "missing"}
    assert "CURRENT" in told["message"]
    assert version(shared) == "1"
    durable.replace(root / MODEL / CURRENT, b"1\n")
    wait_for(lambda: not refused(shared), LONG_S)


def models(*arguments: str | Path) -> str:
    """Run `python -m models`; return what it prints."""
    command = [sys.executable, "-m", "models", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_only_what_a_trusted_key_signed_is_served(start: Callable[..., Service], tmp_path: Path) -> None:
    """Unsigned, signed by another, and signed for other bytes are refused; once well signed it serves."""
    root = faulty.publish_telling(tmp_path / "store", MODEL, 3)
    (tmp_path / "trusted").write_text(models("keygen", tmp_path / "ours.pem"))
    models("keygen", tmp_path / "theirs.pem")

    def sign(number: int, key: str) -> None:
        models("sign", MODEL, str(number), "--key", tmp_path / key, "--store", root)

    sign(1, "ours.pem")
    service = start(model_store=root, trusted_keys_file=tmp_path / "trusted")
    assert version(service) == "1"
    told = refuse(service, root, 2)
    assert (told["version"], told["reason"]) == ("2", "unsigned")
    sign(2, "theirs.pem")
    wait_for(lambda: [each for each in refused(service) if "is not trusted" in each["message"]], LONG_S)
    signed = root / MODEL / "2.sig"
    signed.write_bytes((root / MODEL / "1.sig").read_bytes())
    wait_for(lambda: [each for each in refused(service) if "not what ours signed" in each["message"]], LONG_S)
    signed.write_text("no signature")
    wait_for(lambda: [each for each in refused(service) if "not a signature" in each["message"]], LONG_S)
    assert version(service) == "1"
    assert {each["reason"] for each in refused(service)} == {"unsigned"}
    assert service.metric("model_loads_total", result="unsigned") == 4
    assert lines(service, "unsigned") == 4
    sign(2, "ours.pem")
    wait_for(lambda: version(service) == "2", LONG_S)
    assert not refused(service)
