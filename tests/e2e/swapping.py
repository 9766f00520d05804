"""What tests of swaps ask of a service while its versions change; each tells itself by its answers."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.load.client import Answer
from models.repository import Repository
from tests.e2e import faulty
from tests.e2e.running import Service, wait_for
from tests.load import closedloop

MODEL = "telling"
ROW = [faulty.GOOD, 0]
LONG_S = 60
"""More than a worker takes to start on a loaded machine."""


def version(service: Service) -> str:
    """Return which version answers now; its answer must be that version's."""
    answer = service.predict(ROW)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    expected = faulty.sigmoid(faulty.BIAS * int(body["version"]))
    assert body["predictions"][0]["probabilities"]["yes"] == pytest.approx(expected, abs=1e-5)
    return str(body["version"])


def by_number(service: Service, number: int) -> Any:
    """Return what a version answers that is asked for by its number."""
    path = f"/models/{MODEL}/versions/{number}/predict"
    answer = service.http.post(path, json={"instances": [ROW]})
    assert answer.status_code == 200, answer.text
    return answer.json()


def promote(root: Path, service: Service, number: int) -> None:
    """Make a version CURRENT, and see the service follow."""
    Repository(root).promote(MODEL, number)
    wait_for(lambda: version(service) == str(number), LONG_S)


def under_traffic(
    service: Service, during: Callable[[], object], clients: int = 20, think_s: float = 0.01
) -> tuple[closedloop.Result, list[str]]:
    """Send requests while `during` runs, and some more; return them, and the versions that answered."""
    seen: list[str] = []

    def until() -> None:
        during()
        before = len(seen)
        wait_for(lambda: len(seen) >= before + clients)

    def verify(number: int, answer: Answer) -> bool:
        if answer.status == 200:
            seen.append(json.loads(answer.body)["version"])
        return faulty.telling(number, answer)

    async def main() -> closedloop.Result:
        over = asyncio.to_thread(until)
        return await closedloop.run(service.port, clients, over, faulty.request, verify, think_s)

    result = asyncio.run(main())
    assert not result.wrong()
    return result, seen


def refused(service: Service) -> list[dict[str, Any]]:
    """Return what the service says that it refuses."""
    found: list[dict[str, Any]] = service.http.get("/info").json()["refused"]
    return found
