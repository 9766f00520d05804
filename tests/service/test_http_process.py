"""Which requests of an HTTP process go straight to the model."""

from collections import Counter
from pathlib import Path

import pytest

from models.artifact import Artifact
from service.deployment import Deployment
from service.errors import NotFoundError
from service.gate.access import Access
from service.gate.keys import Keys
from service.http_process import _routes
from service.settings import Settings
from tests.service.calls import KeptCall


def test_the_served_model_is_asked_directly_and_others_are_refused(tiny: Artifact, tmp_path: Path) -> None:
    """By both protocols, each counted under its template; the app never sees a body of rows."""
    settings = Settings()
    routes = _routes(Deployment(settings, Keys(settings), tiny, "127.0.0.1", tmp_path, 1), [0, 0], Counter())
    infer, infer_version = "/v2/models/{model}/infer", "/v2/models/{model}/versions/{version}/infer"
    body = b'{"inputs": [{"name": "features", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}'
    for path, template, sent in (
        (b"/predict", "/predict", b'{"instances": [[1, 2]]}'),
        (b"/v2/models/tiny/infer", infer, body),
        (b"/v2/models/tiny/versions/3/infer", infer_version, body),
    ):
        route = routes.find(path)
        assert route is not None
        assert (route.template, route.access) == (template, Access.PREDICT)
        call = KeptCall(sent)
        route.decode(call)
        assert call.rows == 1
    for path, template in (
        (b"/v2/models/other/infer", infer),
        (b"/v2/models/tiny/versions/2/infer", infer_version),
    ):
        route = routes.find(path)
        assert route is not None
        assert route.template == template
        with pytest.raises(NotFoundError):
            route.decode(KeptCall(body))
    assert routes.find(b"/v2/models/tiny/ready") is None
