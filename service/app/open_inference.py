"""The Open Inference Protocol beside inference: health, metadata, configuration, statistics, index.

Knows nothing of how rows are scored. Names and versions in paths are compared, never looked up in files.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any

from fastapi import Depends, FastAPI, Request

from service import __version__
from service.app.openapi import REFUSALS, UNREADY, Responses
from service.app.process import check_ready, readiness, scrape
from service.app.schema import ErrorResponse
from service.deployment import Deployment
from service.errors import InternalError, NoSuchModelError
from service.oip.schema import (
    IndexEntry,
    InferRequest,
    InferResponse,
    Live,
    ModelMetadata,
    ModelReady,
    Ready,
    ServerMetadata,
)
from service.oip.signature import configuration, metadata
from service.oip.statistics import statistics
from service.paths import INFER, INFER_VERSION, MODEL, VERSION

EXTENSIONS = ["binary_tensor_data", "model_configuration", "model_repository", "statistics"]
TAGS: list[str | Enum] = ["open inference protocol"]

UNKNOWN: Responses = {404: {"model": ErrorResponse, "description": "No such model or version."}}


def add_oip_routes(app: FastAPI, deployment: Deployment) -> None:
    """Add the endpoints under /v2 to `app`."""
    _add_server_routes(app, deployment)
    _add_model_routes(app, deployment)
    _add_infer_routes(app)


def _add_server_routes(app: FastAPI, deployment: Deployment) -> None:
    manifest = deployment.artifact.manifest

    @app.get("/v2", response_model=ServerMetadata, tags=TAGS)
    async def server_metadata() -> Any:
        """Tell a client who answers."""
        return {"name": "logitserve", "version": __version__, "extensions": EXTENSIONS}

    @app.get("/v2/health/live", response_model=Live, tags=TAGS)
    async def live() -> Any:
        """Tell that this process answers."""
        return {}

    @app.get("/v2/health/ready", response_model=Ready, responses=UNREADY, tags=TAGS)
    async def ready(request: Request) -> Any:
        """Tell that requests will be answered, as /readyz does."""
        await check_ready(request)
        return {}

    @app.post("/v2/repository/index", response_model=list[IndexEntry], tags=TAGS)
    async def repository_index(request: Request) -> Any:
        """List what is served."""
        reason = await readiness(request).unready()
        return [
            {
                "name": manifest.name,
                "version": str(manifest.version),
                "state": "READY" if reason is None else "UNAVAILABLE",
                "reason": reason or "",
            }
        ]


def _add_model_routes(app: FastAPI, deployment: Deployment) -> None:
    manifest, settings = deployment.artifact.manifest, deployment.settings
    served = manifest.name, str(manifest.version)

    async def statistics_of_all(request: Request) -> Any:
        """Tell how often the model was asked, and how long it took."""
        collector = await scrape(request, deployment)
        return statistics(collector.collect(), *served)

    async def model_ready(request: Request) -> Any:
        """Tell that the model answers."""
        await check_ready(request)
        return {"name": manifest.name}

    async def model_configuration(request: Request) -> Any:
        """Tell the configuration in Triton's form."""
        device = readiness(request).greeting.get("device") or "cpu"
        return configuration(manifest, settings.max_rows, device, len(deployment.worker_sockets))

    async def model_metadata() -> Any:
        """Tell the tensors that the model takes and gives, and the names, kinds and ranges of the inputs."""
        return metadata(manifest)

    # Before the models: Triton's clients take this name for all of them.
    app.get("/v2/models/stats", response_model=None, tags=TAGS)(statistics_of_all)
    for path, check in _checks(*served).items():
        for rest, endpoint, answer, responses in (
            ("", model_metadata, ModelMetadata, UNKNOWN),
            ("/ready", model_ready, ModelReady, UNKNOWN | UNREADY),
            ("/config", model_configuration, None, UNKNOWN),
            ("/stats", statistics_of_all, None, UNKNOWN),
        ):
            app.get(
                path + rest,
                response_model=answer,
                responses=responses,
                dependencies=[Depends(check)],
                tags=TAGS,
            )(endpoint)


def _checks(name: str, served_version: str) -> dict[str, Callable[..., Any]]:
    """Return the paths of a model, and what refuses all models and versions but the one that is served."""

    async def check_version(model: str, version: str) -> None:
        if (model, version) != (name, served_version):
            raise NoSuchModelError

    async def check_name(model: str) -> None:
        await check_version(model, served_version)

    return {MODEL: check_name, VERSION: check_version}


def _add_infer_routes(app: FastAPI) -> None:
    async def infer(model: str, request: InferRequest) -> Any:  # noqa: ARG001 - its signature is the OpenAPI
        """Score the rows of tensors.

        The JSON is also taken as `application/x-www-form-urlencoded`, as `curl -d` sends it; a form is not.
        """
        raise InternalError("infer is answered by service/http/connection.py before FastAPI sees it")

    async def infer_version(model: str, version: str, request: InferRequest) -> Any:
        """Score the rows of tensors by this version, sent as to the model."""
        del version
        return await infer(model, request)

    responses = UNKNOWN | REFUSALS
    app.post(INFER, response_model=InferResponse, responses=responses, tags=TAGS)(infer)
    app.post(INFER_VERSION, response_model=InferResponse, responses=responses, tags=TAGS)(infer_version)
