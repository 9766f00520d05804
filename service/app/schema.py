"""The bodies of `/info`, `/drift` and of every error as pydantic models: what the OpenAPI says of them."""

from datetime import datetime
from typing import Literal

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


class DriftBin(BaseModel):
    """Which share of the rows fell into a bin, beside training's; `beyond`: whether by more than chance."""

    bin: str
    rows: int
    share: float
    reference: float | None
    beyond: bool


class DriftColumn(BaseModel):
    """An input, or a class's probability: its population stability index, and what chance explains of it."""

    kind: Literal["input", "score"]
    column: str
    unit: str | None
    reference_rows: int
    psi: float | None
    bound: float | None
    drifted: bool
    bins: list[DriftBin]


class Expected(BaseModel):
    """What the quality is on average a row, if labels come as the probabilities say: `confusion` by label."""

    confusion: dict[str, dict[str, float]]
    log_loss: float
    brier: float


class Drift(BaseModel):
    """How this instance's rows of the last `window_s` seconds differ from training's; worst columns first.

    `rows` is how many were looked at.
    """

    model: str
    version: str
    window_s: float
    rows: int
    columns: list[DriftColumn]
    expected: Expected | None


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
