"""The plots of docs/training.md: how time and memory of training grow. Knows nothing of other trainers."""

from collections.abc import Callable, Mapping, Sequence

import matplotlib as mpl

mpl.use("agg")
from matplotlib import pyplot as plt

from tests.bench.training.process import ROOT
from tests.bench.training.table import MIB, Command


def draw(by_rows: Sequence[Command], by_inputs: Sequence[Command]) -> None:
    """Draw both plots, the time on the left, the memory on the right."""
    lines = {
        f"{inputs} inputs": [each for each in by_rows if each.inputs == inputs] for inputs in _inputs(by_rows)
    }
    _plot("training-by-rows.png", "rows", lines, lambda each: each.rows)
    lines = {f"{by_inputs[0].rows:,} rows": list(by_inputs)}
    _plot("training-by-inputs.png", "inputs", lines, lambda each: each.inputs)


def _inputs(taken: Sequence[Command]) -> list[int]:
    return sorted({each.inputs for each in taken})


def _plot(
    name: str, label: str, lines: Mapping[str, Sequence[Command]], along: Callable[[Command], int]
) -> None:
    figure, (time, memory) = plt.subplots(1, 2, figsize=(9, 4))
    for says, taken in lines.items():
        places = [along(each) for each in taken]
        time.loglog(places, [each.cost.wall_s for each in taken], "o-", label=says)
        memory.semilogx(places, [each.cost.peak_bytes / MIB for each in taken], "o-", label=says)
    time.set(xlabel=label, ylabel="whole command, s")
    memory.set(xlabel=label, ylabel="peak resident memory, MiB", ylim=(0, None))
    for axes in (time, memory):
        axes.grid(which="both", alpha=0.3)
        axes.legend()
    figure.tight_layout()
    figure.savefig(ROOT / "docs" / name, dpi=100)
