"""The Open Inference Protocol beside inference: health, metadata, configuration, statistics, the repository.

Knows nothing of how rows are scored. Names and versions in paths are looked up in the catalogue, never in
files.
"""

from enum import Enum
from typing import Any

from fastapi import FastAPI, Request

from service import __version__
from service.app.openapi import CONTROL, REFUSALS, UNKNOWN, UNREADY
from service.app.process import catalogue, check_ready, check_workers, named, readiness, scrape
from service.deployment import Deployment
from service.errors import DeadlineError, ForbiddenError, InternalError, InvalidError
from service.oip.schema import (
    IndexEntry,
    IndexRequest,
    InferRequest,
    InferResponse,
    Live,
    LoadRequest,
    ModelMetadata,
    ModelReady,
    Ready,
    ServerMetadata,
)
from service.oip.signature import configuration, metadata
from service.oip.statistics import statistics
from service.paths import INFER, INFER_VERSION, LOAD, MODEL, UNLOAD, VERSION

EXTENSIONS = ["binary_tensor_data", "model_configuration", "model_repository", "statistics"]
TAGS: list[str | Enum] = ["open inference protocol"]


def add_oip_routes(app: FastAPI, deployment: Deployment) -> None:
    """Add the endpoints under /v2 to `app`."""
    _add_server_routes(app)
    _add_repository_routes(app, deployment.settings.model_control)
    _add_model_routes(app, deployment)
    _add_infer_routes(app)


def _add_server_routes(app: FastAPI) -> None:
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


def _add_repository_routes(app: FastAPI, control: str) -> None:
    @app.post("/v2/repository/index", response_model=list[IndexEntry], tags=TAGS)
    async def repository_index(request: Request) -> Any:
        """List the versions that answer, and those that were refused unless `{"ready": true}` is sent."""
        only_ready = _asks_for_ready(await request.body())
        reason = await readiness(request).no_worker()
        state = "READY" if reason is None else "UNAVAILABLE"
        table = catalogue(request).table
        served = [
            {"name": each.model, "version": str(each.version), "state": state, "reason": reason or ""}
            for each in table.versions
        ]
        refused = [
            {
                "name": each.model,
                "version": "" if each.version is None else str(each.version),
                "state": "UNAVAILABLE",
                "reason": each.message,
            }
            for each in table.refused
        ]
        return [each for each in served + refused if not only_ready or each["state"] == "READY"]

    def check_control() -> None:
        if control != "explicit":
            raise ForbiddenError(f"models are not loaded by request: SERVICE_MODEL_CONTROL is {control}")

    @app.post(LOAD, response_model=None, responses=CONTROL, tags=TAGS)
    async def load(model: str, request: Request, wanted: LoadRequest | None = None) -> Any:
        """Load what CURRENT of a model names, or the versions of a `version_policy`, and serve them."""
        check_control()
        versions = wanted.versions() if wanted else None
        await _ask(request, {"load": model, "versions": versions})
        return {}

    @app.post(UNLOAD, response_model=None, responses=CONTROL, tags=TAGS)
    async def unload(model: str, request: Request) -> Any:
        """Serve a model no more."""
        check_control()
        await _ask(request, {"unload": model})
        return {}


def _asks_for_ready(body: bytes) -> bool:
    """Return whether an index is wanted without what does not answer; any other body says nothing."""
    try:
        return IndexRequest.model_validate_json(body).ready
    except ValueError:
        return False


async def _ask(request: Request, wish: dict[str, Any]) -> None:
    """Have main load or unload a model. Raises InvalidError with its reason when it does not."""
    try:
        refusal = await request.state.control.ask(wish)
    except TimeoutError:
        raise DeadlineError("the model was not loaded in time") from None
    if refusal is not None:
        raise InvalidError(refusal)


def _add_model_routes(app: FastAPI, deployment: Deployment) -> None:
    settings, feedback = deployment.settings, deployment.feedback is not None

    async def statistics_of_all(request: Request) -> Any:
        """Tell how often each model was asked, and how long it took."""
        found = catalogue(request).table.versions
        return await _statistics(request, [(each.model, str(each.version)) for each in found])

    async def model_statistics(request: Request, model: str, version: str | None = None) -> Any:
        """Tell how often the model was asked, and how long it took."""
        named(request, model, version)
        versions = [each.number for each in catalogue(request).of(model)] if version is None else [version]
        return await _statistics(request, [(model, each) for each in versions])

    async def _statistics(request: Request, versions: list[tuple[str, str]]) -> Any:
        collector = await scrape(request, deployment)
        return statistics(collector.collect(), versions)

    async def model_ready(request: Request, model: str, version: str | None = None) -> Any:
        """Tell that the model answers."""
        named(request, model, version)
        await check_workers(request)
        return {"name": model}

    async def model_configuration(request: Request, model: str, version: str | None = None) -> Any:
        """Tell the configuration in Triton's form."""
        manifest = named(request, model, version).manifest
        device = readiness(request).greeting.get("device") or "cpu"
        workers = len(deployment.worker_sockets)
        return configuration(manifest, settings.max_rows, device, workers, feedback=feedback)

    async def model_metadata(request: Request, model: str, version: str | None = None) -> Any:
        """Tell the tensors that the model takes and gives, and the names, kinds and ranges of the inputs."""
        manifest = named(request, model, version).manifest
        numbers = [each.number for each in catalogue(request).of(model)]
        return metadata(manifest, numbers, feedback=feedback)

    # Before the models: Triton's clients take this name for all of them.
    app.get("/v2/models/stats", response_model=None, tags=TAGS)(statistics_of_all)
    for path in (MODEL, VERSION):
        for rest, endpoint, answer, responses in (
            ("", model_metadata, ModelMetadata, UNKNOWN),
            ("/ready", model_ready, ModelReady, UNKNOWN | UNREADY),
            ("/config", model_configuration, None, UNKNOWN),
            ("/stats", model_statistics, None, UNKNOWN),
        ):
            app.get(path + rest, response_model=answer, responses=responses, tags=TAGS)(endpoint)


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
