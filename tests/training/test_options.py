"""Options that say how probabilities become answers."""

import pytest
from pydantic import ValidationError

from training.options import DecisionOptions


def test_each_form_of_a_decision_is_taken() -> None:
    """As the help shows them."""
    for threshold in ("0.37", "f1", "cost:10", "precision:0.9", "recall:0.95"):
        assert DecisionOptions(threshold=threshold).threshold == threshold
    assert DecisionOptions(class_weight={"yes": 3}).class_weight == {"yes": 3}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": "f2"}, "--threshold=f2: wanted a probability, f1, cost:10"),
        ({"abstain": "0.4:0.6", "abstain_risk": 0.1}, "--abstain-risk=0.1: wanted it without --abstain"),
        ({"class_weight": {"yes": 0}}, "--class-weight yes=0: wanted a number above 0"),
        ({"class_weight": {"yes": float("nan")}}, "--class-weight yes=nan: wanted a number above 0"),
    ],
)
def test_what_cannot_be_a_decision_is_refused_early(options: dict[str, object], message: str) -> None:
    """Before any data is read, by flag, value and what was wanted."""
    with pytest.raises(ValidationError, match=message):
        DecisionOptions.model_validate(options)
