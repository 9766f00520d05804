"""All but the data plane: probes, metrics, info, and the OpenAPI. Knows nothing of how rows are scored."""

import platform
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from models.cores import find_cores
from service import __version__
from service.app.drift import add_drift
from service.app.feedback import add_feedback
from service.app.files import add_files
from service.app.gatekeeper import Gatekeeper
from service.app.open_inference import add_oip_routes
from service.app.openapi import UNKNOWN, UNREADY, add_description, add_predict_routes
from service.app.page import add_page
from service.app.process import catalogue, check_ready, named, readiness, scrape, watched
from service.app.schema import Info
from service.deployment import Deployment
from service.drift import exposition
from service.errors import InvalidError, MalformedError, MethodNotAllowedError, NoSuchPathError

LIBRARIES = ("fastapi", "litserve", "numpy", "pydantic", "uvicorn")
TOLD = (
    *("created", "git_commit", "inputs", "left_out", "classes", "positive", "abstain", "calibration"),
    *("data", "fit", "metrics", "invariant"),
)
"""The manifest's fields in /info; not the golden examples, which are rows of the training data."""


def add_routes(app: FastAPI, deployment: Deployment) -> None:
    """Add every endpoint to `app`, with one form for all errors."""
    libraries = {name: version(name) for name in LIBRARIES}
    app.title = "logitserve"
    app.version = __version__
    app.router.routes.clear()  # FastAPI's own pages load their scripts from the network
    app.router.redirect_slashes = False  # a path is one path, and a redirect loses a proxy's prefix
    app.router.strict_content_type = False  # Triton's clients send JSON without a type
    app.add_middleware(Gatekeeper)
    app.add_exception_handler(HTTPException, _raise_own)
    app.add_exception_handler(RequestValidationError, _raise_invalid)

    @app.get("/livez", response_class=PlainTextResponse, tags=["operate"])
    async def livez() -> str:
        """Tell the kubelet that this process answers."""
        return "ok"

    @app.get("/readyz", response_class=PlainTextResponse, responses=UNREADY, tags=["operate"])
    @app.get("/health", response_class=PlainTextResponse, responses=UNREADY, tags=["operate"])
    async def readyz(request: Request) -> str:
        """Tell a load balancer that the model is verified and warm, a worker answers, and nothing drains."""
        await check_ready(request)
        return "ok"

    @app.get("/metrics", response_class=PlainTextResponse, tags=["operate"])
    async def metrics(request: Request) -> Response:
        """Give Prometheus the totals of all processes."""
        registry = CollectorRegistry()
        registry.register(await scrape(request, deployment))
        content = generate_latest(registry) + exposition.text(watched(request))
        return Response(content, media_type=CONTENT_TYPE_LATEST)

    @app.get("/info", response_model=Info, responses=UNKNOWN, tags=["use"])
    async def info(request: Request, model: str | None = None, version: str | None = None) -> Any:
        """Tell people what is served, from what it was trained, and on what it runs.

        That is of the default model's current version, or of the model and version that are named.
        """
        answers = catalogue(request)
        table = answers.table
        found = named(request, model or table.default, version)
        manifest, greeting = found.manifest, readiness(request).greeting
        return {
            "model": manifest.name,
            "version": str(manifest.version),
            "digest": found.digest,
            "inputs_digest": found.inputs_digest,
            "models": [
                {
                    "model": served.model,
                    "version": str(served.version),
                    "digest": served.digest,
                    "current": table.current.get(served.model) == served.digest,
                }
                for served in table.versions
            ],
            "refused": [
                refused._asdict() | {"version": None if refused.version is None else str(refused.version)}
                for refused in table.refused
            ],
            "device": greeting.get("device"),
            "cpu_capability": greeting.get("cpu_capability"),
            "cores": find_cores()._asdict(),
            "libraries": libraries | {"python": platform.python_version(), "torch": greeting.get("torch")},
            "trained_with": manifest.environment.libraries,
            **manifest.model_dump(include=set(TOLD)),
            "threshold": manifest.threshold.value,
            "threshold_rule": manifest.threshold.rule,
        }

    add_oip_routes(app, deployment)

    add_predict_routes(app)
    add_files(app, keys_used=deployment.keys.used)
    add_drift(app)
    if deployment.feedback is not None:
        add_feedback(app, deployment.settings)
    add_description(app, deployment.settings.max_rows, keys_used=deployment.keys.used)
    if deployment.settings.ui:
        add_page(app)


async def _raise_own(_: Request, error: Exception) -> Response:
    """Turn what is said of a path, method or body into an error of ours; the Gatekeeper answers with it."""
    assert isinstance(error, HTTPException)  # noqa: S101 - what it was registered for
    if error.status_code == NoSuchPathError.status:
        raise NoSuchPathError
    if error.status_code == MethodNotAllowedError.status:
        raise MethodNotAllowedError((error.headers or {}).get("Allow", ""))
    if isinstance(error.__cause__, ClientDisconnect):
        raise error.__cause__
    if error.status_code == MalformedError.status:
        raise MalformedError("the body cannot be read")
    raise error


async def _raise_invalid(_: Request, error: Exception) -> Response:
    """Name the first part of a body or query that is wrong."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it was registered for
    first = error.errors()[0]
    raise InvalidError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
