"""Versions that change under a running service: requests notice by the version in their answers."""

import asyncio
import contextlib
import json
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from deploy.load.client import Answer, Connection, post
from models import durable
from models.repository import CURRENT, Repository
from service.run_directory import models_path
from tests.e2e import faulty
from tests.e2e.running import Service, wait_for
from tests.e2e.swapping import LONG_S, MODEL, ROW, by_number, promote, refused, under_traffic, version
from tests.load import closedloop
from tests.models.kubelet import mount, tree

Start = Callable[..., Service]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store of three versions that tell themselves by their answers; CURRENT names the first."""
    return faulty.publish_telling(tmp_path / "store", MODEL, 3)


def test_promotions_and_rollbacks_fail_no_request(start: Start, root: Path) -> None:
    """Every answer is 200 and of the version that it names; the former ones answer by their numbers."""
    service = start(model_store=root, api_servers=2, workers_per_device=2)
    repository = Repository(root)

    def swap() -> None:
        for number in (2, 3):
            promote(root, service, number)
        repository.rollback(MODEL)
        wait_for(lambda: version(service) == "2", LONG_S)
        promote(root, service, 3)

    result, seen = under_traffic(service, swap)
    assert set(result.counts()) == {200}, result.report()
    assert set(seen) == {"1", "2", "3"}
    for number in (1, 2, 3):
        assert by_number(service, number)["version"] == str(number)
    info = service.http.get("/info").json()
    assert {each["version"]: each["current"] for each in info["models"]} == {
        "1": False,
        "2": False,
        "3": True,
    }
    assert info["digest"] == repository.resolve(MODEL, 3).digest
    assert not info["refused"]
    assert service.metric("model_info", version="3") == 1
    assert "telling: version 3 serves" in service.log()
    assert service.stop() == 0


def test_a_kept_connection_sees_the_new_version(start: Start, root: Path) -> None:
    """Pipelined requests on it are answered in order, and never by an older version than before."""
    service = start(model_store=root, api_servers=1)
    together = 10

    async def main() -> None:
        connection = await Connection.connect(service.port)
        seen = ["1"]
        Repository(root).promote(MODEL, 2)
        until = asyncio.get_running_loop().time() + LONG_S
        while seen[-1] == "1":
            assert asyncio.get_running_loop().time() < until
            answers = [await connection.ask(b"".join(map(faulty.request, range(together))))]
            answers += [await connection.answer() for _ in range(together - 1)]
            for number, answer in enumerate(answers):
                assert answer.status == 200
                assert faulty.telling(number, answer)
                seen.append(json.loads(answer.body)["version"])
        assert seen == sorted(seen)
        connection.close()

    asyncio.run(main())


def test_current_that_changes_ten_times_a_second(start: Start, root: Path) -> None:
    """Whatever is caught of it, each answer is a version's own, and in the end the last one serves."""
    service = start(model_store=root, api_servers=2)
    over = threading.Event()

    def rewrite() -> None:
        number = 1
        for _ in range(20):
            number = 3 - number
            (root / MODEL / CURRENT).write_text(f"{number}\n")  # not by a rename: it may be read torn
            over.wait(0.1)
        durable.replace(root / MODEL / CURRENT, b"3\n")
        wait_for(lambda: version(service) == "3", LONG_S)

    result, _ = under_traffic(service, rewrite)
    assert set(result.counts()) == {200}, result.report()
    wait_for(lambda: not refused(service))


def test_a_folder_that_is_renamed_while_it_serves(start: Start, root: Path) -> None:
    """The version goes on, and its lack in the store is said until it is back."""
    service = start(model_store=root)
    folder = root / MODEL / "1"

    def rename() -> None:
        folder.rename(root / MODEL / "away")
        [told] = wait_for(lambda: refused(service))
        assert (told["model"], told["reason"]) == (MODEL, "broken")
        assert service.ready()
        (root / MODEL / "away").rename(folder)
        wait_for(lambda: not refused(service))

    result, seen = under_traffic(service, rename)
    assert set(result.counts()) == {200}, result.report()
    assert set(seen) == {"1"}


def test_a_store_that_is_mounted_anew_with_another_version(start: Start, tmp_path: Path) -> None:
    """Behind a `..data` link everything changes at once, and only the newer version serves afterwards."""
    stores = [faulty.publish_telling(tmp_path / str(number), MODEL, number) for number in (1, 2)]
    (stores[1] / MODEL / CURRENT).write_text("2\n")
    shutil.rmtree(stores[1] / MODEL / "1")
    mount(tmp_path / "mounted", tree(stores[0]))
    service = start(model_store=tmp_path / "mounted")

    def remount() -> None:
        mount(tmp_path / "mounted", tree(stores[1]))
        wait_for(lambda: version(service) == "2", LONG_S)

    result, seen = under_traffic(service, remount)
    assert set(result.counts()) == {200}, result.report()
    assert set(seen) == {"1", "2"}
    wait_for(lambda: not refused(service))


