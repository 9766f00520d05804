"""The limit: answers every request with its own body, in two uvicorn processes. Knows nothing of models."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

CONTENT_TYPE = (b"content-type", b"application/json")


async def app(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    """Read the whole body and send it back; what every server here does at the least."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [CONTENT_TYPE, length]})
    await send({"type": "http.response.body", "body": body})
