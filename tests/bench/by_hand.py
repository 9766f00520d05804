"""The model called by hand in a raw ASGI app, without a framework. Knows nothing of batching."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec
import torch

from tests.bench import torchscript

HEADERS = [(b"content-type", b"application/json")]


class Request(msgspec.Struct):
    """Rows of 30 numbers."""

    instances: list[list[float]]


read = msgspec.json.Decoder(Request).decode
write = msgspec.json.Encoder().encode
model = torchscript.load()


async def app(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    """Answer with the probabilities of each row, or with 422."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    try:
        with torch.inference_mode():
            predictions = model(torch.tensor(read(body).instances)).tolist()
        status, answer = 200, write({"predictions": predictions})
    except (msgspec.MsgspecError, RuntimeError, ValueError) as error:
        status, answer = 422, write({"error": str(error)})
    headers = [*HEADERS, (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