def test_a_store_that_is_unmounted(start: Start, root: Path) -> None:
    """Without its store the service goes on, a worker that it has to replace included."""
    service = start(model_store=root, timeout_s=LONG_S, api_servers=1)
    away = root.with_name("away")

    def unmount() -> None:
        root.rename(away)
        wait_for(lambda: refused(service))
        service.workers()[0].kill()
        wait_for(lambda: service.metric("worker_restarts_total") == 1, LONG_S)
        wait_for(service.ready, LONG_S)
        assert version(service) == "1"
        away.rename(root)
        promote(root, service, 2)

    result, seen = under_traffic(service, unmount)
    assert set(result.counts()) == {200}, result.report()
    assert set(seen) == {"1", "2"}
    wait_for(lambda: not refused(service))


def test_a_number_that_is_used_again(start: Start, root: Path, tmp_path: Path) -> None:
    """Version 1 with other bytes is another version: it is loaded, and answers for the number."""
    service = start(model_store=root)
    before = service.http.get("/info").json()["digest"]
    faulty.publish(tmp_path / "other", MODEL, 0, bias=-1)
    (root / MODEL / "1").rename(tmp_path / "gone")
    (tmp_path / "other" / MODEL / "1").rename(root / MODEL / "1")
    digest = Repository(root).resolve(MODEL, 1).digest
    wait_for(lambda: service.http.get("/info").json()["digest"] == digest, LONG_S)
    for answer in (service.predict(ROW).json(), by_number(service, 1)):
        assert answer["version"] == "1"
        assert answer["predictions"][0]["probabilities"]["yes"] == pytest.approx(faulty.sigmoid(-1), abs=1e-5)
    known = [each["digest"] for each in service.http.get("/info").json()["models"]]
    assert known == [digest]
    assert digest != before


def test_inputs_in_another_order(start: Start, root: Path) -> None:
    """Rows by name mean the same before and after; /info tells that rows by position do not."""
    faulty.publish(root, MODEL, 0, bias=4 * faulty.BIAS, inputs=("logit", "fault"), promote=False)
    service = start(model_store=root)
    inputs_digest = service.http.get("/info").json()["inputs_digest"]
    seen = []

    def verify(_: int, answer: Answer) -> bool:
        body = json.loads(answer.body)
        seen.append(body["version"])
        expected = faulty.sigmoid(2 + faulty.BIAS * int(body["version"]))
        return bool(body["predictions"][0]["probabilities"]["yes"] == pytest.approx(expected, abs=1e-5))

    def swap() -> None:
        promote(root, service, 4)
        wait_for(lambda: "4" in seen)

    async def main() -> closedloop.Result:
        request = post([{"fault": faulty.GOOD, "logit": 2}])
        swapped = asyncio.to_thread(swap)
        return await closedloop.run(service.port, 8, swapped, lambda _: request, verify)

    result = asyncio.run(main())
    assert set(result.counts()) == {200}, result.report()
    assert not result.wrong()
    assert set(seen) == {"1", "4"}
    assert service.http.get("/info").json()["inputs_digest"] != inputs_digest


def test_other_inputs(start: Start, root: Path) -> None:
    """A request is read by the inputs of the version that answers it; the former one takes what it took."""
    inputs = ("fault", "logit", "new")
    faulty.publish(root, MODEL, 0, bias=4 * faulty.BIAS, inputs=inputs, promote=False)
    service = start(model_store=root)
    assert version(service) == "1"
    Repository(root).promote(MODEL, 4)
    wait_for(lambda: service.predict([*ROW, 0]).status_code == 200, LONG_S)
    assert service.predict([*ROW, 0]).json()["version"] == "4"
    answer = service.predict(dict(zip(faulty.INPUTS, ROW, strict=True)))
    assert answer.status_code == 422
    assert '"new"' in answer.json()["error"]
    assert by_number(service, 1)["version"] == "1"
    described = service.http.get("/openapi.json").json()["components"]["schemas"]["NamedRow"]["properties"]
    assert set(inputs) <= described.keys()


def test_a_swap_while_it_drains(start: Start, root: Path) -> None:
    """Requests that are still taken are answered, by the new version too; the end comes as ever."""
    service = start(model_store=root, drain_s=LONG_S)

    def drain() -> None:
        service.main.send_signal(signal.SIGTERM)
        wait_for(lambda: not service.ready())
        promote(root, service, 2)

    result, seen = under_traffic(service, drain)
    assert set(result.counts()) == {200}, result.report()
    assert set(seen) == {"1", "2"}

    def ended() -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            service.main.send_signal(signal.SIGTERM)  # one that comes a second later ends the drain
        return service.main.poll() is not None

    wait_for(ended, every_s=0.5)
    assert service.main.wait() == 0


