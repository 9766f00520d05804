"""Good `/predict` bodies, parsed, checked and encoded in one step by types that are made of the inputs.

Reads only what is right; what is wrong with the others is for others to say.
"""

import enum
import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from itertools import starmap
from typing import Annotated, Any, Literal, Self, Union

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import astuple

from models.cells import Column
from models.inputs import Boolean, Input, Numeric
from models.manifest import Manifest
from service.body.ident import MAX_ID_CHARACTERS

MOST_CODES = 1000
"""Texts of an input that the parser knows: making each of them a member takes 10 µs at the start."""
MOST_NAMED = 250
"""A name out of order is looked for among all the others: with more of them, `rows` is quicker."""
INT64 = Meta(ge=-(2**63), le=2**63 - 1)
"""What the parser can limit; a larger id is for others to read."""


class Request(Struct, kw_only=True, forbid_unknown_fields=True):
    """What a request says; a row is a tuple, or a structure with the inputs' cells first."""

    instances: list[Any]
    id: Annotated[str, Meta(max_length=MAX_ID_CHARACTERS)] | Annotated[int, INT64] | None = None
    explain: bool = False
    on_error: Literal["fail", "report"] = "fail"
    report_unseen: bool = False


class Code(float, enum.Enum):
    """The number of a cell, which the parser finds by what the cell holds: no text is made for it."""

    def __new__(cls, cell: str | int, number: float) -> Self:
        """Make the member that `cell` becomes."""
        code = float.__new__(cls, number)
        code._value_ = cell
        return code


class Typed:
    """The good requests of one version of a model: those whose cells are all known, or any."""

    def __init__(
        self, manifest: Manifest, columns: Sequence[Column], max_rows: int, *, look_up: bool = False
    ) -> None:
        """`columns` are the inputs'; with `look_up` cells may be texts that are spelled otherwise or new."""
        cells: list[Any] = []
        self._looked_up: list[tuple[int, Column]] = []
        self._gaps: list[tuple[int, float]] = []
        for place, (item, own) in enumerate(zip(manifest.inputs, columns, strict=True)):
            kinds = [_kind(item)]
            if not isinstance(item, Numeric):
                codes = {cell: code for cell, code in own.codes.items() if isinstance(cell, kinds[0])}
                if look_up or len(codes) > MOST_CODES:
                    self._looked_up.append((place, own))
                else:
                    kinds = [_codes(codes)] if codes else []
            if isinstance(item, Boolean):
                kinds.append(bool)
            if item.missing.admitted:
                kinds.append(None)
                self._gaps.append((place, own.codes[None]))
            cells.append(Union[*kinds])
        self.looks_up = bool(self._looked_up)
        self._width = len(cells)
        self._pack = struct.Struct(f"<{len(cells)}f").pack
        row: Any = tuple[*cells]  # type: ignore[valid-type] # made at run time
        names = [*(item.name for item in manifest.inputs), *sorted(manifest.ignored)]
        if len(names) <= MOST_NAMED and all(map(_unescaped, names)):
            row |= _named(names, cells)
        rows = Annotated[list[row], Meta(min_length=1, max_length=max_rows)]
        whole: Any = msgspec.defstruct("Whole", [("instances", rows)], bases=(Request,), kw_only=True)
        self._decode = msgspec.json.Decoder(whole).decode

    def read(self, body: bytes) -> tuple[Request, bytes]:
        """Return what `body` holds, and its rows as float32 [rows, inputs], raw.

        Raises ValueError, or OverflowError for what float32 cannot hold; a body that this refuses may still
        be a good one.
        """
        request = self._decode(body)
        rows = request.instances
        if {tuple} != set(map(type, rows)):
            rows = [row if type(row) is tuple else astuple(row)[: self._width] for row in rows]
        if not self._looked_up:
            try:
                return request, b"".join(starmap(self._pack, rows))
            except struct.error:
                pass  # None is no number
        return request, b"".join(starmap(self._pack, self._encoded(rows)))

    def _encoded(self, rows: list[Any]) -> Iterable[Sequence[float]]:
        """Return rows of numbers: what is to be looked up is, and what is missing is its input's number."""
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        for place, own in self._looked_up:
            columns[place] = own.encode_typed(columns[place])
        for place, missing in self._gaps:
            columns[place] = [missing if cell is None else cell for cell in columns[place]]
        return zip(*columns, strict=True)


def _kind(item: Input) -> Any:
    """Return the type of an input's cells but for truths and missing ones."""
    if isinstance(item, Numeric):
        return float
    return int | float if not isinstance(item, Boolean) and item.of_integers else str


def _codes(codes: Mapping[Any, float]) -> Any:
    """Return the type of cells that are known."""
    members: Any = {f"c{place}": each for place, each in enumerate(codes.items())}
    return Code("Code", members)


def _unescaped(name: str) -> bool:
    """Return whether a name is the same within JSON: the parser knows no others."""
    return json.dumps(name, ensure_ascii=False) == f'"{name}"'


def _named(names: list[str], cells: list[Any]) -> type[Struct]:
    """Return the type of a row by name; the names beyond the cells may be there, with a cell of any type."""
    fields = [f"f{place}" for place in range(len(names))]
    needed = list(zip(fields, cells, strict=False))
    ignored = [(field, bool | int | float | str | None, None) for field in fields[len(cells) :]]
    return msgspec.defstruct(
        "Named",
        [*needed, *ignored],
        rename=dict(zip(fields, names, strict=True)),
        forbid_unknown_fields=True,
        gc=False,
    )
