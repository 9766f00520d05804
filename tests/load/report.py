"""What came of the swaps: the promises, kept or broken, and tables. Knows nothing of how it was measured."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from deploy.load.samples import BROKEN, Result
from tests.load import memory
from tests.load.memory import Memory
from tests.load.several import Several
from tests.load.swapping import Idle, Loaded

AFTER_KILL_S = 8.0
"""So much after a kill counts as its own: a worker that starts takes a core for three seconds."""
HELD = 20
"""More versions than are ever held while idle, at one swap a second."""
MEDIAN_S, MOST_S = 1.2, 2.0
P99_RATIO, RATE_RATIO, GROWTH = 2.0, 0.8, 1.05


@dataclass(frozen=True)
class Promise:
    """What was found, and whether it keeps what is promised; what is timed says little of a short run."""

    text: str
    found: float
    kept: bool
    timed: bool = False


@dataclass(frozen=True)
class Phases:
    """A load without swaps and one with them, and the memory before and after the latter."""

    capacity: float
    rate: float
    without: Loaded
    swapped: Loaded
    before: Memory
    after: Memory

    def apart_from_kills(self) -> Result:
        """Return the samples of the load with swaps that were due in no kill's seconds."""
        result, kills = self.swapped.result, self.swapped.kills
        samples = [
            sample
            for sample in result.samples
            if not any(kill <= sample.scheduled_s < kill + AFTER_KILL_S for kill in kills)
        ]
        return Result(result.seconds, samples)


def promises(phases: Phases, idle: Idle, many: Several) -> list[Promise]:
    """Judge the figures."""
    without, swapped = phases.without, phases.swapped
    statuses = without.result.counts() + swapped.result.counts()
    foreign = without.foreign + swapped.foreign
    took = [*swapped.seconds, *idle.seconds]
    p99 = phases.apart_from_kills().percentile(99) / without.result.percentile(99)
    grown = memory.growth(phases.before, phases.after)
    idly = memory.growth(idle.before, idle.after)
    ratio = many.ratio()
    return [
        _none("requests without an answer", statuses.pop(BROKEN, 0)),
        _none("answers other than 200", statuses.total() - statuses[200]),
        _none("answers of another version than they name", without.mixed + swapped.mixed),
        _none("answers by an older version than one that answered before", without.stale + swapped.stale),
        _none("resets other than of the killed HTTP process", foreign),
        _none("requests to several models that failed", many.errors),
        Promise(f"copies of versions that are kept, under {HELD}", idle.copies, idle.copies < HELD),
        _timed("from rename to answer, median, s", median(swapped.seconds), MEDIAN_S),
        _timed("from rename to answer, longest, s", max(took), MOST_S),
        _timed("p99 with swaps, apart from kills, by p99 without", p99, P99_RATIO),
        _timed("RSS of the kind that grew most, swaps under load", grown, GROWTH),
        _timed("RSS of the kind that grew most, swaps while idle", idly, GROWTH),
        Promise(
            f"rate of {many.models} models by one's, from {RATE_RATIO}", ratio, ratio >= RATE_RATIO, True
        ),
    ]


def _none(text: str, found: int) -> Promise:
    return Promise(f"{text}, none", found, not found)


def _timed(text: str, found: float, most: float) -> Promise:
    return Promise(f"{text}, up to {most}", found, found <= most, timed=True)


def tables(phases: Phases, idle: Idle, many: Several) -> str:
    """Lay out the figures in Markdown."""
    swapped = phases.swapped
    loads = {
        "without swaps": phases.without.result,
        "with swaps": swapped.result,
        f"with swaps, apart from {AFTER_KILL_S:.0f} s after each kill": phases.apart_from_kills(),
    }
    swaps = {"under load": swapped.seconds, "idle": idle.seconds}
    looks = {"under load": (phases.before, phases.after), "idle": (idle.before, idle.after)}
    return "\n\n".join(
        [
            f"{phases.capacity:,.0f} requests a second in a closed loop, {phases.rate:,.0f} in these loads.",
            _table("load, requests, statuses, p50 ms, p99 ms, longest ms", map(_load, loads, loads.values())),
            f"{len(swapped.resets)} resets, {swapped.foreign} of them not of the killed HTTP process.",
            _table(
                "from rename to answer, swaps, median s, longest s",
                ([name, str(len(s)), f"{median(s):.2f}", f"{max(s):.2f}"] for name, s in swaps.items()),
            ),
            _table(
                "MiB, processes, PSS before, PSS after, RSS before, RSS after",
                (_held(when, kind, *both) for when, both in looks.items() for kind in both[0]),
            ),
            _table(
                "models, req/s, of one, a worker's KiB a version, an HTTP process's KiB a version",
                [["1", f"{median(many.one):,.0f}", "1.00", "", ""], _many(many)],
            ),
        ]
    )


def _load(name: str, result: Result) -> list[str]:
    statuses = (f"{status or 'none'}: {count:,}" for status, count in sorted(result.counts().items()))
    latencies = (f"{result.percentile(percent) * 1e3:.1f}" for percent in (50, 99, 100))
    return [name, f"{len(result.samples):,}", "; ".join(statuses), *latencies]


def _held(when: str, kind: str, before: Memory, after: Memory) -> list[str]:
    figures = (f"{look[kind][figure]:.1f}" for figure in ("pss", "rss") for look in (before, after))
    return [f"{when}: {kind}", f"{before[kind]['processes']:.0f}", *figures]


def _many(many: Several) -> list[str]:
    added = (f"{many.kib_a_version(kind):.0f}" for kind in ("workers", "http"))
    return [str(many.models), f"{median(many.many):,.0f}", f"{many.ratio():.2f}", *added]


def _table(head: str, body: Iterable[list[str]]) -> str:
    lines = [head.split(", "), ["---"] * len(head.split(", ")), *body]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
