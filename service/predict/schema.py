"""The bodies of `/predict` as pydantic models: they validate, and they are the OpenAPI."""

import re
from typing import Annotated, Any, Literal, NotRequired

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    create_model,
)
from typing_extensions import TypedDict

from models.inputs import Boolean, Input, Numeric
from models.manifest import Manifest
from service.body.ident import Id

STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
"""Without `strict`, true and "1" would pass as numbers; integers do either way."""
FLOAT32_MAX = 3.4028234663852886e38
MOST_SHOWN = 20
"""Categories of an input that its description has; /info has all of them."""
MARKDOWN, CHARACTER = r"([\\`*_~<>&!\[\]])", r"\\\1"
"""What means something in Markdown, and how it is written to mean itself."""

OnError = Annotated[
    Literal["fail", "report"],
    Field(
        description="`fail` refuses the request for one wrong row; `report` answers each wrong row by its "
        "`error`, and scores the others."
    ),
]
Number = Annotated[float, WithJsonSchema({"type": "number", "minimum": -FLOAT32_MAX, "maximum": FLOAT32_MAX})]
"""What float32 holds. The limits are checked when the rows are packed; here they would cost every number."""
Explain = Annotated[bool, Field(description="Whether each prediction says what each input added.")]


Ignored = Annotated[Any, Field(description="A column of the training file that is no input: ignored.")]


class Envelope(BaseModel):
    """What a request says besides its rows."""

    model_config = STRICT

    id: Id = None
    explain: Explain = False
    on_error: OnError = "fail"
    report_unseen: bool = Field(
        default=False,
        description="Whether each prediction lists the inputs whose text was not seen in training.",
    )


class AnyPredictRequest(Envelope):
    """A request to a model that the description does not know; what its rows hold, `/v2/models` says."""

    instances: list[list[Any] | dict[str, Any]] = Field(
        min_length=1, description="The rows to score: lists in the order of the inputs, or objects by name."
    )


class Explanation(BaseModel):
    """What made the logit: intercept plus contributions. With more than two classes, one a class."""

    intercept: float
    contributions: dict[str, float]
    logit: float


class Prediction(BaseModel):
    """The answer for one row."""

    label: str
    decision: str | None = Field(
        None, description="The label, or `abstain`; only of a model that may abstain."
    )
    probabilities: dict[str, float]
    unseen: list[str] | None = Field(
        None, description="Inputs whose text was not seen in training, when `report_unseen` asks for them."
    )
    explanation: Explanation | dict[str, Explanation] | None = None
    feedback: str | None = Field(
        None, description="Token by which `/feedback` takes the row's true label, where feedback is on."
    )


class RowError(BaseModel):
    """The answer for a row that is wrong, when the request asked to `report`."""

    error: Literal["invalid"]
    reason: str


class PredictResponse(BaseModel):
    """The answers, in the order of the instances."""

    id: str | int
    model: str
    version: str
    predictions: list[Prediction | RowError]


def unexamined_request(max_rows: int) -> type[BaseModel]:
    """Return the model of a request whose instances are looked at afterwards."""
    return _request("UnexaminedRequest", Any, max_rows)


def predict_request(manifest: Manifest, max_rows: int) -> type[BaseModel]:
    """Return the model of any request: instances are lists in the inputs' order, or objects by name.

    It takes what the codec takes, but for texts that a boolean input does not know and numbers that are none
    of the integers that it wants.
    """
    described = {item.name: _described(item) for item in manifest.inputs}
    ignored = dict.fromkeys(sorted(manifest.ignored), NotRequired[Ignored])
    named = TypedDict("NamedRow", described | ignored)  # type: ignore[misc]
    named.__pydantic_config__ = STRICT  # type: ignore[attr-defined]
    positional = Annotated[_list([_cell(item) for item in manifest.inputs]), Tag("list")]  # type: ignore[valid-type] # made at run time
    by_kind = Discriminator(lambda value: "object" if isinstance(value, dict) else "list")
    row: Any = Annotated[positional | Annotated[named, Tag("object")], by_kind]
    return _request("PredictRequest", row, max_rows)


def _cell(item: Input) -> Any:
    """Return what an input takes."""
    kind: Any = str
    if isinstance(item, Numeric):
        kind = Number
    elif isinstance(item, Boolean):
        kind = bool | str
    elif item.of_integers:
        kind = int
    return kind | None if item.missing.admitted else kind


def _described(item: Input) -> Any:
    """Return what an input takes, with a sentence of it and what training saw.

    The texts of a file are examples and never in the sentence, which pages render as Markdown.
    """
    seen: list[Any] = []
    if isinstance(item, Numeric):
        unit = f" {re.sub(MARKDOWN, CHARACTER, item.unit)}" if item.unit else ""
        says = f"A number; {item.reference.min:g} to {item.reference.max:g}{unit} in training"
    elif isinstance(item, Boolean):
        seen, says = [True, False, *item.texts], "A truth, or a text that stood for it in training"
    else:
        seen = [*item.categories, *item.rare]
        says = f"A {'whole number' if item.of_integers else 'text'}, also one that training did not see"
    says += "; null where it is missing." if item.missing.admitted else "."
    return Annotated[_cell(item), Field(description=says, examples=seen[:MOST_SHOWN] or None)]


def _list(cells: list[Any]) -> Any:
    """Return the type of a row that is a list."""
    first: Any = cells[0]
    if any(cell != first for cell in cells):
        return tuple[*cells]  # type: ignore[valid-type] # made at run time
    return Annotated[list[first], Field(min_length=len(cells), max_length=len(cells), fail_fast=True)]


def _request(name: str, row: Any, max_rows: int) -> type[BaseModel]:
    text = "The rows to score: lists in the order of the inputs, or objects by name."
    limits = Field(min_length=1, max_length=max_rows, fail_fast=True, description=text)
    instances: Any = Annotated[list[row], limits]
    return create_model(name, __base__=Envelope, instances=(instances, ...))
