"""The page of the API and its assets, held in memory. Knows nothing of what the API does.

The scripts of swagger-ui come from a package: the page works without a network. Page and assets hold nothing
of the model, so that a browser can open them without a key; the page asks for one.
"""

import hashlib
from importlib import resources
from typing import NamedTuple

from fastapi import FastAPI, Request
from fastapi.responses import Response

from service.body import compression
from service.errors import NoSuchPathError

SWAGGER, OWN = "fastapi_swagger.resources", "service.app.page"
PAGE = (OWN, "index.html", "text/html")
ASSETS = (
    (OWN, "page.js", "text/javascript"),
    (SWAGGER, "swagger-ui-bundle.js", "text/javascript"),
    (SWAGGER, "swagger-ui.css", "text/css"),
    (SWAGGER, "favicon-32x32.png", "image/png"),
)
REVALIDATED = "no-cache"
"""A browser keeps it and asks each time whether it is still the same: names carry no version."""


class Asset(NamedTuple):
    """One file, as it is and compressed, with what tells it from other versions of itself."""

    content: bytes
    compressed: bytes
    media_type: str
    etag: str

    def answer(self, request: Request) -> Response:
        """Return the file in the encoding that the client likes, or 304 when the client has it."""
        headers = {"etag": self.etag, "cache-control": REVALIDATED, "vary": "accept-encoding"}
        known = {tag.strip() for tag in request.headers.get("if-none-match", "").split(",")}
        if known & {self.etag, "*"}:
            return Response(status_code=304, headers=headers)
        content = self.content
        if compression.choose(request.headers.get("accept-encoding", "").encode("latin-1")) == b"gzip":
            content = self.compressed
            headers["content-encoding"] = "gzip"
        return Response(content, media_type=self.media_type, headers=headers)


def add_page(app: FastAPI) -> None:
    """Add the page, at `/` and `/docs`, and its assets; they are read now, before any process is forked."""
    page = _read(*PAGE)
    assets = {name: _read(package, name, media_type) for package, name, media_type in ASSETS}

    @app.get("/", include_in_schema=False)
    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        return page.answer(request)

    @app.get("/docs/{asset}", include_in_schema=False)
    async def docs_asset(asset: str, request: Request) -> Response:
        if asset not in assets:
            raise NoSuchPathError
        return assets[asset].answer(request)


def _read(package: str, name: str, media_type: str) -> Asset:
    content = resources.files(package).joinpath(name).read_bytes()
    # Weak, because it is one for both encodings.
    etag = f'W/"{hashlib.sha256(content).hexdigest()[:16]}"'
    return Asset(content, compression.compress(content, b"gzip"), media_type, etag)
