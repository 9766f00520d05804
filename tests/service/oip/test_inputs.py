"""Input tensors around a real model: what does not fit it is named."""

from typing import Any

import numpy as np
import pytest

from service.errors import InvalidError, MalformedError, TooLargeError
from tests.service.oip.scored import GOOD, MAX_ROWS, ONES, Model, replaced, tensor


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (replaced(shape=[0, 30], data=[]), "no rows"),
        (replaced(shape=[2, 29], data=[1.0] * 58), r"wanted the shape \[rows, 30\]"),
        (replaced(shape=[60], data=[1.0] * 60), r"wanted the shape \[rows, 30\]"),
        (replaced(datatype="BOOL", data=[True] * 60), "does not take BOOL"),
        (replaced(datatype="BYTES", data=["a"] * 60), "does not take BYTES"),
        (replaced(name="mean radios"), "did you mean .*mean radius"),
        ({"inputs": [GOOD, GOOD]}, "no such input"),
        ({"inputs": [GOOD] * 31}, "31 tensors for 30 inputs"),
    ],
    ids=lambda value: repr(value)[-60:],
)
def test_what_does_not_fit_the_model_is_invalid(model: Model, body: Any, said: str) -> None:
    """A request that can be read but does not fit the model is refused with 422 and says what was wanted."""
    with pytest.raises(InvalidError, match=said):
        model.decode(body)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e39, True, "1", None])
def test_a_wrong_value_is_named_by_row_and_input(model: Model, value: Any) -> None:
    """Row and input stand in the details, together and by name."""
    data: list[list[Any]] = ONES.tolist()
    data[1][2] = value
    with pytest.raises(InvalidError) as together:
        model.decode(replaced(data=data))
    columns = zip(model.names, zip(*data, strict=True), strict=True)
    with pytest.raises(InvalidError) as apart:
        model.decode({"inputs": [tensor(name, ONES[:, 0], data=list(column)) for name, column in columns]})
    for refused in (together, apart):
        detail = refused.value.details[0]
        assert (detail["row"], detail["input"]) == (1, "mean perimeter")


def test_many_wrong_values_are_counted_and_few_are_named(model: Model) -> None:
    """The answer to a tensor of NaN stays short."""
    wrong = np.full((64, 30), np.nan, np.float32)
    with pytest.raises(InvalidError) as refused:
        model.decode(wrong.tobytes(), inference_header_content_length="0")
    assert (len(refused.value.details), refused.value.problems) == (5, 64 * 30)


def test_too_many_rows_are_refused_by_their_number(model: Model) -> None:
    """The limit holds for what is declared and for what is sent."""
    many = np.ones((MAX_ROWS + 1, 30), np.float32)
    with pytest.raises(TooLargeError):
        model.decode(replaced(shape=[MAX_ROWS + 1, 30], data=many.ravel().tolist()))
    with pytest.raises(TooLargeError):
        model.decode(replaced(shape=[2**62, 30]))
    with pytest.raises(TooLargeError):
        model.decode(many.tobytes(), inference_header_content_length="0")


def test_inputs_must_be_complete_and_of_one_length(model: Model) -> None:
    """A missing, a repeated and a longer tensor are each refused."""
    columns = [tensor(name, ONES[:, 0], data=[1.0, 1.0]) for name in model.names]
    with pytest.raises(InvalidError, match=r"mean radius.*missing"):
        model.decode({"inputs": columns[1:]})
    with pytest.raises(InvalidError, match="given twice"):
        model.decode({"inputs": [columns[1], *columns[1:]]})
    longer = columns[0] | {"shape": [3], "data": [1.0, 1.0, 1.0]}
    with pytest.raises(MalformedError, match="same number of rows"):
        model.decode({"inputs": [longer, *columns[1:]]})