def test_a_swap_while_a_worker_restarts(start: Start, root: Path) -> None:
    """Requests wait for the worker, which comes up with the new version; so does the one after it."""
    service = start(model_store=root, timeout_s=LONG_S, api_servers=2)

    def swap() -> None:
        service.workers()[0].kill()
        promote(root, service, 2)
        wait_for(lambda: service.metric("worker_up") == 1, LONG_S)
        service.workers()[0].kill()
        wait_for(lambda: service.metric("worker_restarts_total") == 2, LONG_S)
        assert version(service) == "2"

    result, seen = under_traffic(service, swap)
    assert set(result.counts()) == {200}, result.report()
    assert set(seen) <= {"1", "2"}
    assert by_number(service, 1)["version"] == "1"


def test_a_swap_while_an_http_process_restarts(start: Start, root: Path) -> None:
    """Only the connections of the killed process are lost; the next one answers by the new version."""
    service = start(model_store=root, api_servers=2)
    killed = service.apis()[0].pid

    def swap() -> None:
        psutil.Process(killed).kill()
        promote(root, service, 2)
        wait_for(lambda: len(apis := service.apis()) == 2 and killed not in [api.pid for api in apis])
        promote(root, service, 3)

    result, seen = under_traffic(service, swap)
    assert sum(result.broken().values()) <= 21
    assert set(result.counts()) <= {0, 200}
    assert set(seen) == {"1", "2", "3"}
    assert service.stop() == 0


def test_a_swap_during_overload(start: Start, tmp_path: Path) -> None:
    """What is taken is answered by the version that it names, the rest is refused as ever."""
    root = faulty.publish_telling(tmp_path / "store", MODEL, 2, faulty.SECONDS_PER_ROW)
    service = start(model_store=root, max_pending=20, api_servers=1)

    def swap() -> None:
        Repository(root).promote(MODEL, 2)
        wait_for(lambda: service.metric("model_info", version="2") == 1, LONG_S)

    result, seen = under_traffic(service, swap, clients=100, think_s=0.05)
    assert set(result.counts()) == {200, 503}, result.report()
    assert set(seen) == {"1", "2"}
    wait_for(lambda: service.metric("pending_requests") == 0)
    assert version(service) == "2"


def test_two_services_on_one_store(start: Start, root: Path) -> None:
    """Both follow, each with copies of its own."""
    services = [start(model_store=root), start(model_store=root)]
    for service in services:
        assert version(service) == "1"
    for number in (2, 3):
        Repository(root).promote(MODEL, number)
        for service in services:
            wait_for(lambda it=service, wanted=number: version(it) == str(wanted), LONG_S)
    assert services[0].stop() == 0
    assert version(services[1]) == "3"


def test_a_librarian_that_dies(start: Start, root: Path) -> None:
    """The next one starts by itself, and the service follows its store as before."""
    service = start(model_store=root)
    killed = service.librarian()

    def swap() -> None:
        killed.kill()
        promote(root, service, 2)
        assert service.librarian().pid != killed.pid

    result, _ = under_traffic(service, swap)
    assert set(result.counts()) == {200}, result.report()
    assert "the librarian ended with status -9; starting the next" in service.log()
    assert service.stop() == 0


def test_a_librarian_that_hangs(start: Start, root: Path) -> None:
    """While it stands still, as with a mount that hangs, all but swaps goes on, restarts and the end too."""
    service = start(model_store=root, timeout_s=LONG_S, api_servers=2)
    librarian = service.librarian()
    librarian.suspend()
    Repository(root).promote(MODEL, 2)

    def restart() -> None:
        service.workers()[0].kill()
        wait_for(lambda: service.metric("worker_restarts_total") == 1, LONG_S)
        wait_for(service.ready, LONG_S)
        assert version(service) == "1"

    result, seen = under_traffic(service, restart)
    assert set(result.counts()) == {200}, result.report()
    assert set(seen) == {"1"}
    librarian.resume()
    wait_for(lambda: version(service) == "2", LONG_S)
    service.librarian().suspend()
    assert service.stop() == 0


def test_copies_that_a_cleaner_removes(start: Start, root: Path, tmp_path: Path) -> None:
    """What serves goes on; the copies are made anew, and the next worker and HTTP process find them."""
    service = start(model_store=root, run_dir=tmp_path / "run", timeout_s=LONG_S, api_servers=2)
    models = models_path(tmp_path / "run")
    digest = service.http.get("/info").json()["digest"]

    def clean() -> None:
        shutil.rmtree(models)
        assert version(service) == "1"
        wait_for((models / digest).is_dir)
        wait_for(lambda: list(models.glob("table-*.json")))
        service.workers()[0].kill()
        wait_for(lambda: service.metric("worker_restarts_total") == 1, LONG_S)
        wait_for(service.ready, LONG_S)
        assert version(service) == "1"
        promote(root, service, 2)

    result, seen = under_traffic(service, clean)
    assert set(result.counts()) == {200}, result.report()
    assert set(seen) == {"1", "2"}
    killed = service.apis()[0]
    killed.kill()
    wait_for(lambda: len(apis := service.apis()) == 2 and killed.pid not in [api.pid for api in apis])
    for _ in range(20):
        answer = httpx.post(f"{service.url}/predict", json={"instances": [ROW]})  # by either process
        assert answer.json()["version"] == "2"
