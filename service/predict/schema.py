"""The bodies of `/predict` as pydantic models: they validate, and they are the OpenAPI."""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    WithJsonSchema,
    create_model,
)
from typing_extensions import TypedDict

from models.manifest import Manifest
from service.body.ident import Id

STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
"""Without `strict`, true and "1" would pass as numbers; integers do either way."""
FLOAT32_MAX = 3.4028234663852886e38

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


class Envelope(BaseModel):
    """What a request says besides its rows."""

    model_config = STRICT

    id: Id = None
    explain: Explain = False
    on_error: OnError = "fail"


class Explanation(BaseModel):
    """What made the logit: intercept plus contributions. With more than two classes, one a class."""

    intercept: float
    contributions: dict[str, float]
    logit: float


class Prediction(BaseModel):
    """The answer for one row."""

    label: str
    probabilities: dict[str, float]
    explanation: Explanation | dict[str, Explanation] | None = None


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


def positional_request(manifest: Manifest, max_rows: int) -> type[BaseModel]:
    """Return the model of a request whose instances are lists: the fast way, tried first."""
    return _request("PositionalRequest", _positional(manifest), max_rows)


def unexamined_request(max_rows: int) -> type[BaseModel]:
    """Return the model of a request whose instances are looked at one by one afterwards."""
    return _request("UnexaminedRequest", Any, max_rows)


def predict_request(manifest: Manifest, max_rows: int) -> type[BaseModel]:
    """Return the model of any request: instances are lists in the inputs' order, or objects by name."""
    named = TypedDict("NamedRow", {item.name: Number for item in manifest.inputs})  # type: ignore[misc]
    named.__pydantic_config__ = STRICT  # type: ignore[attr-defined]
    positional = Annotated[_positional(manifest), Tag("list")]  # type: ignore[valid-type] # made at run time
    by_kind = Discriminator(lambda value: "object" if isinstance(value, dict) else "list")
    row: Any = Annotated[positional | Annotated[named, Tag("object")], by_kind]
    return _request("PredictRequest", row, max_rows)


def positional_row(manifest: Manifest) -> TypeAdapter[list[float]]:
    """Return the validator of one row that is a list."""
    return TypeAdapter(_positional(manifest), config=STRICT)


def _positional(manifest: Manifest) -> Any:
    count = len(manifest.inputs)
    return Annotated[list[Number], Field(min_length=count, max_length=count, fail_fast=True)]


def _request(name: str, row: Any, max_rows: int) -> type[BaseModel]:
    text = "The rows to score: lists in the order of the inputs, or objects by name."
    limits = Field(min_length=1, max_length=max_rows, fail_fast=True, description=text)
    instances: Any = Annotated[list[row], limits]
    return create_model(name, __base__=Envelope, instances=(instances, ...))
