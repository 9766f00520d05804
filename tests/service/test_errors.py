"""The one form of errors."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from service import errors
from service.errors import InvalidError, ServiceError, quote


def classes(base: type[ServiceError] = ServiceError) -> list[type[ServiceError]]:
    """Return every class of error."""
    return [base, *(sub for direct in base.__subclasses__() for sub in classes(direct))]


def test_each_error_is_documented_with_its_status_and_code() -> None:
    """docs/http.md has a row for each pair of status and code."""
    page = (Path(__file__).parents[2] / "docs" / "http.md").read_text()
    for kind in classes():
        assert f"| {kind.status} | `{kind.code}` |" in page, kind


def test_at_most_five_details_are_named_and_all_are_counted() -> None:
    """The total stands in the sentence."""
    details = [{"row": i, "reason": "missing"} for i in range(9)]
    body = json.loads(errors.body(InvalidError("row 0: missing", details), "id"))
    assert body["details"] == details[:5]
    assert body["error"] == "row 0: missing (9 problems, the first are named)"
    few = json.loads(errors.body(InvalidError("row 0: missing", details[:5]), "id"))
    assert few["error"] == "row 0: missing"


@given(name=st.text(min_size=0, max_size=5000))
def test_a_sentence_that_is_too_long_is_cut(name: str) -> None:
    """Whoever forgot to quote what a client sent."""
    body = errors.body(InvalidError(f"{name}: no such field"), "i" * 128)
    assert len(body) <= errors.MAX_BODY_BYTES
    assert json.loads(body)["code"] == "invalid"


@given(name=st.text(min_size=200, max_size=300), count=st.integers(0, 9))
def test_a_body_stays_under_1_kb_whatever_is_quoted(name: str, count: int) -> None:
    """Long and strange names are cut, and details left out, before the body grows."""
    details = [{"row": 10**9, "input": name[: errors.MAX_TEXT], "reason": "no such input"}] * count
    body = errors.body(InvalidError(f"row 0, input {quote(name)}: no such input", details), "i" * 128)
    assert len(body) <= errors.MAX_BODY_BYTES
    assert json.loads(body)["error"].startswith("row 0, input")


def test_headers_say_when_to_come_back_and_what_is_wanted() -> None:
    """Retry-After with 503, WWW-Authenticate with 401, Allow with 405."""
    assert errors.headers(errors.OverloadedError("")) == {"retry-after": "1"}
    assert errors.headers(errors.UnauthorizedError("")) == {"www-authenticate": "Bearer"}
    assert errors.headers(errors.MethodNotAllowedError("GET")) == {"allow": "GET, HEAD"}
    assert errors.headers(InvalidError("")) == {}
