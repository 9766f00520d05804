"""What the train rows held, input by input: the manifest's inputs. Knows nothing of weights."""

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from models.inputs import (
    Bins,
    Boolean,
    BooleanReference,
    Categorical,
    CategoricalReference,
    Input,
    Missing,
    Numeric,
    NumericReference,
)
from training.columns import MISSING, Categories, Column, Numbers, Truths
from training.errors import DataError
from training.moments import moments

OWN_PLACE_ROWS = 10
"""Train rows from which on a category has a weight of its own: with fewer it is learnt by heart."""
MOST_CATEGORIES = 100
BINS = 10

Rows = NDArray[np.signedinteger]


def inputs(columns: Sequence[Column], train: Rows, units: Mapping[str, str]) -> tuple[Input, ...]:
    """Describe columns, whether null is taken by all their rows, everything else by the train rows alone.

    Raises DataError for a categorical one that is missing in all of them.
    """
    return tuple(describe(column, train, units.get(column.name)) for column in columns)


def doubts(inputs: Iterable[Input]) -> list[str]:
    """Return a sentence for each categorical one that is rare in all its categories."""
    return [
        f"{each.name}: none of its {len(each.rare)} texts has {OWN_PLACE_ROWS} train rows, so all weigh the "
        f"same; --leave-out {shlex.quote(each.name)} leaves it out"
        for each in inputs
        if isinstance(each, Categorical) and not each.categories
    ]


def describe(column: Column, train: Rows, unit: str | None) -> Input:
    """Describe one column as `inputs` does."""
    if isinstance(column, Numbers):
        return _numeric(column, column.values[train], unit)
    if isinstance(column, Truths):
        return _boolean(column, column.codes[train], unit)
    return _categorical(column, column.codes[train], unit)


def _numeric(column: Numbers, values: NDArray[np.float32], unit: str | None) -> Numeric:
    ordered = ascending(values)
    mean, std = moments(ordered)
    return Numeric(
        name=column.name,
        unit=unit,
        missing=Missing(admitted=column.gaps, imputed_by=median(ordered) if column.gaps else None),
        reference=NumericReference(
            rows=len(values),
            missing=float(np.isnan(values).mean()),
            mean=mean,
            std=std,
            min=float(ordered[0]),
            max=float(ordered[-1]),
            bins=_bins(ordered),
        ),
    )


def ascending(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the values that are not NaN, [n], ascending; 0 if there is none."""
    ordered = np.sort(values)
    ordered = ordered[: np.searchsorted(ordered, np.nan)]  # which stand last
    return ordered if len(ordered) else np.zeros(1, np.float32)


def median(ordered: NDArray[np.float32]) -> float:
    """Return the median of ascending values, [n], as float32 holds it."""
    middle = ordered[[len(ordered) // 2, (len(ordered) - 1) // 2]]
    return float(np.float32(middle.astype(np.float64).mean()))


def _bins(ordered: NDArray[np.float32]) -> Bins | None:
    """Return quantile bins of ascending values; ties make fewer, and a constant none."""
    rows = len(ordered)
    inner = [ordered[-(-rows * place // BINS) - 1] for place in range(1, BINS)]  # as of numpy's inverted_cdf
    edges = np.unique([ordered[0], *inner, ordered[-1]])
    if len(edges) == 1:
        return None
    ends = np.searchsorted(ordered, edges[1:-1], side="left")
    counts = np.diff([0, *ends, rows])
    return Bins(edges=tuple(edges.astype(np.float64).tolist()), shares=tuple((counts / rows).tolist()))


def _boolean(column: Truths, codes: NDArray[np.int8], unit: str | None) -> Boolean:
    false, true = float((codes == 0).mean()), float((codes == 1).mean())
    return Boolean(
        name=column.name,
        unit=unit,
        missing=Missing(admitted=column.gaps, imputed_by=true > false if column.gaps else None),
        texts=dict(column.texts),
        reference=BooleanReference(
            rows=len(codes), missing=float((codes == MISSING).mean()), false=false, true=true
        ),
    )


def _categorical(column: Categories, codes: NDArray[np.int32], unit: str | None) -> Categorical:
    if (codes == MISSING).all():
        raise DataError(f"column {column.name!r}: no train row has a value; --leave-out {column.name!r}")
    counts = Counter({column.distinct[code]: int(n) for code, n in enumerate(_counts(column, codes)) if n})
    placed = [each for each, n in counts.most_common(MOST_CATEGORIES) if n >= OWN_PLACE_ROWS]
    # All texts, or all integers: whichever they are, they sort.
    categories = tuple(sorted(placed))
    rare = tuple(sorted(counts.keys() - set(placed)))
    share = {each: n / len(codes) for each, n in counts.items()}
    return Categorical(
        name=column.name,
        unit=unit,
        missing=Missing(admitted=column.gaps, imputed_by=None),
        categories=categories,
        rare=rare,
        reference=CategoricalReference(
            rows=len(codes),
            missing=float((codes == MISSING).mean()),
            shares=tuple(share[each] for each in categories),
            rare=float(sum(share[each] for each in rare)),
        ),
    )


def _counts(column: Categories, codes: NDArray[np.int32]) -> list[int]:
    found: list[int] = np.bincount(codes[codes != MISSING], minlength=len(column.distinct)).tolist()
    return found
