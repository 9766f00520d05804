"""The report: medians, ratios by round and Markdown. Knows nothing of how the figures were taken."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

OURS, PEER = "logitserve", "pandas and scikit-learn"
DEFAULT = 1e-4
"""scikit-learn's tolerance."""
SAME = 1e-9
"""Of the objective: what differs by less is the same optimum."""
MIB = 2**20


@dataclass(frozen=True)
class Search:
    """Weights found in one round, by `who` with a tolerance (scikit-learn's), and the objective there."""

    round: int
    who: str
    tolerance: float
    wall_s: float
    cpu_s: float
    objective: float


@dataclass(frozen=True)
class Cost:
    """What a process took; the memory is the most that was resident at once, mapped files counted."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


@dataclass(frozen=True)
class Command:
    """What a command took in one round, on so many rows of so many inputs (0: the default data)."""

    round: int
    who: str
    rows: int
    inputs: int
    cost: Cost


Figure = Search | Command
Taken = TypeVar("Taken", Search, Command)


def ratio(ours: Sequence[Taken], theirs: Sequence[Taken], figure: Callable[[Taken], float]) -> str:
    """Return the median over rounds of the ratio of two figures within a round, and the least and the most.

    Between these, of five rounds, lies the true median in 94 of 100 runs.
    """
    found = [figure(one) / figure(other) for one in ours for other in theirs if one.round == other.round]
    return f"{median(found):.2f} [{min(found):.2f}, {max(found):.2f}]"


def searches(taken: Sequence[Search]) -> str:
    """Lay out who found the weights, the quickest first, and how much of each one's time ours took."""
    by_who: dict[str, list[Search]] = {}
    for each in taken:
        by_who.setdefault(each.who, []).append(each)
    ours = by_who[OURS]
    best = ours[0].objective
    body = []
    for who, own in sorted(by_who.items(), key=lambda pair: median(each.wall_s for each in pair[1])):
        body.append(
            (
                who,
                f"{median(each.wall_s for each in own):.2f}",
                f"{median(each.cpu_s for each in own):.2f}",
                f"{own[0].objective - best:+.1e}",
                "" if who == OURS else ratio(ours, own, lambda each: each.wall_s),
                "" if who == OURS else ratio(ours, own, lambda each: each.cpu_s),
            )
        )
    head = ("who", "s", "CPU s", "objective above ours", "ours of its s", "of its CPU s")
    return _table("From arrays to weights", head, body)


def quickest(taken: Sequence[Search], *, same: bool) -> str:
    """Name scikit-learn's quickest, of all as they come, or of those that find the `same` objective."""
    best = next(each.objective for each in taken if each.who == OURS)
    walls: dict[str, list[float]] = {}
    for each in taken:
        fits = each.objective - best <= SAME * best if same else each.tolerance == DEFAULT
        if each.who != OURS and fits:
            walls.setdefault(each.who, []).append(each.wall_s)
    return min(walls, key=lambda who: median(walls[who])) if walls else ""


def verdict(taken: Sequence[Search]) -> str:
    """Say how ours does beside the quickest of either."""
    ours = [each for each in taken if each.who == OURS]
    lines = []
    for same, says in ((True, "of those that find the same objective"), (False, "as they come")):
        who = quickest(taken, same=same)
        if who:
            own = [each for each in taken if each.who == who]
            found = ratio(ours, own, lambda each: each.wall_s)
            lines.append(f"{found} of the time of scikit-learn's quickest {says}: {who}")
    return "\n".join(f"- {line}" for line in lines)


def commands(title: str, taken: Sequence[Command]) -> str:
    """Lay out what commands took on as many rows and inputs, medians over rounds."""
    alike: dict[tuple[int, int, str], list[Command]] = {}
    for each in taken:
        alike.setdefault((each.rows, each.inputs, each.who), []).append(each)
    beside = any(who != OURS for *_, who in alike)
    body: list[tuple[str, ...]] = []
    for (rows, inputs, who), own in alike.items():
        ours = alike[rows, inputs, OURS]
        body.append(
            (
                f"{rows:,}",
                str(inputs),
                who,
                f"{median(each.cost.wall_s for each in own):.1f}",
                f"{median(each.cost.cpu_s for each in own):.1f}",
                f"{median(each.cost.peak_bytes for each in own) / MIB:,.0f}",
                *(
                    ("" if who == OURS else ratio(ours, own, figure))
                    for figure in (lambda each: each.cost.wall_s, lambda each: each.cost.peak_bytes)
                    if beside
                ),
            )
        )
    head: tuple[str, ...] = ("rows", "inputs", "who", "s", "CPU s", "peak MiB")
    head += ("ours of its s", "of its memory") * beside
    return _table(title, head, body)


def _table(title: str, head: tuple[str, ...], body: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *body]
    return f"**{title}**\n\n" + "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
