"""The description of the HTTP interface. Knows nothing of how it is answered."""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Body, FastAPI, Header, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from models.decision import ABSTAIN
from models.inputs import Categorical, Cell
from models.manifest import Manifest
from service.app.process import catalogue
from service.app.schema import ErrorResponse
from service.errors import InternalError, MalformedError
from service.gate.access import Access, access_to
from service.paths import MODEL_PREDICT, PREDICT, VERSION_PREDICT
from service.predict.schema import AnyPredictRequest, PredictResponse, predict_request

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


UNKNOWN: Responses = {404: {"model": ErrorResponse, "description": "No such model or version."}}
UNREADY = refusal(503, "not_ready", "no worker answers")
INVALID = refusal(422, "invalid", "body.ready: Input should be a valid boolean")
CONTROL: Responses = {
    **UNKNOWN,
    **refusal(403, "forbidden", "models are not loaded by request: SERVICE_MODEL_CONTROL is follow"),
    **refusal(422, "invalid", "iris: not in the store"),
    **refusal(504, "deadline", "the model was not loaded in time"),
}
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


def add_predict_routes(app: FastAPI) -> None:
    """Add the paths of `/predict`, which the data plane answers before FastAPI sees them."""

    async def predict() -> Any:
        raise InternalError("predict is answered by service/http/connection.py before FastAPI sees it")

    async def predict_by_model(model: str, request: AnyPredictRequest) -> Any:  # noqa: ARG001 - its signature is the OpenAPI
        """Score rows by a model's current version, as `/predict` does by the default model's."""
        return await predict()

    async def predict_by_version(model: str, version: str, request: AnyPredictRequest) -> Any:
        """Score rows by this version of a model."""
        del version
        return await predict_by_model(model, request)

    app.post(PREDICT, include_in_schema=False)(predict)
    for path, endpoint in ((MODEL_PREDICT, predict_by_model), (VERSION_PREDICT, predict_by_version)):
        app.post(path, response_model=PredictResponse, responses=UNKNOWN | REFUSALS, tags=["use"])(endpoint)


def _described(manifest: Manifest, max_rows: int) -> tuple[list[BaseRoute], dict[str, Any]]:
    """Return `POST /predict` as the default model takes it, and examples of its request by name."""
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

    router = APIRouter()

    async def predict(request: Any, x_request_timeout_ms: Any = None) -> Any:  # noqa: ARG001 - its signature is the description
        """Score rows: lists in the order of the inputs, or objects by input name.

        null is a missing value, where the input admits one.
        The JSON is also taken as `application/x-www-form-urlencoded`, as `curl -d` sends it; a form is not.
        """
        raise InternalError("POST /predict is only described here")

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
    router.post(PREDICT, response_model=PredictResponse, responses=success | REFUSALS, tags=["use"])(predict)
    return router.routes, examples


def add_description(app: FastAPI, max_rows: int, *, keys_used: bool) -> None:
    """Add /openapi.json, which describes the version of the default model that answers now."""
    digest, description = "", JSONResponse(None)

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi(request: Request) -> Response:
        nonlocal digest, description
        version = catalogue(request).default()
        if version.digest != digest:
            document = _description(app, version.manifest, max_rows, keys_used=keys_used)
            digest, description = version.digest, JSONResponse(document)
        return description


def _description(app: FastAPI, manifest: Manifest, max_rows: int, *, keys_used: bool) -> dict[str, Any]:
    own, examples = _described(manifest, max_rows)
    title = f"{app.title}: {manifest.name}"
    document = get_openapi(title=title, version=app.version, routes=[*own, *app.routes])
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
    return document


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
