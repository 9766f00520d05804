"""`POST /feedback`, in process: what is taken, and what is refused before anything of it is."""

import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models.artifact import Artifact
from service.feedback.token import Issuer
from tests.service.answering import answering, numbered
from tests.service.app.asked import Asked, serve
from tests.service.feedback.taking import SECRET, Taking, taking

MAX_ROWS = 8
TYPE = {"Content-Type": "application/json"}


@pytest.fixture
def found(tmp_path: Path) -> Iterator[Taking]:
    """What the process has of feedback."""
    with taking(tmp_path) as found:
        yield found


@pytest.fixture
def asked(tiny: Artifact, tmp_path: Path, found: Taking) -> Asked:
    """The app of a service that takes labels for `tiny`."""
    (tmp_path / "secret").write_bytes(SECRET)
    asked = serve(
        answering(tiny, numbered(tiny, 4)),
        tmp_path,
        feedback_secret_file=tmp_path / "secret",
        max_rows=MAX_ROWS,
        max_body_bytes=10_000,
    )
    asked.labels = found.labels
    return asked


@pytest.fixture
def issuer(tiny: Artifact, found: Taking) -> Issuer:
    """What makes the tokens of the model's version 3."""
    return found.labels.issuer(tiny.manifest)


def items(issuer: Issuer, *labels: str) -> dict[str, Any]:
    """Return a request that gives labels to rows."""
    tokens = (issuer.issue((0.5, 0.5), 1, int(time.time())).decode() for _ in labels)
    return {
        "feedback": [{"token": token, "label": label} for token, label in zip(tokens, labels, strict=True)]
    }


def test_labels_are_taken(asked: Asked, found: Taking, issuer: Issuer) -> None:
    """Once each; the request is counted under its path."""
    document = items(issuer, "no", "yes")
    document["feedback"].append(document["feedback"][0])
    answer = asked.ask("POST", "/feedback", json=document)
    assert (answer.status_code, answer.json()) == (200, {"taken": 2, "repeated": 1, "late": 0})
    assert found.count("total", model="tiny", version="3", predicted="yes", actual="yes") == 1
    assert asked.counted == [("/feedback", "POST", 200)]


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_may_be_compressed(asked: Asked, issuer: Issuer, kind: str) -> None:
    """As the bodies of other requests."""
    body = gzip.compress(json.dumps(items(issuer, "no")).encode())
    headers = {"Content-Type": kind, "Content-Encoding": "gzip"}
    assert asked.ask("POST", "/feedback", content=body, headers=headers).json()["taken"] == 1
    large = gzip.compress(b" " * 20_000)
    assert asked.ask("POST", "/feedback", content=large, headers=headers).status_code == 413


def test_what_is_far_too_much_is_refused_unread(asked: Asked) -> None:
    """Whatever else is wrong with it; and an error stays short, whatever name the client chose."""
    many = b'{"feedback": [' + b'{"token": "", "label": ""},' * 5000
    headers = {"Content-Type": "application/json"}
    assert asked.ask("POST", "/feedback", content=many, headers=headers).status_code == 413
    long = json.dumps({"feedback": [{"é" * 1000: 1}]})
    answer = asked.ask("POST", "/feedback", content=long, headers=headers)
    assert answer.status_code == 422
    assert len(answer.content) < 1024


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"]
)
def test_what_does_not_say_that_it_is_json_is_refused(asked: Asked, issuer: Issuer, kind: str | None) -> None:
    """A page of another site can send it without asking first."""
    headers = {} if kind is None else {"Content-Type": kind}
    answer = asked.ask("POST", "/feedback", content=json.dumps(items(issuer, "no")), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported")


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ("", 400, "the body is not the JSON that is wanted: "),
        ("[", 400, "the body is not the JSON that is wanted: "),
        ("[]", 400, "expected `object`, got `array`"),
        (b'{"feedback": [{"token": "\xff", "label": ""}]}', 400, "can't decode byte 0xff"),
        ("{}", 422, "object missing required field `feedback`"),
        ('{"feedback": {}}', 422, "feedback: expected `array`, got `object`"),
        ('{"feedback": [], "more": 1}', 422, "unknown field `more`"),
        ('{"feedback": [1]}', 422, "feedback.0: expected `object`, got `int`"),
        ('{"feedback": [{"token": "x"}]}', 422, "feedback.0: object missing required field `label`"),
        ('{"feedback": [{"token": "x", "label": 1}]}', 422, "feedback.0.label: expected `str`, got `int`"),
        ('{"feedback": [{"token": "x", "label": "\\ud800"}]}', 400, "the body is not the JSON"),
        ('{"feedback": [{"token": "x", "label": "a"}]}', 422, "feedback.0: the token is forged"),
        (
            json.dumps({"feedback": [{"token": "x", "label": "a"}] * (MAX_ROWS + 1)}),
            413,
            "more than 8 labels",
        ),
    ],
)
def test_what_is_wrong_with_a_body_is_said(asked: Asked, body: Any, status: int, said: str) -> None:
    """In the one form."""
    answer = asked.ask("POST", "/feedback", content=body, headers=TYPE)
    assert answer.status_code == status
    assert said in answer.json()["error"]
    assert asked.counted == [("/feedback", "POST", status)]


def test_a_wrong_item_is_named_by_its_place(asked: Asked, found: Taking, issuer: Issuer) -> None:
    """In the details too; none of the others is counted."""
    answer = asked.ask("POST", "/feedback", json=items(issuer, "no", "perhaps", "yes"))
    reason = 'feedback.1: unknown label "perhaps"; wanted "no", "yes"'
    assert answer.status_code == 422
    assert answer.json()["error"] == reason
    assert answer.json()["details"] == [{"row": 1, "reason": reason}]
    assert found.tokens(refused=3)


def test_without_a_secret_there_is_no_such_path(tiny: Artifact, tmp_path: Path, asked: Asked) -> None:
    """Nor is it described, nor the output of tokens told of."""
    off = serve(tiny, tmp_path)
    answer = off.ask("POST", "/feedback", json={"feedback": []})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    for each, on in ((off, False), (asked, True)):
        assert ("/feedback" in each.get("/openapi.json").json()["paths"]) == on
        outputs = each.get("/v2/models/tiny").json()["outputs"]
        assert ("feedback" in {output["name"] for output in outputs}) == on


def test_the_description_is_of_what_is_taken(asked: Asked) -> None:
    """The most labels, both fields, and the answer."""
    operation = asked.get("/openapi.json").json()["paths"]["/feedback"]["post"]
    body = operation["requestBody"]["content"]["application/json"]
    assert body["schema"]["properties"]["feedback"]["maxItems"] == MAX_ROWS
    assert body["examples"]["a label"]["value"]["feedback"][0].keys() == {"token", "label"}
    answer = asked.ask("POST", "/feedback", json=body["examples"]["none"]["value"])
    assert (answer.status_code, answer.json()) == (200, {"taken": 0, "repeated": 0, "late": 0})
    assert operation["responses"].keys() == {"200", "400", "413", "415", "422", "500"}
