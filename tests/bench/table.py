"""The report: medians, ratios and Markdown. Knows nothing of how the figures were taken."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.load import Load

LIMIT = "limit"
LOAD_HEAD = (
    "connections",
    "target",
    "req/s",
    "of limit",
    "p50 ms",
    "of limit",
    "p99 ms",
    "of limit",
    "errors",
    "CPU s per 1,000 requests: by process",
)
COST_HEAD = ("target", "start to ready, s", "idle CPU, % of a core", "memory (PSS), MiB")


@dataclass(frozen=True)
class Sample:
    """One load on one target in one round, and the CPU seconds that it took in each kind of process."""

    round: int
    target: str
    workload: str
    connections: int
    load: Load
    cpu_s: dict[str, float]


@dataclass(frozen=True)
class Footprint:
    """What one target took in one round beside the load; idle is in percent of one core."""

    round: int
    target: str
    ready_s: float
    idle_percent: float
    memory_bytes: int


@dataclass(frozen=True)
class Row:
    """One target under one load: medians over the rounds, but the errors of all of them together.

    A `_ratio` is the median of each round's ratio to the limit, None where the limit was not measured.
    """

    workload: str
    connections: int
    target: str
    rate: float
    rate_ratio: float | None
    p50_ms: float
    p50_ratio: float | None
    p99_ms: float
    p99_ratio: float | None
    errors: int
    cpu_s_per_1000: dict[str, float]


@dataclass(frozen=True)
class Cost:
    """One target's footprint: medians over the rounds."""

    target: str
    ready_s: float
    idle_percent: float
    memory_bytes: float


def rows(samples: Iterable[Sample]) -> list[Row]:
    """Make a row of each target under each load, loads together, each in the order of first appearance."""
    loads: dict[tuple[str, int], dict[str, list[Sample]]] = {}
    for sample in samples:
        targets = loads.setdefault((sample.workload, sample.connections), {})
        targets.setdefault(sample.target, []).append(sample)
    return [_row(taken, targets.get(LIMIT, [])) for targets in loads.values() for taken in targets.values()]


def _row(taken: list[Sample], limit: list[Sample]) -> Row:
    limits = {sample.round: sample.load for sample in limit}

    def typical(figure: Callable[[Load], float]) -> float:
        return median(figure(sample.load) for sample in taken)

    def ratio(figure: Callable[[Load], float]) -> float | None:
        pairs = [(sample.load, limits[sample.round]) for sample in taken if sample.round in limits]
        return median(figure(load) / figure(best) for load, best in pairs) if pairs else None

    cpu: Counter[str] = Counter()
    for sample in taken:
        cpu.update(sample.cpu_s)
    requests = sum(sample.load.requests for sample in taken)
    return Row(
        workload=taken[0].workload,
        connections=taken[0].connections,
        target=taken[0].target,
        rate=typical(lambda load: load.rate),
        rate_ratio=ratio(lambda load: load.rate),
        p50_ms=typical(lambda load: load.p50_ms),
        p50_ratio=ratio(lambda load: load.p50_ms),
        p99_ms=typical(lambda load: load.p99_ms),
        p99_ratio=ratio(lambda load: load.p99_ms),
        errors=sum(sample.load.errors for sample in taken),
        cpu_s_per_1000={role: 1000 * used / requests for role, used in cpu.items()},
    )


def costs(footprints: Sequence[Footprint]) -> list[Cost]:
    """Make a row of each target, in the order of first appearance."""
    targets = dict.fromkeys(footprint.target for footprint in footprints)
    return [_cost([each for each in footprints if each.target == target]) for target in targets]


def _cost(taken: list[Footprint]) -> Cost:
    return Cost(
        target=taken[0].target,
        ready_s=median(each.ready_s for each in taken),
        idle_percent=median(each.idle_percent for each in taken),
        memory_bytes=median(each.memory_bytes for each in taken),
    )


def markdown(rows: Sequence[Row], costs: Sequence[Cost]) -> str:
    """Lay out one table for each workload and one of what the targets cost beside the load."""
    names = dict.fromkeys(row.workload for row in rows)
    tables = [
        _table(name, LOAD_HEAD, [_cells(row) for row in rows if row.workload == name]) for name in names
    ]
    return "\n\n".join([*tables, _table("Beside the load", COST_HEAD, [_cost_cells(cost) for cost in costs])])


def _cells(row: Row) -> tuple[str, ...]:
    return (
        str(row.connections),
        row.target,
        f"{row.rate:,.0f}",
        _ratio(row.rate_ratio),
        f"{row.p50_ms:.2f}",
        _ratio(row.p50_ratio),
        f"{row.p99_ms:.2f}",
        _ratio(row.p99_ratio),
        str(row.errors),
        _by_process(row.cpu_s_per_1000),
    )


def _cost_cells(cost: Cost) -> tuple[str, ...]:
    memory = f"{cost.memory_bytes / 2**20:,.0f}"
    return cost.target, f"{cost.ready_s:.1f}", f"{cost.idle_percent:.1f}", memory


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _by_process(cpu_s: dict[str, float]) -> str:
    total = sum(cpu_s.values())
    told = sorted(((used, role) for role, used in cpu_s.items() if used > total / 100), reverse=True)
    return f"{total:.3f}: " + ", ".join(f"{role} {used:.3f}" for used, role in told)


def _table(title: str, head: tuple[str, ...], body: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *body]
    return f"**{title}**\n\n" + "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
