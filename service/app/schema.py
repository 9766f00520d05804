"""The bodies of `/info` and of every error as pydantic models: what the OpenAPI says of them."""

from datetime import datetime

from pydantic import BaseModel

from models.inputs import Input
from models.record import Abstain, Calibration, Data, Fit, LeftOut, Metrics


class UsableCores(BaseModel):
    """How many cores the service uses, and which limit says so."""

    usable: int
    reason: str


class ServedVersion(BaseModel):
    """A version that answers; `current` is whether it does where no version is named."""

    model: str
    version: str
    digest: str
    current: bool


class RefusedVersion(BaseModel):
    """A version that the store has and that does not answer, and why."""

    model: str
    version: str | None
    digest: str | None
    reason: str
    message: str


class Info(BaseModel):
    """What is served, from what it was trained, and on what it runs; of the default model, if not said."""

    model: str
    version: str
    digest: str
    inputs_digest: str
    models: list[ServedVersion]
    refused: list[RefusedVersion]
    device: str | None
    cpu_capability: str | None
    cores: UsableCores
    libraries: dict[str, str | None]
    trained_with: dict[str, str]
    created: datetime
    git_commit: str | None
    inputs: list[Input]
    left_out: list[LeftOut]
    classes: list[str]
    positive: str | None
    threshold: float
    threshold_rule: str
    abstain: Abstain | None
    calibration: Calibration
    invariant: bool
    data: Data
    fit: Fit
    metrics: dict[str, Metrics | None]


class Detail(BaseModel):
    """One thing that is wrong: the row's number from 0, the input's name, and why."""

    row: int | None = None
    input: str | None = None
    reason: str


class ErrorResponse(BaseModel):
    """The body of every answer that is not a success."""

    error: str
    code: str
    request_id: str
    details: list[Detail] | None = None
