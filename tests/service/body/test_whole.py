"""A body in one piece: whatever it came in, and no form of a page of another site."""

import gzip

import pytest

from service.body.whole import whole_body
from service.errors import TooLargeError, UnsupportedError
from tests.service.calls import KeptCall

OBJECT = b'{"instances": []}'
FORM = b"application/x-www-form-urlencoded"


def whole(*pieces: bytes, **headers: bytes) -> bytes:
    """Return the whole of a body that came in pieces."""
    call = KeptCall(b"", {name.replace("_", "-").encode(): value for name, value in headers.items()})
    call.body = list(pieces)
    return whole_body(call, 1000)


def test_pieces_are_put_together() -> None:
    """In their order; none at all are an empty body."""
    assert whole(OBJECT) == whole(OBJECT[:3], b"", OBJECT[3:]) == OBJECT
    assert whole() == b""


def test_a_coding_is_taken_off_within_the_limit() -> None:
    """What is inside may be no longer than bodies are."""
    packed = gzip.compress(OBJECT)
    assert whole(packed[:5], packed[5:], content_encoding=b"gzip") == OBJECT
    assert len(whole(gzip.compress(bytes(1000)), content_encoding=b"gzip")) == 1000
    with pytest.raises(TooLargeError):
        whole(gzip.compress(bytes(1001)), content_encoding=b"gzip")


@pytest.mark.parametrize("kind", [FORM, FORM.upper(), FORM + b"; charset=utf-8"])
def test_an_object_that_calls_itself_a_form_is_taken(kind: bytes) -> None:
    """As `curl -d` sends it; that is told by what is inside its coding."""
    assert whole(b" \r\n\t" + OBJECT, content_type=kind) == b" \r\n\t" + OBJECT
    assert whole(gzip.compress(OBJECT), content_type=kind, content_encoding=b"gzip") == OBJECT
    for form in (b"instances=1", b"", b"[" + OBJECT + b"]", b"a={"):
        with pytest.raises(UnsupportedError, match="a form is not accepted"):
            whole(form, content_type=kind)
        with pytest.raises(UnsupportedError, match="a form is not accepted"):
            whole(gzip.compress(form), content_type=kind, content_encoding=b"gzip")


@pytest.mark.parametrize("kind", [b"multipart/form-data; boundary=x", b"Multipart/Form-Data"])
def test_a_form_of_parts_is_refused_whatever_is_in_it(kind: bytes) -> None:
    """No program sends an object so."""
    with pytest.raises(UnsupportedError, match="a form is not accepted"):
        whole(OBJECT, content_type=kind)


@pytest.mark.parametrize("kind", [b"application/json", b"text/plain", b"application/octet-stream", b""])
def test_any_other_type_is_read_by_its_content(kind: bytes) -> None:
    """Clients name what they send in many ways, or not at all."""
    assert whole(b"no object", content_type=kind) == b"no object"
