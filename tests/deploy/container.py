"""The image, run by runc as a hardened cluster would run it, and looked at from outside.

Not collected by `make test`: `make container-test` builds the image and runs this.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from packaging.utils import canonicalize_name
from prometheus_client.parser import text_string_to_metric_families

from deploy.load import openloop
from deploy.load.client import Answer, post
from models.repository import Repository
from tests.e2e.running import free_port, wait_for
from tests.models.kubelet import mount, tree
from training.__main__ import main as train

MODEL = "breast-cancer"
ROW = [1.0] * 30
MEMORY_BYTES = 768 * 1024 * 1024
DRAIN_S = 2
RATE = 200
FOLLOWS_S = 2
"""What docs/deploy.md promises: how long after its promotion a version answers."""
FILL = """
import os, sys, time
held = []
while os.path.exists(f"/proc/{sys.argv[1]}/exe"):
    held.append(b"x" * 4_000_000)
    time.sleep(0.005)
"""
"""Takes memory until the process with that number is gone."""


class Container:
    """One container, hardened as deploy/kubernetes asks."""

    def __init__(self, bundle: Path, store: Path, name: str) -> None:
        """Start it from an unpacked image."""
        self.name = name
        self.port = free_port()
        self.uid = 100_000 + os.getpid() % 100_000  # in nobody's passwd file
        config = json.loads((bundle / "config.json").read_text())
        process = config["process"]
        process |= {
            "terminal": False,
            "user": {"uid": self.uid, "gid": self.uid},
            "capabilities": {},
            "noNewPrivileges": True,
        }
        settings = {"PORT": self.port, "DRAIN_S": DRAIN_S, "API_SERVERS": 2, "TIMEOUT_S": 60}
        process["env"] += [f"SERVICE_{name}={value}" for name, value in settings.items()]
        config["root"] = {"path": str(bundle / "rootfs"), "readonly": True}
        # The host's network: the tests reach the port, and nothing else is needed of a network here.
        kinds = [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")]
        config["linux"] = {
            "namespaces": kinds,
            "resources": {"memory": {"limit": MEMORY_BYTES, "swap": MEMORY_BYTES}},
        }
        config["mounts"] = [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
            {"destination": "/tmp", "type": "tmpfs", "options": ["nosuid", "mode=1777"]},  # noqa: S108 - inside
            {"destination": "/models", "type": "bind", "source": str(store), "options": ["bind", "ro"]},
        ]
        own = bundle.parent / name
        own.mkdir()
        (own / "config.json").write_text(json.dumps(config))
        self.log = own / "log"
        with self.log.open("w") as log:
            self.runc = psutil.Popen(["runc", "run", "--bundle", str(own), name], stdout=log, stderr=log)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=90)
        wait_for(lambda: self.runc.poll() is not None or self.status("/readyz") == 200, 120)
        assert self.runc.poll() is None, self.log.read_text()
        state = json.loads(subprocess.run(["runc", "state", name], check=True, capture_output=True).stdout)
        self.main = psutil.Process(state["pid"])

    def status(self, path: str) -> int:
        """Return the status of a path, 0 when nothing answers."""
        try:
            return self.http.get(path).status_code
        except httpx.TransportError:
            return 0

    def metric(self, name: str) -> float:
        """Return the sum of a metric's samples."""
        families = text_string_to_metric_families(self.http.get("/metrics").text)
        return sum(sample.value for family in families for sample in family.samples if sample.name == name)

    def signal(self, name: str) -> None:
        """Send a signal to PID 1."""
        subprocess.run(["runc", "kill", self.name, name], check=True)

    def worker(self) -> psutil.Process:
        """Return the worker's process."""
        [worker] = [child for child in self.main.children() if "spawn_main" in " ".join(child.cmdline())]
        return worker

    def close(self) -> None:
        """End it, however it is."""
        self.http.close()
        subprocess.run(["runc", "delete", "--force", self.name], check=False, capture_output=True)
        self.runc.wait(30)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image that `make image` built, unpacked."""
    root = tmp_path_factory.mktemp("image")
    image = os.environ.get("IMAGE", "localhost/logitserve")
    push = ["buildah", "--storage-driver", "vfs", "push", "--quiet", image, f"oci:{root}/oci:latest"]
    subprocess.run(push, check=True)
    subprocess.run(["umoci", "unpack", "--image", f"{root}/oci:latest", str(root / "bundle")], check=True)
    return root / "bundle"


def let_read(store: Path) -> None:
    """Let another user, as whom the container runs, reach a store in a folder of pytest's."""
    for parent in [store, *store.parents][:3]:
        parent.chmod(0o755)


