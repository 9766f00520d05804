"""The table of what a file was found to hold, printed before the fit. Knows nothing of how it was found."""

from collections.abc import Sequence

from models.inputs import Boolean, Categorical, Input, Numeric
from training.columns import Column
from training.dataset import Dataset

COMMONEST = 3
"""Categories of an input that are named."""
MOST_LINES = 200
"""Columns that are shown; --print-schema writes all of them."""
NAME_WIDTH = 40
TEXT_WIDTH = 24


def render(dataset: Dataset, inputs: Sequence[Input]) -> str:
    """Return a line a column, the columns left out with their reasons, and the doubts with their flags.

    `inputs` are those that became of the dataset's columns, in their order; shares are of the whole file's
    rows with a label, ranges and categories of the train rows.
    """
    lines = [_counts(dataset), *map(shown, dataset.notes), ""]
    cells = [("column", "kind", "missing", "holds")]
    pairs = list(zip(dataset.columns, inputs, strict=True))
    cells += [
        (shown(item.name), item.kind, _missing(column), _holds(item)) for column, item in pairs[:MOST_LINES]
    ]
    widths = [min(max(len(row[place]) for row in cells), NAME_WIDTH) for place in range(3)]
    lines += ["  ".join([*map(str.ljust, row[:3], widths), row[3]]).rstrip() for row in cells]
    if len(pairs) > MOST_LINES:
        lines.append(f"and {len(pairs) - MOST_LINES} more; --print-schema writes all of them")
    if dataset.left_out:
        lines += ["", "left out:"]
        lines += [f"  {shown(left.column)}: {left.reason}" for left in dataset.left_out[:MOST_LINES]]
        if len(dataset.left_out) > MOST_LINES:
            lines.append(f"  and {len(dataset.left_out) - MOST_LINES} more")
    if dataset.doubts:
        lines += ["", "please check:"]
        lines += [f"  {shown(doubt)}" for doubt in dataset.doubts[:MOST_LINES]]
    return "\n".join(lines)


def _counts(dataset: Dataset) -> str:
    rows = " + ".join(f"{len(part)} {name}" for name, part in dataset.parts.items())
    found = f"{shown(dataset.source)}: {len(dataset.y)} rows ({rows})"
    if dataset.dropped:
        found += f", {dataset.dropped} more without a label are left out"
    if dataset.duplicates:
        found += f", {dataset.duplicates} have the inputs of an earlier one"
    return found


def _missing(column: Column) -> str:
    return _share(column.missing) if column.gaps else "-"


def _holds(item: Input) -> str:
    if isinstance(item, Numeric):
        unit = f" {item.unit}" if item.unit else ""
        return f"{item.reference.min:g} to {item.reference.max:g}{unit}"
    if isinstance(item, Boolean):
        return f"true {_share(item.reference.true)}, false {_share(item.reference.false)}"
    return _categories(item)


def _categories(item: Categorical) -> str:
    reference = item.reference
    ranked = sorted(zip(item.categories, reference.shares, strict=True), key=lambda pair: -pair[1])
    named = [f"{shown(str(category))[:TEXT_WIDTH]} {_share(share)}" for category, share in ranked[:COMMONEST]]
    if more := len(ranked) - COMMONEST:
        named += [f"{more} more"] if more > 0 else []
    if item.rare:
        named.append(f"{_rare(len(item.rare))} {_share(reference.rare)}")
    return ", ".join(named)


def _rare(count: int) -> str:
    return "1 rare one" if count == 1 else f"{count} rare ones together"


def _share(share: float) -> str:
    return "under 1 %" if 0 < share < 0.005 else f"{share:.0%}".replace("%", " %")  # noqa: PLR2004


def shown(text: str) -> str:
    """Return a text that stays on its line, whatever a file holds."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
