"""What a worker sets aside and counts: soon, within its share of the time, and what does not fit is shed."""

import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.artifact import Artifact
from models.weights import Weights
from service.drift.columns import MOST_CLASSES
from service.drift.counting import BURST_S, MOST_ASIDE_ROWS, PIECE_ROWS, SHARE, WAIT_S, Counting
from service.drift.histogram import MOST_ROWS, Histogram
from service.drift.reader import Reader
from service.run_directory import drift_path
from tests.service import mixed as by_hand
from tests.service.drift.recount import recount

DIGEST, OTHER = bytes([1] * 32), bytes([2] * 32)
WEIGHTS = Weights(
    **{name: value.astype(np.float64) for name, value in by_hand.WEIGHTS.items()}
    | {"base": by_hand.WEIGHTS["base"]}
)


class Clock:
    """What `time.perf_counter` tells: each look takes a while, so that each piece costs as much."""

    def __init__(self) -> None:
        self.now, self.look_s = 100.0, 0.0

    def __call__(self) -> float:
        self.now += self.look_s
        return self.now


class Bench:
    """A worker's counting of the mixed model, and when it is to be woken."""

    def __init__(self, folder: Path, artifact: Artifact, limit: int = 50) -> None:
        self.artifact = artifact
        self.woken: list[float] = []
        self.counting = Counting(folder, 0, limit, self.woken.append)
        self.reader = Reader(folder)
        self.offered = 0

    def watch(self, digest: bytes = DIGEST, version: int = 3) -> None:
        """Have a version be counted."""
        manifest = self.artifact.manifest.model_copy(update={"version": version})
        self.counting.watch(digest, manifest, WEIGHTS)

    def answer(self, rows: int, digest: bytes = DIGEST) -> tuple[NDArray[Any], NDArray[Any]]:
        """Have rows be set aside."""
        random = np.random.default_rng(self.offered)
        cells = np.array(
            [random.choice([3, 4, np.nan], rows), random.choice([0, 1], rows), random.integers(0, 5, rows)]
        )
        values = cells.T.astype(np.float32)
        results = np.array([random.random(rows)] * 2, np.float32).T.copy()
        self.counting.set_aside(digest, values.tobytes(), rows, results.tobytes() + b"an explanation")
        self.offered += rows
        return values, results

    def sampled(self, digest: bytes = DIGEST) -> int:
        """Return how many rows were counted."""
        [found] = [each for each in self.reader.versions() if each.layout.digest == digest.hex()]
        return int(found.now()[found.layout.bins])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands still until a test says otherwise."""
    made = Clock()
    monkeypatch.setattr(time, "perf_counter", made)
    return made


@pytest.fixture
def bench(tmp_path: Path, mixed: Artifact, clock: Clock) -> Bench:
    """One version that is counted."""
    del clock
    made = Bench(tmp_path, mixed)
    made.watch()
    return made


def test_rows_wait_for_others_and_no_longer_than_that(bench: Bench) -> None:
    """Whoever wakes the worker is asked once for all of them."""
    for _ in range(3):
        bench.answer(1)
    assert (bench.woken, bench.sampled()) == ([WAIT_S], 0)
    bench.counting.work()  # too few for a piece
    assert bench.sampled() == 0
    bench.counting.tick()
    assert (bench.woken, bench.sampled()) == ([WAIT_S], 3)
    bench.counting.tick()
    bench.answer(1)
    assert bench.woken == [WAIT_S] * 2


def test_many_rows_are_counted_once_their_answer_is_sent(bench: Bench) -> None:
    """As a piece; what follows it waits for the next one."""
    bench.answer(PIECE_ROWS - 1)
    assert not bench.counting.pieces
    bench.answer(1)
    bench.answer(2)
    assert len(bench.counting.pieces) == 1
    assert bench.sampled() == 0
    bench.counting.work()
    assert bench.sampled() == PIECE_ROWS
    bench.counting.tick()
    assert bench.sampled() == PIECE_ROWS + 2


def test_a_sign_of_life_counts_all_that_was_answered(bench: Bench) -> None:
    """Also what came after a piece that still waits: a scrape asks for it."""
    bench.answer(PIECE_ROWS)
    bench.answer(1)
    bench.counting.tick()
    assert bench.sampled() == PIECE_ROWS + 1


@pytest.mark.parametrize("rows", [1, MOST_ROWS, MOST_ROWS + 1, 3 * MOST_ROWS + 5])
def test_counts_are_those_of_rows_counted_one_by_one(bench: Bench, rows: int) -> None:
    """However many come in one frame."""
    values, results = bench.answer(rows)
    bench.counting.tick()
    [found] = bench.reader.versions()
    wanted = recount(bench.artifact.manifest, [0, 1, 2], values, results)
    assert found.now() == pytest.approx(wanted, rel=1e-9)


def test_what_was_set_aside_is_a_copy(bench: Bench) -> None:
    """The buffer is the next frame's."""
    buffer = bytearray(np.array([[4, 1, 0]] * 5, np.float32).tobytes())
    bench.counting.set_aside(DIGEST, memoryview(buffer), 5, np.ones(10, np.float32).tobytes())
    buffer[:] = bytes(len(buffer))
    bench.counting.tick()
    [found] = bench.reader.versions()
    assert found.now()[:5].tolist() == [0, 0, 5, 0, 0]


