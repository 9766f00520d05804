"""Which requests of an HTTP process go straight to a model."""

import pytest

from models.artifact import Artifact
from service.errors import InternalError, NoSuchModelError
from service.gate.access import Access
from service.http_process import _routes
from tests.service.answering import Store, answering, numbered
from tests.service.calls import KeptCall

PREDICT = b'{"instances": [[1, 2]]}'
TENSORS = b'{"inputs": [{"name": "features", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}'


@pytest.mark.parametrize(
    ("path", "template", "sent", "version"),
    [
        ("/predict", "/predict", PREDICT, "4"),
        ("/models/tiny/predict", "/models/{model}/predict", PREDICT, "4"),
        ("/models/tiny/versions/3/predict", "/models/{model}/versions/{version}/predict", PREDICT, "3"),
        ("/v2/models/tiny/infer", "/v2/models/{model}/infer", TENSORS, "4"),
        ("/v2/models/tiny/versions/3/infer", "/v2/models/{model}/versions/{version}/infer", TENSORS, "3"),
    ],
)
def test_rows_go_to_the_version_that_a_path_names(
    tiny: Artifact, path: str, template: str, sent: bytes, version: str
) -> None:
    """By both protocols, each counted under its template; the app never sees a body of rows."""
    catalogue = answering(tiny, numbered(tiny, 4))
    route = _routes(catalogue).find(path.encode())
    assert route is not None
    assert (route.template, route.access) == (template, Access.PREDICT)
    queue, decode = route.find()
    assert queue is catalogue.find("tiny", version).queue
    call = KeptCall(sent)
    decode(call)
    assert call.rows == 1


@pytest.mark.parametrize(
    "path",
    [
        "/models/other/predict",
        "/models/tiny/versions/2/predict",
        "/models/tiny/versions/03/predict",
        "/v2/models/other/infer",
        "/v2/models/tiny/versions/2/infer",
    ],
)
def test_what_does_not_answer_is_refused_without_the_app(tiny: Artifact, path: str) -> None:
    """Under the same template as what does."""
    route = _routes(answering(tiny)).find(path.encode())
    assert route is not None
    assert "{model}" in route.template
    with pytest.raises(NoSuchModelError):
        route.find()


def test_other_paths_of_a_model_are_the_apps(tiny: Artifact) -> None:
    """They have no rows."""
    assert _routes(answering(tiny)).find(b"/v2/models/tiny/ready") is None


def test_a_path_leads_to_what_answers_now(tiny: Artifact) -> None:
    """It was found before, and another version is committed since."""
    store = Store()
    store.commit(1, tiny)
    routes = _routes(store.catalogue())
    for artifact in (tiny, new := numbered(tiny, 4)):
        store.commit(artifact.manifest.version, artifact)
        for path in (b"/predict", b"/models/tiny/predict", b"/v2/models/tiny/infer"):
            route = routes.find(path)
            assert route is not None
            assert route.find().queue.digest.hex() == artifact.digest
    former = routes.find(b"/models/tiny/versions/3/predict")
    assert former is not None
    with pytest.raises(NoSuchModelError):
        former.find()
    assert store.committed.number == new.manifest.version


def test_a_head_is_read_whatever_became_of_files(tiny: Artifact) -> None:
    """A version whose copy is gone is this request's error when it is whole, not its connection's end."""
    store = Store()
    store.commit(1, tiny)
    store.copies.clear()
    for path in (b"/models/tiny/predict", b"/v2/models/tiny/versions/3/infer"):
        route = _routes(store.catalogue()).find(path)
        assert route is not None
        with pytest.raises(InternalError):
            route.find()
