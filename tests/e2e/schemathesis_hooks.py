"""What schemathesis must know of the service that its description cannot say: a plug-in, not a test."""

import re
from typing import Any

import schemathesis

SOON_MS = 5_000
FLOAT32_MAX = re.compile(r"3\.402823466\d*e\+38|340282346638528\d{24}")


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Leave out a deadline too short to be kept, rightly answered 504; ask for no report of wrong rows."""
    given = (case.headers or {}).get("x-request-timeout-ms")
    if str(given).isdecimal() and 1 <= int(given) < SOON_MS:
        del case.headers["x-request-timeout-ms"]
    if isinstance(case.body, dict) and case.body.get("on_error") == "report":
        case.body = case.body | {"on_error": "fail"}


@schemathesis.hook
def filter_case(_context: Any, case: Any) -> bool:
    """Leave out float32's largest number, give or take one: the sum is the same double."""
    return not FLOAT32_MAX.search(repr(case.body))
