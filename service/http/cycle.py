"""An ASGI call as uvicorn makes it of a request, but for the order of answers, which the connection keeps."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import unquote

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    from service.http.head import Headers


def make_cycle(
    connection: HttpToolsProtocol,
    version: str,
    method: bytes,
    path: bytes,
    query: bytes,
    headers: Headers,
    *,
    expects: bool,
    keep_alive: bool,
) -> RequestResponseCycle:
    """Return the call; `expects` is whether its client waits for a 100 before it sends the body."""
    scope = {
        "type": "http",
        "asgi": {"version": connection.asgi_version, "spec_version": "2.3"},
        "http_version": version,
        "server": connection.server,
        "client": connection.client,
        "scheme": connection.scheme,
        "method": method.decode("ascii"),
        "root_path": "",
        "path": unquote(path.decode("ascii")),
        "raw_path": path,
        "query_string": query,
        "headers": headers,
        "state": connection.app_state.copy(),
    }
    return RequestResponseCycle(
        scope=scope,  # type: ignore[arg-type] # as uvicorn has it
        transport=connection.transport,
        flow=connection.flow,
        logger=connection.logger,
        access_logger=connection.access_logger,
        access_log=connection.access_log,
        default_headers=connection.server_state.default_headers,
        message_event=asyncio.Event(),
        expect_100_continue=expects,
        keep_alive=keep_alive,
        on_response=connection.on_response_complete,
    )
