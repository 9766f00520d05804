"""The files of a version that people look at: evaluation and report. Knows nothing of what is in them."""

from fastapi import FastAPI, Request
from fastapi.responses import Response

from models.errors import StoreError
from models.manifest import FileName
from service.app.openapi import UNKNOWN
from service.app.process import named
from service.body import compression
from service.catalogue import Version
from service.errors import InternalError, NotFoundError
from service.paths import EVALUATION, REPORT

SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
"""The report comes from who trained the model: it may show itself, and nothing else."""


def add_files(app: FastAPI, *, keys_used: bool) -> None:
    """Add the paths of a version's files. With keys the report is a download, for a link carries none."""

    @app.get(EVALUATION, response_model=None, responses=UNKNOWN, tags=["use"])
    async def evaluation(model: str, version: str, request: Request) -> Response:
        """Give the curves, reliability and coefficients of a version, as training measured them."""
        content = _read(named(request, model, version), "evaluation.json")
        return _answer(request, content, "application/json", {})

    @app.get(REPORT, response_class=Response, responses=UNKNOWN, tags=["use"])
    async def report(model: str, version: str, request: Request) -> Response:
        """Give the report of a version, for people: one HTML file without scripts."""
        found = named(request, model, version)
        headers = {"content-security-policy": SANDBOX, "x-content-type-options": "nosniff"}
        if keys_used:
            name = f"{found.manifest.name}-{found.number}.html"
            headers["content-disposition"] = f'attachment; filename="{name}"'
        return _answer(request, _read(found, "report.html"), "text/html", headers)


def _read(version: Version, file: FileName) -> bytes:
    if file not in version.artifact.manifest.files:
        raise NotFoundError(f"this version has no {file}: it is of an older format")
    try:
        return version.artifact.read(file)
    except StoreError:  # its copy was removed: main has it staged anew
        raise InternalError("the model's files cannot be read") from None


def _answer(request: Request, content: bytes, media_type: str, headers: dict[str, str]) -> Response:
    headers["vary"] = "accept-encoding"
    if compression.takes_gzip(request.headers.get("accept-encoding", "")):
        content = compression.compress(content, b"gzip")
        headers["content-encoding"] = "gzip"
    return Response(content, media_type=media_type, headers=headers)