def test_counting_takes_its_share_and_the_rest_is_shed(bench: Bench, clock: Clock) -> None:
    """The rows that were looked at are told; nothing that is aside is forgotten, and time brings it back."""
    cost = clock.look_s = BURST_S / 10
    for _ in range(100):
        bench.answer(PIECE_ROWS)
        bench.counting.work()
    early = bench.sampled()
    assert 10 * PIECE_ROWS <= early <= 12 * PIECE_ROWS
    aside = len(bench.counting.pieces) * PIECE_ROWS
    assert aside == MOST_ASIDE_ROWS
    for _ in range(9):
        clock.now += cost / SHARE
        bench.counting.tick()
        bench.answer(PIECE_ROWS)
    assert early + 9 * PIECE_ROWS <= bench.sampled() <= early + 11 * PIECE_ROWS
    clock.look_s = 0
    clock.now += 100
    bench.counting.tick()
    assert bench.sampled() - early >= MOST_ASIDE_ROWS
    assert not bench.counting.pieces
    before = bench.sampled()
    bench.answer(1)
    bench.counting.tick()
    assert bench.sampled() == before + 1


def test_without_time_it_is_woken_again_and_again(bench: Bench, clock: Clock) -> None:
    """Until what is aside was counted."""
    clock.look_s = 2 * BURST_S
    bench.answer(PIECE_ROWS)
    bench.counting.work()
    bench.answer(1)
    clock.look_s = 0
    for turn in range(2, 5):
        bench.counting.tick()
        assert (len(bench.woken), bench.sampled()) == (turn, PIECE_ROWS)
    clock.now += 100
    bench.counting.tick()
    bench.counting.tick()
    assert (len(bench.woken), bench.sampled()) == (4, PIECE_ROWS + 1)


def test_a_burst_is_no_longer_than_what_may_be_saved_up(bench: Bench, clock: Clock) -> None:
    """After a quiet day too."""
    clock.now += 86_400
    clock.look_s = BURST_S / 10
    for _ in range(40):
        bench.answer(PIECE_ROWS)
        bench.counting.work()
    assert bench.sampled() <= 12 * PIECE_ROWS


