"""The bodies of `/predict` as pydantic models: they validate, and they are the OpenAPI."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, create_model
from typing_extensions import TypedDict

from models.manifest import Manifest

STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
"""Without `strict`, true and "1" would pass as numbers; integers do either way."""
MAX_ID_CHARACTERS = 128

Id = Annotated[str | None, Field(max_length=MAX_ID_CHARACTERS, description="Echoed; made when absent.")]
Explain = Annotated[bool, Field(description="Whether each prediction says what each input added.")]


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


class PredictResponse(BaseModel):
    """The answers, in the order of the instances."""

    id: str
    model: str
    version: str
    predictions: list[Prediction]


class Detail(BaseModel):
    """One thing that is wrong: the row's number from 0, the input's name, and why."""

    row: int | None = None
    input: str | None = None
    reason: str


class ErrorResponse(BaseModel):
    """The body of every answer that is not a success."""

    error: str
    code: str
    request_id: str
    details: list[Detail] | None = None


def positional_request(manifest: Manifest, max_rows: int) -> type[BaseModel]:
    """Return the model of a request whose instances are lists: the fast way, tried first."""
    return _request("PositionalRequest", _positional(manifest), max_rows)


def predict_request(manifest: Manifest, max_rows: int) -> type[BaseModel]:
    """Return the model of any request: instances are lists in the inputs' order, or objects by name."""
    named = TypedDict("NamedRow", {item.name: float for item in manifest.inputs})  # type: ignore[misc]
    named.__pydantic_config__ = STRICT  # type: ignore[attr-defined]
    positional = Annotated[_positional(manifest), Tag("list")]  # type: ignore[valid-type] # made at run time
    by_kind = Discriminator(lambda value: "object" if isinstance(value, dict) else "list")
    row: Any = Annotated[positional | Annotated[named, Tag("object")], by_kind]
    return _request("PredictRequest", row, max_rows)


def _positional(manifest: Manifest) -> Any:
    count = len(manifest.inputs)
    return Annotated[list[float], Field(min_length=count, max_length=count, fail_fast=True)]


def _request(name: str, row: Any, max_rows: int) -> type[BaseModel]:
    return create_model(
        name,
        __config__=STRICT,
        instances=(Annotated[list[row], Field(min_length=1, max_length=max_rows)], ...),
        id=(Id, None),
        explain=(Explain, False),
    )
