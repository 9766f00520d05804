"""How the last hour's rows differ from training's, as JSON. Knows nothing of how they are counted."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request

from service.app.openapi import UNKNOWN
from service.app.process import named, settle, watched
from service.app.schema import Drift
from service.drift.columns import Column
from service.drift.judge import judge
from service.drift.reader import Found
from service.drift.totals import WINDOW_S
from service.errors import NotFoundError
from service.paths import DRIFT


def add_drift(app: FastAPI) -> None:
    """Add the path."""

    @app.get(DRIFT, response_model=Drift, responses=UNKNOWN, tags=["use"])
    async def drift(model: str, request: Request, version: str | None = None) -> Any:
        """Compare the rows of this instance's last hour with training's, the worst column first.

        That is of the model's current version, or of the one that is named.
        """
        digest = named(request, model, version).digest
        await settle(request)
        found = next((each for each in watched(request) if each.layout.digest == digest), None)
        if found is None:
            raise NotFoundError("drift is not counted")
        return _compared(found)


def _compared(found: Found) -> Mapping[str, Any]:
    layout, counts = found.layout, found.window().tolist()
    place, columns = 0, []
    for column in layout.columns:
        last = place + len(column.bins)
        columns.append(_column(column, counts[place:last]))
        place = last
    return {
        "model": layout.model,
        "version": layout.version,
        "window_s": WINDOW_S,
        "rows": int(counts[place]),
        "columns": sorted(columns, key=_badness, reverse=True),
        "expected": _expected(layout.classes, *counts[place:]) if counts[place] else None,
    }


def _expected(classes: Sequence[str], rows: float, *sums: float) -> dict[str, Any]:
    """Return means over rows of the sums that `Layout` lists."""
    *confusion, log_loss, brier = (each / rows for each in sums)
    by_label = [
        dict(zip(classes, row, strict=True)) for row in zip(*[iter(confusion)] * len(classes), strict=True)
    ]
    return {"confusion": dict(zip(classes, by_label, strict=True)), "log_loss": log_loss, "brier": brier}


def _column(column: Column, counts: list[float]) -> dict[str, Any]:
    verdict, rows = judge(column, counts), sum(counts)
    reference = column.reference or [None] * len(counts)
    return {
        "kind": column.kind,
        "column": column.name,
        "unit": column.unit,
        "reference_rows": column.reference_rows,
        "psi": verdict.psi,
        "bound": verdict.bound,
        "drifted": verdict.drifted,
        "bins": [
            {
                "bin": name,
                "rows": int(count),
                "share": count / rows if rows else 0.0,
                "reference": share,
                "beyond": beyond,
            }
            for name, count, share, beyond in zip(column.bins, counts, reference, verdict.beyond, strict=True)
        ],
    }


def _badness(column: Mapping[str, Any]) -> tuple[bool, bool, float]:
    """Return by what columns are sorted: drifted ones first, then by PSI in terms of its bound."""
    ratio = column["psi"] / column["bound"] if column["bound"] else 0.0
    return column["drifted"], any(each["beyond"] for each in column["bins"]), ratio
