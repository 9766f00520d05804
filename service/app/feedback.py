"""`POST /feedback`: JSON to tokens and labels. Knows nothing of what is in a token."""

import re
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from pydantic import BaseModel

from service.app.openapi import Responses, refusal
from service.app.process import catalogue
from service.body.compression import inflate
from service.errors import InvalidError, MalformedError, TooLargeError, UnsupportedError
from service.feedback.labels import Item, Labels
from service.paths import FEEDBACK
from service.settings import Settings

JSON = "application/json"
PLACE = re.compile(r"(.*) - at `\$\.(.*)`", re.DOTALL)
NO_OBJECT = "Expected `object`"
TOKEN = b'"token"'
EXAMPLES = {
    "a label": {"value": {"feedback": [{"token": "`feedback` of a prediction", "label": "malignant"}]}},
    "none": {"value": {"feedback": []}},
}
REFUSALS: Responses = {
    **refusal(400, "malformed", "the body is not the JSON that is wanted: Input data was truncated"),
    **refusal(413, "too_large", "more than 4096 labels"),
    **refusal(415, "unsupported", "wanted Content-Type: application/json"),
    **refusal(
        422,
        "invalid",
        'feedback.0: unknown label "malign"; wanted "benign", "malignant"',
        [{"row": 0, "reason": 'feedback.0: unknown label "malign"; wanted "benign", "malignant"'}],
    ),
    **refusal(500, "internal", "the labels were not counted; send them again"),
}


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """What is sent."""

    feedback: list[Item]


class Taken(BaseModel):
    """How many tokens brought a label, had brought one before, and are too old to bring one."""

    taken: int
    repeated: int
    late: int


def add_feedback(app: FastAPI, settings: Settings) -> None:
    """Add the path."""
    item = {
        "type": "object",
        "properties": {"token": {"type": "string"}, "label": {"type": "string"}},
        "required": ["token", "label"],
        "additionalProperties": False,
    }
    schema = {
        "type": "object",
        "properties": {"feedback": {"type": "array", "items": item, "maxItems": settings.max_rows}},
        "required": ["feedback"],
        "additionalProperties": False,
    }
    described = {"required": True, "content": {JSON: {"schema": schema, "examples": EXAMPLES}}}

    @app.post(
        FEEDBACK,
        response_model=Taken,
        responses=REFUSALS,
        openapi_extra={"requestBody": described},
        tags=["use"],
    )
    async def feedback(request: Request) -> Any:
        """Take the true labels of rows, by the tokens of their predictions; all of them or none.

        A token brings its label once. What is later than 30 days is not counted.
        """
        body = await _body(request, settings.max_body_bytes)
        many = body.count(TOKEN) > settings.max_rows  # those would take a while to parse
        items = [] if many else _items(body)
        if many or len(items) > settings.max_rows:
            raise TooLargeError(f"more than {settings.max_rows} labels")
        labels: Labels = request.state.labels
        found = await labels.take(items, catalogue(request).classes)
        return {"taken": found["taken"], "repeated": found["repeated"], "late": found["late"]}


async def _body(request: Request, most_bytes: int) -> bytes:
    """Return the body of what says that it is JSON: pages of other sites can't, without asking first."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise UnsupportedError(f"wanted Content-Type: {JSON}")
    body = await request.body()
    encoding = request.headers.get("content-encoding")
    return body if encoding is None else inflate(body, encoding.encode("latin-1"), most_bytes)


def _items(body: bytes) -> list[Item]:
    try:
        return msgspec.json.decode(body, type=Body).feedback
    except msgspec.ValidationError as error:
        reason = str(error)
        if reason.startswith(NO_OBJECT) and not PLACE.fullmatch(reason):
            raise MalformedError(f"the body is not the JSON that is wanted: {_lower(reason)}") from None
        raise InvalidError(_placed(reason)) from None
    except ValueError as error:
        raise MalformedError(f"the body is not the JSON that is wanted: {error}") from None


def _placed(reason: str) -> str:
    """Return what is wrong behind its place: `feedback.3.label: expected …`."""
    found = PLACE.fullmatch(reason)
    if found is None:
        return _lower(reason)
    place = re.sub(r"\[(\d+)\]", r".\1", found[2])
    return f"{place}: {_lower(found[1])}"


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]
