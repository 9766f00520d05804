"""The page and its files, held in memory. Knows nothing of what they show.

They hold nothing of the model, so that a browser can open them without a key: what they show comes through
the same endpoints as everyone's.
"""

import hashlib
from collections.abc import Callable
from importlib import resources
from pathlib import PurePath
from typing import NamedTuple

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from rcssmin import cssmin
from rjsmin import jsmin

from service.body import compression
from service.errors import NoSuchPathError

PAGE = "index.html"
KINDS: dict[str, tuple[str, Callable[[str], str]]] = {
    ".html": ("text/html", str),
    ".css": ("text/css", cssmin),
    ".js": ("text/javascript", jsmin),
}
"""A file's media type, and what leaves out its comments and indentation: they are for who writes it."""
DIRECTIVES = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)
"""What the page may do: load its own files, and ask the service that it came from."""
HEADERS = {
    "content-security-policy": "; ".join(DIRECTIVES),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",  # a browser asks each time whether it is still the same
    "vary": "accept-encoding",
}


class Asset(NamedTuple):
    """One file, as it is and compressed, with what tells it from other versions of itself."""

    content: bytes
    compressed: bytes
    media_type: str
    etag: str

    def answer(self, request: Request) -> Response:
        """Return the file in the encoding that the client likes, or 304 when the client has it."""
        headers = {**HEADERS, "etag": self.etag}
        known = {tag.strip() for tag in request.headers.get("if-none-match", "").split(",")}
        if known & {self.etag, "*"}:
            return Response(status_code=304, headers=headers)
        content = self.content
        if compression.takes_gzip(request.headers.get("accept-encoding", "")):
            content = self.compressed
            headers["content-encoding"] = "gzip"
        return Response(content, media_type=self.media_type, headers=headers)


def add_page(app: FastAPI) -> None:
    """Add the page, at `/`, and its files; they are read now, before any process is forked."""
    assets = read()
    page = assets.pop(PAGE)

    @app.get("/", include_in_schema=False)
    async def index(request: Request) -> Response:
        return page.answer(request)

    @app.get("/ui/{asset}", include_in_schema=False)
    async def asset(asset: str, request: Request) -> Response:
        if asset not in assets:
            raise NoSuchPathError
        return assets[asset].answer(request)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return RedirectResponse("./#api")  # relative: a proxy may have added a path


def read() -> dict[str, Asset]:
    """Return every file of the page by its name."""
    folder = resources.files("service") / "ui"
    files = [file for file in folder.iterdir() if PurePath(file.name).suffix in KINDS]
    return {file.name: _asset(file.name, file.read_text("utf-8")) for file in files}


def _asset(name: str, text: str) -> Asset:
    media_type, shorten = KINDS[PurePath(name).suffix]
    content = shorten(text).encode()
    # Weak, because it is one for both encodings.
    etag = f'W/"{hashlib.sha256(content).hexdigest()[:16]}"'
    return Asset(content, compression.compress(content, b"gzip"), media_type, etag)
