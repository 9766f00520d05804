"""Answers of few rows are made another way than those of many, and are the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InvalidError
from service.oip import answers
from service.wire.results import Results, pack_results
from tests.service.oip.scored import Model

ROW = st.floats(0, 1, width=32)


@given(
    values=st.lists(ROW, min_size=1, max_size=answers.FEW_ROWS), spare=st.integers(0, 2), wrong=st.booleans()
)
def test_both_ways_give_the_same_bytes_and_counts(
    model: Model, values: list[float], spare: int, wrong: bool
) -> None:
    """Whatever the probabilities, among rows of others; and refuse the same row that has no number."""
    rows = np.array(values, np.float32)
    probabilities = np.column_stack([1 - rows, rows])
    if wrong:
        probabilities[-1] = np.nan
    padded = np.vstack([np.full((spare, 2), 0.5, np.float32), probabilities])
    results = Results(pack_results(padded), len(padded), 2, len(model.names))
    data = [[0.0] * len(model.names)] * len(rows)
    shape = [len(rows), len(model.names)]
    tensor = {"name": "features", "shape": shape, "datatype": "FP32", "data": data}
    found = []
    for few in (answers.FEW_ROWS, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(answers, "FEW_ROWS", few)
            call = model.decode({"id": "mine", "inputs": [tensor]})
            before = list(model.labels)
            try:
                body: bytes | str = call.encode(call, results, spare)
            except InvalidError as error:
                body = str(error)
            found.append((body, [after - old for old, after in zip(before, model.labels, strict=True)]))
    assert found[0] == found[1]
    assert isinstance(found[0][0], str) == wrong
