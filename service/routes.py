"""All but the data plane: probes, metrics, info, and the OpenAPI. Knows nothing of how rows are scored."""

import asyncio
import logging
import platform
import time
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import __version__, errors
from service.call import SANE_ID
from service.deployment import Deployment
from service.edge import Edge
from service.errors import InternalError, MethodNotAllowedError, NotFoundError, NotReadyError, ServiceError
from service.metrics import FLUSH_S, TolerantCollector
from service.schema import ErrorResponse, PredictResponse, predict_request

LIBRARIES = ("fastapi", "litserve", "numpy", "pydantic", "uvicorn")
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorResponse, "description": text}
    for status, text in (
        (400, "The body is not the JSON that is wanted."),
        (408, "The request did not arrive in time."),
        (413, "The body or its rows are over the limit."),
        (415, "A form, or an unknown Content-Encoding."),
        (422, "A row is wrong; `details` names row, input and reason."),
        (500, "A bug, or a model that fails."),
        (503, "Too many requests are waiting; see Retry-After."),
        (504, "The deadline passed."),
    )
}

log = logging.getLogger("logitserve.http")


def add_routes(app: FastAPI, deployment: Deployment) -> None:
    """Add every endpoint to `app`, with one form for all errors."""
    manifest = deployment.artifact.manifest
    app.title = f"logitserve: {manifest.name}"
    app.version = __version__
    app.add_middleware(Observer)
    app.add_exception_handler(ServiceError, _answer_error)
    app.add_exception_handler(HTTPException, _answer_http_exception)
    app.add_exception_handler(Exception, _answer_bug)

    @app.get("/livez", response_class=PlainTextResponse, tags=["operate"])
    async def livez() -> str:
        """Tell the kubelet that this process answers."""
        return "ok"

    @app.get("/readyz", response_class=PlainTextResponse, responses=_unready(), tags=["operate"])
    @app.get("/health", response_class=PlainTextResponse, responses=_unready(), tags=["operate"])
    async def readyz(request: Request) -> str:
        """Tell a load balancer that the model is verified and warm, a worker answers, and nothing drains."""
        reason = await _edge(request).unready()
        if reason is not None:
            raise NotReadyError(reason)
        return "ok"

    @app.get("/metrics", response_class=PlainTextResponse, tags=["operate"])
    async def metrics(request: Request) -> Response:
        """Give Prometheus the totals of all processes."""
        await asyncio.sleep(FLUSH_S)
        _edge(request).metrics.flush()
        registry = CollectorRegistry()
        registry.register(TolerantCollector(deployment.metrics_dir, deployment.slots))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/info", tags=["use"])
    async def info(request: Request) -> dict[str, Any]:
        """Tell people what is served, from what it was trained, and on what it runs."""
        greeting = _edge(request).greeting
        libraries = {name: version(name) for name in LIBRARIES}
        return {
            "model": manifest.name,
            "version": str(manifest.version),
            "digest": deployment.artifact.digest,
            "device": greeting.get("device"),
            "libraries": libraries | {"python": platform.python_version(), "torch": greeting.get("torch")},
            **manifest.model_dump(
                mode="json",
                include={"created", "git_commit", "inputs", "classes", "threshold", "data", "fit", "metrics"},
            ),
            "trained_with": manifest.libraries,
        }

    request_model = predict_request(manifest, deployment.settings.max_rows)
    example: Any = {"instances": [list(manifest.golden[0].input)]}

    async def predict(request: Any) -> Any:  # noqa: ARG001 - its annotation is the OpenAPI
        """Score rows: lists in the order of the inputs, or objects by input name."""
        raise InternalError("POST /predict is answered by service/protocol.py before FastAPI sees it")

    predict.__annotations__["request"] = request_model
    app.post("/predict", response_model=PredictResponse, responses=REFUSALS, tags=["use"])(predict)
    request_model.model_config["json_schema_extra"] = {"examples": [example]}


def _unready() -> dict[int | str, dict[str, Any]]:
    return {503: {"model": ErrorResponse, "description": "Not ready, and why."}}


def _edge(request: Request) -> Edge:
    edge: Edge = request.state.edge
    return edge


class Observer:
    """Give every request an id, and count its answer under the template of the route that matched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        edge: Edge = scope["state"]["edge"]
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        request_id = given.decode() if SANE_ID.fullmatch(given) else edge.new_id()
        scope["state"]["request_id"] = request_id
        started = time.monotonic()

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
                route = scope.get("route")
                template = getattr(route, "path", "unmatched")
                method = scope["method"] if template != "unmatched" else "other"
                edge.metrics.answered(template, method, message["status"], time.monotonic() - started)
            await send(message)

        await self._app(scope, receive, observed)


async def _answer_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)  # noqa: S101 - what it was registered for
    headers = {} if error.retry_after_s is None else {"retry-after": str(error.retry_after_s)}
    body = errors.body(error, request.state.request_id)
    return Response(body, error.status, headers, media_type="application/json")


async def _answer_http_exception(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    if status == NotFoundError.status:
        return await _answer_error(request, NotFoundError("no such path"))
    if status == MethodNotAllowedError.status:
        answer = await _answer_error(request, MethodNotAllowedError("this path does not take this method"))
        answer.headers.update(getattr(error, "headers", None) or {})
        return answer
    raise error


async def _answer_bug(request: Request, error: Exception) -> Response:
    log.error("a bug", exc_info=error, extra={"request_id": request.state.request_id})
    return await _answer_error(request, InternalError("the service failed on this request"))