@pytest.fixture(scope="module")
def container(bundle: Path, store: Path) -> Iterator[Container]:
    """One container for most tests of this module, in their order; the last one ends it."""
    let_read(store)
    running = Container(bundle, store, f"logitserve-{os.getpid()}")
    yield running
    running.close()


@pytest.fixture(scope="module")
def two_versions(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with another version of the default model, which is current."""
    root = tmp_path_factory.mktemp("two") / "store"
    shutil.copytree(store, root)
    assert train(["--store", str(root), "--seed", "1"]) == 0
    Repository(root).promote(MODEL, 2)
    return root


def as_folder(mounted: Path, first: Path, then: Path) -> Callable[[], None]:
    """Make a store, and return what publishes and promotes the next version in it."""
    shutil.copytree(first, mounted)

    def change() -> None:
        shutil.copytree(then / MODEL / "2", mounted / MODEL / ".new")
        (mounted / MODEL / ".new").rename(mounted / MODEL / "2")
        Repository(mounted).promote(MODEL, 2)

    return change


def as_kubelet(mounted: Path, first: Path, then: Path) -> Callable[[], None]:
    """Make a store of links through `..data`, as of a ConfigMap, and return what replaces it whole."""
    mount(mounted, tree(first))

    def change() -> None:
        mount(mounted, tree(then))

    return change


def test_it_runs_with_no_rights(container: Container) -> None:
    """PID 1 is the service: a random user, no capabilities nor a way to gain any, a read-only root."""
    status = Path(f"/proc/{container.main.pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["NSpid"].split()[-1] == "1"
    assert set(fields["Uid"].split()) == {str(container.uid)}
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
    assert fields["NoNewPrivs"] == "1"
    assert container.main.cmdline() == ["/app/bin/python", "-m", "service"]
    mounts = Path(f"/proc/{container.main.pid}/mounts").read_text().splitlines()
    assert [line for line in mounts if line.split()[1] == "/" and "ro" in line.split()[3].split(",")]


def test_the_image_has_no_tools(bundle: Path) -> None:
    """No compiler, no pip, nothing of training's libraries."""
    root = bundle / "rootfs"
    packages = {path.name for path in root.glob("app/lib/python3*/site-packages/*")}
    assert not packages & {"pip", "sklearn", "scipy", "pyarrow", "rich", "pandas", "pytest", "locust"}
    assert not list(root.glob("usr/bin/*gcc*"))


def test_the_bill_of_materials_is_complete(bundle: Path) -> None:
    """Every installed package is in it, and each says, or brings, a licence that lets it be passed on."""
    root = bundle / "rootfs" / "app"
    components = json.loads((root / "sbom.json").read_text())["components"]
    listed = {canonicalize_name(each["name"]): each for each in components}
    for folder in root.glob("lib/python3*/site-packages/*.dist-info"):
        name, version = folder.name.removesuffix(".dist-info").split("-")
        if name == "logitserve":
            continue  # that is what the bill is of
        component = listed[canonicalize_name(name)]
        assert component["version"] == version
        licences = json.dumps(component.get("licenses", ""))
        licences += "".join(text.read_text() for text in folder.rglob("LICEN[CS]E*"))
        assert re.search("Apache|MIT|BSD|PSF|MPL|ISC", licences), name


def test_it_answers(container: Container) -> None:
    """Probes, a prediction and a scrape."""
    assert {path: container.status(path) for path in ("/livez", "/readyz", "/health")} == {
        "/livez": 200,
        "/readyz": 200,
        "/health": 200,
    }
    answer = container.http.post("/predict", json={"instances": [ROW]})
    assert answer.status_code == 200, answer.text
    assert container.metric("logitserve_rows_total") >= 1


@pytest.mark.parametrize("mounting", [as_folder, as_kubelet])
def test_it_follows_a_store_that_it_cannot_write(
    mounting: Callable[[Path, Path, Path], Callable[[], None]],
    bundle: Path,
    store: Path,
    two_versions: Path,
    tmp_path: Path,
) -> None:
    """A version promoted from outside, under load: each request is answered, with the values of one version.

    Once an answer named the new version no later request is answered by the old one.
    """
    mounted = tmp_path / "mounted"
    change = mounting(mounted, store, two_versions)
    let_read(mounted)
    sent: dict[int, float] = {}
    answered: dict[str, list[tuple[int, float]]] = defaultdict(list)
    values: dict[str, set[str]] = defaultdict(set)

    def request(number: int) -> bytes:
        sent[number] = time.monotonic()
        return post([ROW])

    def note(number: int, answer: Answer) -> bool:
        body = json.loads(answer.body)
        answered[body["version"]].append((number, time.monotonic()))
        values[body["version"]].add(json.dumps(body["predictions"]))
        return True

    async def load(port: int) -> tuple[openloop.Result, float]:
        async def promote() -> float:
            await asyncio.sleep(1)
            await asyncio.to_thread(change)
            return time.monotonic()

        loading = openloop.run(port, openloop.poisson(RATE, 1 + 3 * FOLLOWS_S), request, note)
        return await asyncio.gather(loading, promote())

    container = Container(bundle, mounted, f"{mounting.__name__.replace('_', '-')}-{os.getpid()}")
    try:
        result, promoted = asyncio.run(load(container.port))
        assert set(result.counts()) == {200}, container.log.read_text()
        assert set(values) == {"1", "2"}, container.log.read_text()
        assert [len(each) for each in values.values()] == [1, 1]
        began = min(at for _, at in answered["2"])
        assert began < promoted + FOLLOWS_S
        assert max(sent[number] for number, _ in answered["1"]) < began
        assert container.metric("logitserve_worker_restarts_total") == 0
    finally:
        container.close()


def test_it_survives_the_memory_limit(container: Container) -> None:
    """The kernel kills the worker at the limit; requests sent meanwhile are answered by the next one."""
    worker = container.worker()
    Path(f"/proc/{worker.pid}/oom_score_adj").write_text("1000")
    status = Path(f"/proc/{worker.pid}/status").read_text()
    inside = next(line.split()[-1] for line in status.splitlines() if line.startswith("NSpid"))
    fill = ["runc", "exec", container.name, "/app/bin/python", "-c", FILL, inside]

    async def load() -> openloop.Result:
        # Unchecked: the kernel may take this one too, while the worker is still giving back its memory.
        filling = asyncio.create_task(asyncio.to_thread(subprocess.run, fill, check=False, timeout=120))
        arrivals = openloop.poisson(RATE, 8)
        result = await openloop.run(container.port, arrivals, lambda _: post([ROW]))
        await filling
        return result

    result = asyncio.run(load())
    assert not worker.is_running()
    assert set(result.counts()) == {200}, result.report()
    assert container.metric("logitserve_worker_restarts_total") >= 1
    wait_for(lambda: container.status("/readyz") == 200)


def test_it_drains_as_pid_1(container: Container) -> None:
    """SIGTERM under load: whoever was let in is answered 200, and the container exits with 0."""

    async def load() -> openloop.Result:
        async def end() -> None:
            await asyncio.sleep(1)
            container.signal("TERM")

        arrivals = openloop.poisson(RATE, 1 + DRAIN_S + 1)
        loading = openloop.run(container.port, arrivals, lambda _: post([ROW]))
        result, _ = await asyncio.gather(loading, end())
        return result

    result = asyncio.run(load())
    assert container.runc.wait(90) == 0, container.log.read_text()
    assert set(result.counts()) <= {0, 200}, result.report()
    assert set(result.broken()) <= {"ConnectionRefusedError"}
    assert result.counts()[200] > RATE * DRAIN_S * 0.8
