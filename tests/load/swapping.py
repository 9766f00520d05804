"""Promotions and rollbacks of a model that is being asked, or is not: how long they take, what they cost."""

import asyncio
import gc
import multiprocessing
import random
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from deploy.load.client import Answer
from deploy.load.samples import Result
from models.artifact import Artifact
from models.defaults import DEFAULT_MODEL
from models.pruning import prune
from models.repository import CURRENT, Repository
from tests.e2e.running import Service, wait_for
from tests.load import memory, paced
from tests.load.memory import Memory
from tests.load.versions import Expected, copy

ROLLBACK_EVERY = 4
APART_S = 0.05
GIVE_UP_S = 15.0
KEPT = 3
"""Newest versions that stay in the store when each swap publishes one."""


@dataclass
class Watch:
    """Judges answers while versions change: each must be of the version that it names, and of a recent one.

    A request that was sent after the first answer by a version must not be answered by an older one.
    """

    expected: Expected
    promoted: list[int]
    """The versions that were promoted, in their order."""
    answered: int = 0
    """Place in `promoted` of the newest that answered."""
    first: float = 0.0
    """When it answered first."""
    mixed: int = 0
    """Answers whose probabilities are not those of the version that they name."""
    stale: int = 0
    """Answers by an older version than the one that was known to answer when the request was sent."""
    new: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the newest has answered."""
    _sent: dict[int, int] = field(default_factory=dict)

    def request(self, number: int) -> bytes:
        """Return a request, and note which version is known to answer as it is sent."""
        self._sent[number] = self.answered
        return self.expected.request(number)

    def right(self, number: int, answer: Answer) -> bool:
        """Judge an answer; one that is no success is counted by its status."""
        since = self._sent.pop(number)
        if answer.status != 200:
            return True
        version, own = self.expected.judge(number, answer)
        newest = len(self.promoted) - 1
        if version == self.promoted[newest] and self.answered < newest:
            self.answered, self.first = newest, time.time()
            self.new.set()
        recent = version in self.promoted[since:]
        self.mixed += not own
        self.stale += not recent
        return own and recent


@dataclass(frozen=True)
class Loaded:
    """What came of a load with swaps: `seconds` from CURRENT's rename to the first answer, of each swap."""

    result: Result
    resets: list[paced.Reset]
    foreign: int
    """Resets of connections that were not the killed HTTP process's."""
    seconds: list[float]
    kills: list[float]
    """When something was killed, in seconds from the start."""
    mixed: int
    stale: int


async def under_load(
    service: Service,
    store: Path,
    expected: Expected,
    *,
    clients: int,
    rate: float,
    seconds: float = 0,
    swaps: int = 0,
    kill: bool = False,
) -> Loaded:
    """Load a service evenly for so long without swaps and for so many swaps.

    With `kill`, a worker is killed after a third of the swaps, an HTTP process after two thirds.
    """
    repository = Repository(store)
    watch = Watch(expected, [repository.current(DEFAULT_MODEL)])
    over = asyncio.Event()
    load = paced.run(service.port, clients, rate, over, watch.request, watch.right)
    loading, started = asyncio.create_task(load), time.monotonic()
    killed: set[int] = set()
    kills: list[float] = []
    took: list[float] = []
    draw = random.Random(0)  # noqa: S311 - when and which does not matter
    # A promotion verifies, which would stop the clients of this process, as would a look for garbage among
    # all that they keep: what they then measure is not the service.
    promoter = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    gc.disable()
    try:
        await asyncio.sleep(seconds)
        for number in range(swaps):
            if kill and number in {swaps // 3, swaps * 2 // 3}:
                kills.append(time.monotonic() - started)
                killed |= _kill(service, http=len(kills) > 1)
            await asyncio.sleep(APART_S + draw.random())  # at any moment of the librarian's second
            back = number % ROLLBACK_EVERY == 1
            took.append(await _swap(repository, promoter, watch, draw, back=back))
    finally:
        gc.enable()
        promoter.shutdown()
        over.set()
        result, resets = await loading
    foreign = sum(reset.port not in killed for reset in resets)
    return Loaded(result, resets, foreign, took, kills, watch.mixed, watch.stale)


def _kill(service: Service, *, http: bool) -> set[int]:
    """Kill an HTTP process or a worker; return the ports of the clients that were connected to it."""
    process = (service.apis() if http else service.workers())[0]
    connections = process.net_connections("tcp") if http else []
    ports = {connection.raddr.port for connection in connections if connection.raddr}
    process.kill()
    return ports


async def _swap(
    repository: Repository, promoter: Executor, watch: Watch, draw: random.Random, *, back: bool
) -> float:
    """Make another version current; return the seconds from CURRENT's rename to the first answer by it."""
    watch.new.clear()
    loop = asyncio.get_running_loop()
    if back:
        to = watch.promoted[-2]
        watch.promoted.append(to)
        await loop.run_in_executor(promoter, repository.rollback, DEFAULT_MODEL)
    else:
        others = [each for each in watch.expected.versions if each != watch.promoted[-1]]
        to = draw.choice(others)
        watch.promoted.append(to)
        await loop.run_in_executor(promoter, repository.promote, DEFAULT_MODEL, to)
    assert repository.current(DEFAULT_MODEL) == to
    renamed = _renamed(repository)
    await asyncio.wait_for(watch.new.wait(), GIVE_UP_S)
    return watch.first - renamed


def _renamed(repository: Repository) -> float:
    """Return when CURRENT got its name, by the clock of the file system."""
    return (repository.root / DEFAULT_MODEL / CURRENT).stat().st_ctime


@dataclass(frozen=True)
class Idle:
    """What came of swaps to ever new versions without load; `copies` are in the run directory at the end."""

    seconds: list[float]
    before: Memory
    after: Memory
    copies: int


def idle(
    service: Service,
    store: Path,
    artifact: Artifact,
    run_dir: Path,
    *,
    warm: int,
    swaps: int,
) -> Idle:
    """Publish so many new versions, one after the other once it answers, and remove the older ones.

    `warm` swaps go before the first look at the memory, so that as many versions are held at both.
    """
    repository = Repository(store)
    took: list[float] = []
    before = memory.look(service)
    row = list(artifact.manifest.golden[0].input)
    for number in range(warm + swaps):
        if number == warm:
            before = memory.look(service)
        version = str(copy(artifact, store, DEFAULT_MODEL).manifest.version)
        renamed = _renamed(repository)
        wait_for(lambda version=version: service.predict(row).json()["version"] == version, GIVE_UP_S)
        took.append(time.time() - renamed)
        prune(repository, DEFAULT_MODEL, KEPT)
    copies = sum(len(path.name) == 64 for path in (run_dir / "models").iterdir())
    return Idle(took[warm:], before, memory.look(service), copies)
