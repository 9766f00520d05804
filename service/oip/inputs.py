"""The input tensors of an infer request as rows. Knows nothing of bodies, outputs or connections."""

import difflib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.manifest import Manifest
from service.errors import MAX_DETAILS, MAX_TEXT, InvalidError, MalformedError, TooLargeError, quote
from service.oip import bulk, tensors
from service.oip.schema import InferInput
from service.oip.signature import FEATURES

FLOAT32_BYTES = 4

Rows = NDArray[np.float32]


class Inputs:
    """How the inputs of one version of a model are read: together as `features`, or one tensor each."""

    def __init__(self, manifest: Manifest, max_rows: int) -> None:
        self._names = [item.name for item in manifest.inputs]
        self._max_rows = max_rows

    def raw(self, body: bytes) -> Rows:
        """Return the rows of a body that is nothing but FP32 values."""
        columns = len(self._names)
        rows, rest = divmod(len(body), columns * FLOAT32_BYTES)
        if rest:
            raise MalformedError(f"a raw body is rows of {columns} FP32 values; found {len(body)} bytes")
        self._check_rows(rows)
        try:
            values = tensors.from_bytes(memoryview(body), [rows, columns], "FP32")
        except tensors.MisfitError as error:
            raise self._misfit(error, self._names) from None
        return values.reshape(rows, columns)

    def check(self, inputs: Sequence[InferInput]) -> None:
        """Refuse names, shapes and datatypes that are not the model's; the data is not looked at."""
        if self._together(inputs):
            self._check_shape(inputs[0], columns=len(self._names))
        else:
            self._check_names([tensor.name for tensor in inputs])
            for tensor in inputs:
                self._check_shape(tensor, columns=1)
        rows = inputs[0].shape[0]
        if any(tensor.shape[0] != rows for tensor in inputs):
            raise MalformedError("the inputs do not have the same number of rows")
        self._check_rows(rows)

    def rows(self, inputs: Sequence[InferInput], binary: memoryview) -> Rows:
        """Return the rows [rows, inputs] of checked `features`, or of one tensor by each input's name."""
        together = self._together(inputs)
        found: dict[str, Rows] = {}
        for tensor in inputs:
            size = tensor.parameters.binary_data_size
            if (size is None) == (tensor.data is None) or (size is not None and size > len(binary)):
                raise MalformedError(
                    f"input {quote(tensor.name)}: wanted data, or binary_data_size bytes of it"
                )
            own, binary = binary[: size or 0], binary[size or 0 :]
            try:
                found[tensor.name] = self._values(tensor, own)
            except tensors.MisfitError as error:
                raise self._misfit(error, self._names if together else [tensor.name]) from None
        if len(binary):
            raise MalformedError(f"{len(binary)} bytes follow the last input's")
        if together:
            return found[FEATURES].reshape(-1, len(self._names))
        return np.stack([found[name] for name in self._names], axis=1)

    def bulk(self, inputs: Sequence[InferInput], data: memoryview) -> Rows:
        """Return the rows of checked `inputs` whose `data` was cut out.

        Raises ValueError for what `rows` may still take, or has to refuse.
        """
        tensor = bulk.only(inputs)
        values = tensors.from_text(data, tensor.shape, tensor.datatype)
        return values.reshape(-1, len(self._names))

    def _together(self, inputs: Sequence[InferInput]) -> bool:
        return len(inputs) == 1 and inputs[0].name == FEATURES and self._names != [FEATURES]

    @staticmethod
    def _values(tensor: InferInput, binary: memoryview) -> Rows:
        if tensor.data is None:
            return tensors.from_bytes(binary, tensor.shape, tensor.datatype)
        return tensors.from_json(tensor.data, tensor.shape, tensor.datatype)

    def _check_names(self, given: list[str]) -> None:
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
        details += [{"input": name, "reason": "missing"} for name in self._names if name not in given]
        if details:
            raise InvalidError(f"input {quote(details[0]['input'])}: {details[0]['reason']}", details)

    def _check_shape(self, tensor: InferInput, columns: int) -> None:
        name, shape = quote(tensor.name), tensor.shape
        if tensor.datatype in tensors.NOT_NUMBERS:
            raise InvalidError(f"input {name}: it is numeric, and does not take {tensor.datatype}")
        if tensor.datatype not in tensors.NUMBERS:
            raise MalformedError(f"input {name}: unknown datatype {quote(tensor.datatype)}")
        if shape[1:] != [columns] and not (columns == 1 and len(shape) == 1 and tensor.name != FEATURES):
            raise InvalidError(f"input {name}: wanted the shape [rows, {columns}], found {quote(str(shape))}")

    def _check_rows(self, rows: int) -> None:
        if rows == 0:
            raise InvalidError("no rows")
        if rows > self._max_rows:
            raise TooLargeError(f"more than {self._max_rows} rows")

    @staticmethod
    def _misfit(error: tensors.MisfitError, names: list[str]) -> InvalidError:
        """Return the refusal of elements of a tensor whose columns are `names`."""
        details: list[dict[str, Any]] = []
        for place in error.places[:MAX_DETAILS]:
            row, column = divmod(int(place), len(names))
            details.append({"row": row, "input": names[column], "reason": str(error)})
        first = f"row {details[0]['row']}, input {quote(details[0]['input'])}: {error}"
        return InvalidError(first, details, len(error.places))
