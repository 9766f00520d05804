"""A request's body in one piece, as any codec wants it. Knows nothing of rows or tensors."""

import re

from service.body.compression import inflate
from service.errors import UnsupportedError
from service.plane.call import Call

JSON = b"application/json"
MULTIPART = b"multipart/form-data"
FORM = b"application/x-www-form-urlencoded"
OBJECT = re.compile(rb"[ \t\r\n]*\{")
NO_FORM = "a form is not accepted; send a JSON object, with Content-Type: application/json or none"


def whole_body(call: Call, most_bytes: int) -> bytes:
    """Return the body in one piece, without its Content-Encoding.

    Only for routes that change nothing: they take a JSON object that calls itself a form, as `curl -d` sends
    it. A page of another site can send a form without asking first, so what changes something must not.

    Raises UnsupportedError for a form or an unknown encoding, MalformedError or TooLargeError as `inflate`.
    """
    kind = call.headers.get(b"content-type", JSON)
    form = kind != JSON and kind.lower().startswith((FORM, MULTIPART))
    if form and kind.lower().startswith(MULTIPART):
        raise UnsupportedError(NO_FORM)
    body = call.body[0] if len(call.body) == 1 else b"".join(call.body)
    encoding = call.headers.get(b"content-encoding")
    if encoding is not None:
        body = inflate(body, encoding, most_bytes)
    if form and not OBJECT.match(body):
        raise UnsupportedError(NO_FORM)
    return body