@given(
    events=st.lists(
        st.tuples(
            st.floats(0, 0.2),
            st.sampled_from([1, 3, 100, PIECE_ROWS - 1, PIECE_ROWS, PIECE_ROWS + 1, 5000]),
            st.sampled_from([DIGEST, OTHER]),
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_nothing_waits_longer_while_there_is_time(
    tmp_path_factory: pytest.TempPathFactory, mixed: Artifact, events: list[tuple[float, int, bytes, bool]]
) -> None:
    """Each row is counted WAIT_S after it came, whatever comes in between; signs of life too."""
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr(time, "perf_counter", clock)
        bench = Bench(tmp_path_factory.mktemp("counting"), mixed)
        for digest, version in ((DIGEST, 3), (OTHER, 4)):
            bench.watch(digest, version)
        wanted, came, rings_at = 0, [], None

        def ring(until: float) -> None:
            nonlocal rings_at
            if rings_at is not None and rings_at <= until:
                clock.now, rings_at = rings_at, None
                bench.counting.tick()

        for wait, rows, digest, sign_of_life in events:
            until = clock.now + wait
            ring(until)
            clock.now = until
            asked = len(bench.woken)
            bench.answer(rows, digest)
            bench.counting.work()
            came.append((clock.now, rows))
            if sign_of_life:
                bench.counting.tick()
                assert bench.sampled(DIGEST) + bench.sampled(OTHER) == bench.offered
            if len(bench.woken) > asked:
                rings_at = clock.now + bench.woken[-1]
            wanted = sum(rows for at, rows in came if at < clock.now - WAIT_S)
            assert bench.sampled(DIGEST) + bench.sampled(OTHER) >= wanted
        ring(np.inf)
        assert bench.sampled(DIGEST) + bench.sampled(OTHER) == bench.offered


def test_a_version_that_is_forgotten_is_counted_to_its_end(bench: Bench) -> None:
    """What is aside and what waits as a piece; from then on it is not looked at."""
    bench.answer(PIECE_ROWS)
    bench.answer(3)
    bench.counting.forget(DIGEST)
    bench.counting.forget(OTHER)
    bench.answer(7)
    bench.counting.tick()
    assert bench.sampled() == PIECE_ROWS + 3
    bench.watch()
    bench.answer(10)
    bench.counting.tick()
    assert bench.sampled() == PIECE_ROWS + 13


def test_a_version_is_watched_once(bench: Bench) -> None:
    """What is aside stays so when it is loaded again."""
    bench.answer(3)
    bench.watch()
    bench.counting.tick()
    assert bench.sampled() == 3


def test_versions_are_counted_apart(bench: Bench) -> None:
    """One alarm does for all."""
    bench.watch(OTHER, 4)
    bench.answer(3)
    bench.answer(5, OTHER)
    bench.answer(7, bytes(32))
    bench.counting.tick()
    assert (bench.woken, bench.sampled(), bench.sampled(OTHER)) == ([WAIT_S], 3, 5)


def test_turned_off_nothing_is_set_aside(tmp_path: Path, mixed: Artifact) -> None:
    """And no file is made."""
    bench = Bench(tmp_path, mixed, limit=0)
    bench.watch()
    bench.answer(PIECE_ROWS)
    bench.counting.tick()
    assert not bench.woken
    assert not list(tmp_path.iterdir())


def test_the_heaviest_inputs_are_looked_at(tmp_path: Path, mixed: Artifact) -> None:
    """As many as there may be; a score is none."""
    bench = Bench(tmp_path, mixed, limit=1)
    bench.watch()
    bench.answer(5)
    bench.counting.tick()
    [found] = bench.reader.versions()
    assert [column.name for column in found.layout.columns] == ["geprüft", "no", "yes"]
    assert found.now()[found.layout.bins] == 5


@pytest.mark.parametrize("torn", [False, True])
def test_where_no_file_can_be_a_version_is_not_counted(
    tmp_path: Path, mixed: Artifact, caplog: pytest.LogCaptureFixture, torn: bool
) -> None:
    """With a warning: answers do not depend on it."""
    bench = Bench(tmp_path if torn else tmp_path / "none", mixed)
    if torn:
        drift_path(tmp_path, 0, DIGEST.hex()).write_bytes(b"{}\n")
    with caplog.at_level(logging.WARNING):
        bench.watch()
    assert "drift of tiny version 3 is not counted" in caplog.text
    bench.answer(PIECE_ROWS)
    bench.counting.tick()
    bench.counting.forget(DIGEST)
    assert not bench.woken


def test_a_bug_in_counting_ends_the_counting_of_its_version_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged once; answers go on, and other versions are counted."""
    bench.watch(OTHER, 4)
    count = Histogram.counts

    def break_once(*_: Any) -> Any:
        monkeypatch.setattr(Histogram, "counts", count)
        raise RuntimeError("a bug")

    monkeypatch.setattr(Histogram, "counts", break_once)
    bench.answer(PIECE_ROWS)
    bench.counting.work()
    bench.answer(3)
    bench.answer(4, OTHER)
    bench.counting.tick()
    assert (bench.sampled(), bench.sampled(OTHER)) == (0, 4)
    assert caplog.text.count("drift is not counted any more: tiny version 3") == 1


def test_a_version_of_very_many_classes_is_counted_without_them(tmp_path: Path, mixed: Artifact) -> None:
    """Its inputs and losses are; a piece is no larger for its classes."""
    many = tuple(f"{place:03}" for place in range(MOST_CLASSES + 1))
    manifest = mixed.manifest.model_copy(update={"classes": many, "positive": None})
    counting = Counting(tmp_path, 0, 50, lambda _: None)
    counting.watch(DIGEST, manifest, WEIGHTS)
    random = np.random.default_rng(0)
    said = random.dirichlet(np.ones(len(many)), 7).astype(np.float32)
    rows = np.array([[3, 1, 0]] * 7, np.float32)
    counting.set_aside(DIGEST, rows.tobytes(), 7, said.tobytes())
    counting.count_all()
    [found] = Reader(tmp_path).versions()
    assert (found.layout.classes, {column.kind for column in found.layout.columns}) == ((), {"input"})
    wide = said.astype(np.float64)
    losses = -(wide * np.log(wide)).sum(), (wide * (1 - wide)).sum()
    assert found.now()[-3:].tolist() == pytest.approx([7, *losses])
