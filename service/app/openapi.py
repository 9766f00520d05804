"""The description of the HTTP interface. Knows nothing of how it is answered."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import numpy as np
from fastapi import Body, FastAPI, Header
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response

from models.decision import ABSTAIN
from models.inputs import Categorical, Cell
from models.manifest import Manifest
from service.app.schema import ErrorResponse
from service.errors import InternalError, MalformedError
from service.gate.access import Access, access_to
from service.paths import PREDICT
from service.predict.schema import PredictResponse, predict_request

SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
ERROR = {"schema": {"$ref": "#/components/schemas/ErrorResponse"}}
"""Also where FastAPI takes an error for text, because the route's success is."""
LONGEST_TIMEOUT_MS = 999_999_999

Responses = dict[int | str, dict[str, Any]]


def refusal(status: int, code: str, error: str, details: list[dict[str, Any]] | None = None) -> Responses:
    """Return the description of one way to fail, with an example of its body."""
    example: dict[str, Any] = {"error": error, "code": code, "request_id": "5f0c2d9a41b7-1"}
    if details:
        example["details"] = details
    content = {"application/json": {"example": example}}
    return {status: {"model": ErrorResponse, "description": code, "content": content}}


UNREADY = refusal(503, "not_ready", "no worker answers")
REFUSALS: Responses = {
    **refusal(400, "malformed", "the body is not the JSON that is wanted: EOF at line 1 column 0"),
    **refusal(408, "request_timeout", "the request did not arrive in time"),
    **refusal(413, "too_large", "more than 4096 rows"),
    **refusal(415, "unsupported", 'unknown Content-Encoding "br"'),
    **refusal(
        422,
        "invalid",
        'row 0, input "worst area": not a number',
        [{"row": 0, "input": "worst area", "reason": "not a number"}],
    ),
    **refusal(500, "internal", "the model failed on this request"),
    **refusal(503, "overloaded", "too many requests are waiting; try again later"),
    **refusal(504, "deadline", "the deadline passed before there was an answer"),
}


def describe_predict(app: FastAPI, manifest: Manifest, max_rows: int) -> dict[str, Any]:
    """Add `POST /predict` to the description; the data plane answers it before FastAPI sees it.

    Return the examples of its request by name, which the description is to have.
    """
    golden = manifest.golden[0]
    row = [_shown(cell) for cell in golden.input]
    probabilities = dict(zip(manifest.classes, golden.probabilities, strict=True))
    examples: dict[str, Any] = {
        "by position": {"value": {"instances": [row]}},
        "by name": {"value": {"instances": [dict(zip((i.name for i in manifest.inputs), row, strict=True))]}},
        "explained": {"value": {"instances": [row], "explain": True}},
        "wrong rows reported": {"value": {"instances": [row, row[1:]], "on_error": "report"}},
    }
    if not manifest.plain:
        rows = (each.input for each in manifest.golden if _has_unseen(manifest, each.input))
        unseen = [_shown(cell) for cell in next(rows, golden.input)]
        examples["unseen text reported"] = {"value": {"instances": [unseen], "report_unseen": True}}
    answer = {
        "id": "5f0c2d9a41b7-1",
        "model": manifest.name,
        "version": str(manifest.version),
        "predictions": [_classes(manifest, golden.probabilities) | {"probabilities": probabilities}],
    }

    async def predict(request: Any, x_request_timeout_ms: Any = None) -> Any:  # noqa: ARG001 - its signature is the description
        """Score rows: lists in the order of the inputs, or objects by input name.

        null is a missing value, where the input admits one.
        The JSON is also taken as `application/x-www-form-urlencoded`, as `curl -d` sends it; a form is not.
        """
        raise InternalError("POST /predict is answered by service/http/connection.py before FastAPI sees it")

    predict.__annotations__ |= {
        "request": Annotated[predict_request(manifest, max_rows), Body()],
        "x_request_timeout_ms": Annotated[
            int,
            Header(
                ge=1,
                le=LONGEST_TIMEOUT_MS,
                description="A deadline in milliseconds, shorter than the service's.",
            ),
        ],
    }
    success: Responses = {200: {"content": {"application/json": {"example": answer}}}}
    app.post(PREDICT, response_model=PredictResponse, responses=success | REFUSALS, tags=["use"])(predict)
    return examples


def add_description(app: FastAPI, examples: dict[str, Any], *, keys_used: bool) -> None:
    """Add /openapi.json, with the examples of `/predict`."""

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        return JSONResponse(app.openapi())

    app.openapi = _description(app, examples, keys_used=keys_used)  # type: ignore[method-assign] # FastAPI's own way


def _description(app: FastAPI, examples: dict[str, Any], *, keys_used: bool) -> Callable[[], dict[str, Any]]:
    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, routes=app.routes)
            document["servers"] = [{"url": "."}]  # beside the description, under whatever path a proxy adds
            body = document["paths"][PREDICT]["post"]["requestBody"]["content"]["application/json"]
            body["examples"] = examples  # here: FastAPI drops what is null, and a cell may be
            components = document["components"]
            for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's form of errors, not ours
                components["schemas"].pop(unused, None)
            if keys_used:
                components["securitySchemes"] = SCHEMES
            for path, methods in document["paths"].items():
                guarded = keys_used and access_to(path) is not Access.OPEN
                for operation in methods.values():
                    _complete(operation, guarded=guarded)
            app.openapi_schema = document
        return app.openapi_schema

    return openapi


def _complete(operation: dict[str, Any], *, guarded: bool) -> None:
    """Say of an operation what FastAPI cannot know: keys, request ids, and that nothing else is validated."""
    responses = operation["responses"]
    schema = responses.get("422", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if schema.get("$ref", "").endswith("/HTTPValidationError"):
        del responses["422"]
    if guarded:
        operation["security"] = [{name: []} for name in SCHEMES]
        [(status, response)] = refusal(401, "unauthorized", "this key is not known").items()
        responses[str(status)] = {key: response[key] for key in ("description", "content")}
    for status, response in responses.items():
        response["headers"] = {"X-Request-Id": {"schema": {"type": "string"}}}
        if int(status) >= MalformedError.status:
            described = response["content"].get("application/json", {})
            response["content"] = {"application/json": described | ERROR}


def _shown(cell: Cell) -> Cell:
    """Return a cell as people write it: 11.66, not 11.65999984741211."""
    return float(str(np.float32(cell))) if isinstance(cell, float) else cell


def _has_unseen(manifest: Manifest, row: Sequence[Cell]) -> bool:
    """Return whether a cell of a row is of a category that training did not see."""
    return any(
        isinstance(item, Categorical) and cell not in {*item.categories, *item.rare, None}
        for item, cell in zip(manifest.inputs, row, strict=True)
    )


def _classes(manifest: Manifest, probabilities: tuple[float, ...]) -> dict[str, str]:
    """Return the label of a row, and the decision where the model may abstain."""
    label = manifest.classes[manifest.decision.of_row(probabilities)]
    if not manifest.decision.abstains:
        return {"label": label}
    return {"label": label, "decision": label if manifest.decision.accepts(probabilities) else ABSTAIN}
