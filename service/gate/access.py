"""Who may do what: the policy table. Knows nothing of keys."""

import re
from enum import Enum

from service.paths import (
    DRIFT,
    EVALUATION,
    FEEDBACK,
    INFER,
    INFER_VERSION,
    LOAD,
    MODEL,
    MODEL_PREDICT,
    PREDICT,
    REPORT,
    UNLOAD,
    VERSION,
    VERSION_PREDICT,
)


class Access(Enum):
    """What a route asks for."""

    OPEN = "open"
    PREDICT = "predict"
    METRICS = "metrics"
    ADMIN = "admin"


POLICY = {
    "/": Access.OPEN,
    "/livez": Access.OPEN,
    "/readyz": Access.OPEN,
    "/health": Access.OPEN,
    "/metrics": Access.METRICS,
    PREDICT: Access.PREDICT,
    MODEL_PREDICT: Access.PREDICT,
    VERSION_PREDICT: Access.PREDICT,
    EVALUATION: Access.PREDICT,
    REPORT: Access.PREDICT,
    DRIFT: Access.PREDICT,
    FEEDBACK: Access.PREDICT,
    "/info": Access.PREDICT,
    "/docs": Access.OPEN,
    "/ui/{asset}": Access.OPEN,
    "/openapi.json": Access.PREDICT,
    "/v2": Access.PREDICT,
    "/v2/health/live": Access.OPEN,
    "/v2/health/ready": Access.OPEN,
    "/v2/models/stats": Access.PREDICT,
    MODEL: Access.PREDICT,
    f"{MODEL}/config": Access.PREDICT,
    INFER: Access.PREDICT,
    f"{MODEL}/ready": Access.PREDICT,
    f"{MODEL}/stats": Access.PREDICT,
    VERSION: Access.PREDICT,
    f"{VERSION}/config": Access.PREDICT,
    INFER_VERSION: Access.PREDICT,
    f"{VERSION}/ready": Access.PREDICT,
    f"{VERSION}/stats": Access.PREDICT,
    "/v2/repository/index": Access.PREDICT,
    LOAD: Access.ADMIN,
    UNLOAD: Access.ADMIN,
}
"""Every route's template. What stands in no line is treated as PREDICT: forgotten means closed."""

_PATTERNS = [
    (re.compile(re.sub(r"\{\w+\}", "[^/]+", template)), access) for template, access in POLICY.items()
]


def access_to(path: str) -> Access:
    """Return what a request for the decoded `path` must show."""
    return next((access for pattern, access in _PATTERNS if pattern.fullmatch(path)), Access.PREDICT)
