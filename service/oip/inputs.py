"""The input tensors of an infer request as rows. Knows nothing of bodies, outputs or connections."""

import difflib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.cells import NOT_ADMITTED
from models.encode import CellError, Encoder
from models.manifest import Manifest
from service.errors import MAX_DETAILS, MAX_TEXT, InvalidError, MalformedError, TooLargeError, quote
from service.oip import bulk, cells, tensors
from service.oip.schema import InferInput
from service.oip.signature import FEATURES, datatypes

FLOAT32_BYTES = 4
FEW_BYTES = 2048
"""Of JSON: fewer numbers are read quicker one by one."""

Rows = NDArray[np.float32]


class Inputs:
    """How the inputs of one version of a model are read: together as `features`, or one tensor each.

    Together only where all are numbers.
    """

    def __init__(
        self,
        manifest: Manifest,
        max_rows: int,
        unseen_counts: Counter[str],
        refused_counts: Counter[tuple[str, str]],
    ) -> None:
        """`unseen_counts` counts the categories that training did not see, by input.

        `refused_counts` counts cells that are refused, by input and kind.
        """
        self._names = [item.name for item in manifest.inputs]
        self._items = {item.name: item for item in manifest.inputs}
        self._plain = manifest.plain
        self._encoder = Encoder(manifest.inputs)
        self._unseen_counts, self._refused_counts = unseen_counts, refused_counts
        self._max_rows = max_rows
        self._whole = np.array([not item.missing.admitted for item in manifest.inputs])
        self._gaps = {name: item.missing.admitted for name, item in self._items.items()}
        self._features_gaps = any(self._gaps.values())

    def raw(self, body: bytes) -> Rows:
        """Return the rows of a body that is nothing but FP32 values."""
        if not self._plain:
            raise InvalidError(f"a raw body is numbers; {self._apart()}")
        columns = len(self._names)
        rows, rest = divmod(len(body), columns * FLOAT32_BYTES)
        if rest:
            raise MalformedError(f"a raw body is rows of {columns} FP32 values; found {len(body)} bytes")
        self._check_rows(rows)
        try:
            values = tensors.from_bytes(memoryview(body), [rows, columns], "FP32", gaps=self._features_gaps)
            return self._together_checked(values)
        except tensors.MisfitError as error:
            raise self._misfit(error, self._names) from None

    def check(self, inputs: Sequence[InferInput], *, sure: bool = True) -> None:
        """Refuse names, shapes and datatypes that are not the model's; the data is not looked at.

        What is refused is counted if it is `sure`.
        """
        if self._together(inputs):
            if not self._plain:
                raise InvalidError(f"input {quote(FEATURES)}: {self._apart()}")
            self._check_shape(inputs[0], "numeric", tuple(tensors.NUMBERS), columns=len(self._names))
        else:
            self._check_names([tensor.name for tensor in inputs], sure=sure)
            for tensor in inputs:
                item = self._items[tensor.name]
                self._check_shape(tensor, item.kind, datatypes(item), columns=1)
        rows = inputs[0].shape[0]
        if any(tensor.shape[0] != rows for tensor in inputs):
            raise MalformedError("the inputs do not have the same number of rows")
        self._check_rows(rows)

    def rows(self, inputs: Sequence[InferInput], binary: memoryview) -> Rows:
        """Return the rows [rows, inputs] of checked `features`, or of one tensor by each input's name."""
        found = self._read(inputs, binary)
        if FEATURES in found and self._together(inputs):
            features: Rows = found[FEATURES]
            return features
        if self._plain:
            return np.stack([found[name] for name in self._names], axis=1)
        return self._encoded(found)

    def cells(self, inputs: Sequence[InferInput], binary: memoryview, rows: Rows) -> list[dict[str, Any]]:
        """Return `rows`, which `inputs` were read as, as they were sent, by input."""
        columns: list[Sequence[Any]] = [_numbers_or_none(column) for column in rows.T]
        if not self._plain:
            found = self._read(inputs, binary)
            columns = [
                own if isinstance(found[name], np.ndarray) else found[name]
                for name, own in zip(self._names, columns, strict=True)
            ]
        return [dict(zip(self._names, row, strict=True)) for row in zip(*columns, strict=True)]

    def _read(self, inputs: Sequence[InferInput], binary: memoryview) -> dict[str, Any]:
        """Return the elements of checked tensors by their names: float32, or cells of other kinds."""
        together = self._together(inputs)
        found: dict[str, Any] = {}
        for tensor in inputs:
            size = tensor.parameters.binary_data_size
            if (size is None) == (tensor.data is None) or (size is not None and size > len(binary)):
                raise MalformedError(
                    f"input {quote(tensor.name)}: wanted data, or binary_data_size bytes of it"
                )
            own, binary = binary[: size or 0], binary[size or 0 :]
            try:
                if together:
                    found[tensor.name] = self._together_checked(
                        _numbers(tensor, own, gaps=self._features_gaps)
                    )
                elif self._items[tensor.name].kind == "numeric":
                    found[tensor.name] = _numbers(tensor, own, gaps=self._gaps[tensor.name])
                else:
                    found[tensor.name] = _cells(tensor, own)
            except tensors.MisfitError as error:
                raise self._misfit(error, self._names if together else [tensor.name]) from None
        if len(binary):
            raise MalformedError(f"{len(binary)} bytes follow the last input's")
        return found

    def bulk(self, inputs: Sequence[InferInput], data: memoryview) -> Rows:
        """Return the rows of checked `inputs` whose `data` was cut out.

        Raises ValueError for what `rows` may still take, or has to refuse.
        """
        if not self._plain:
            raise ValueError("not numbers")
        tensor = bulk.only(inputs)
        if len(data) < FEW_BYTES and tensor.datatype == "FP32":
            values = tensors.from_few(data, tensor.shape)
        else:
            values = tensors.from_text(data, tensor.shape, tensor.datatype)
        return values.reshape(-1, len(self._names))

    def _together(self, inputs: Sequence[InferInput]) -> bool:
        return len(inputs) == 1 and inputs[0].name == FEATURES and self._names != [FEATURES]

    def _apart(self) -> str:
        return "this model takes one tensor an input, by name"

    def _together_checked(self, values: Rows) -> Rows:
        """Return all inputs' values as [rows, inputs]; raises MisfitError for a gap where none may be."""
        rows = values.reshape(-1, len(self._names))
        if self._features_gaps:
            gaps = np.isnan(rows) & self._whole
            if gaps.any():
                raise tensors.MisfitError(np.flatnonzero(gaps), NOT_ADMITTED, "missing")
        return rows

    def _encoded(self, found: Mapping[str, Any]) -> Rows:
        """Return the rows of one list of cells, or array of numbers, by each input's name."""
        columns = [found[name] for name in self._names]
        try:
            rows = self._encoder.encode(
                [each.tolist() if isinstance(each, np.ndarray) else each for each in columns]
            )
        except CellError as error:
            misfit = tensors.MisfitError([error.place], str(error), error.kind)
            raise self._misfit(misfit, self._names) from None
        self._unseen_counts.update(self._encoder.count_unseen(rows))
        return rows

    def _check_names(self, given: list[str], *, sure: bool) -> None:
        """Raise InvalidError unless every input is given exactly once."""
        if len(given) > len(self._names):
            raise InvalidError(f"{len(given)} tensors for {len(self._names)} inputs")
        details = []
        for place, name in enumerate(given):
            if name not in self._names:
                near = difflib.get_close_matches(name, [FEATURES, *self._names], n=1)
                hint = f"; did you mean {quote(near[0])}?" if near else ""
                details.append({"input": name[:MAX_TEXT], "reason": f"no such input{hint}"})
            elif name in given[:place]:
                details.append({"input": name, "reason": "given twice"})
        missing = [name for name in self._names if name not in given]
        if sure:
            self._refused_counts.update((name, "missing") for name in missing)
        details += [{"input": name, "reason": "missing"} for name in missing]
        if details:
            raise InvalidError(f"input {quote(details[0]['input'])}: {details[0]['reason']}", details)

    @staticmethod
    def _check_shape(tensor: InferInput, kind: str, taken: Sequence[str], columns: int) -> None:
        """Refuse another datatype than those taken, or another shape than [rows, columns]."""
        name, shape = quote(tensor.name), tensor.shape
        if tensor.datatype not in taken:
            if tensor.datatype not in (*tensors.NUMBERS, *tensors.NOT_NUMBERS):
                raise MalformedError(f"input {name}: unknown datatype {quote(tensor.datatype)}")
            raise InvalidError(
                f"input {name}: it is {kind}, and does not take {tensor.datatype}; wanted {taken[0]}"
            )
        if shape[1:] != [columns] and not (columns == 1 and len(shape) == 1 and tensor.name != FEATURES):
            raise InvalidError(f"input {name}: wanted the shape [rows, {columns}], found {quote(str(shape))}")

    def _check_rows(self, rows: int) -> None:
        if rows == 0:
            raise InvalidError("no rows")
        if rows > self._max_rows:
            raise TooLargeError(f"more than {self._max_rows} rows")

    def _misfit(self, error: tensors.MisfitError, names: list[str]) -> InvalidError:
        """Return the refusal of elements of a tensor whose columns are `names`, and count them."""
        columns = np.asarray(error.places, np.intp) % len(names)
        for name, count in zip(names, np.bincount(columns, minlength=len(names)).tolist(), strict=True):
            if count:
                self._refused_counts[name, error.kind] += count
        details: list[dict[str, Any]] = []
        for place in error.places[:MAX_DETAILS]:
            row, column = divmod(int(place), len(names))
            details.append({"row": row, "input": names[column], "reason": str(error)})
        first = f"row {details[0]['row']}, input {quote(details[0]['input'])}: {error}"
        return InvalidError(first, details, len(error.places))


def _numbers(tensor: InferInput, binary: memoryview, *, gaps: bool) -> Rows:
    if tensor.data is None:
        return tensors.from_bytes(binary, tensor.shape, tensor.datatype, gaps=gaps)
    return tensors.from_json(tensor.data, tensor.shape, tensor.datatype, gaps=gaps)


def _numbers_or_none(column: Rows) -> list[float | None]:
    return [None if math.isnan(value) else value for value in column.tolist()]


def _cells(tensor: InferInput, binary: memoryview) -> list[Any]:
    if tensor.data is None:
        return cells.from_bytes(binary, tensor.shape, tensor.datatype)
    return cells.from_json(tensor.data, tensor.shape, tensor.datatype)
