"""The manifest: what one published version of a model is. Knows nothing of where it lies on disk."""

import re
from typing import Annotated, Literal, Self, get_args

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from models.decision import Decision

SCHEMA_VERSION: Literal[1] = 1
NAME_CHARACTERS = 63
NAME = re.compile(rf"^[a-z0-9][a-z0-9._-]{{0,{NAME_CHARACTERS - 1}}}$")
LAST_VERSION = 999_999_999  # nine digits: a version is a short folder name and fits 32 bits

SplitName = Literal["train", "validation", "test"]
FileName = Literal["model.pt", "model.safetensors"]
FILES: tuple[FileName, ...] = get_args(FileName)

Name = Annotated[str, StringConstraints(pattern=NAME.pattern)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Probability = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class File(Frozen):
    """One file of a version, beside the manifest."""

    sha256: Sha256
    size_bytes: Count


class Reference(Frozen):
    """What the training split held in one input column, in the input's own unit."""

    mean: float
    std: float
    min: float
    max: float


class Input(Frozen):
    """One input column, in the order that the module reads it."""

    name: Annotated[str, Field(min_length=1)]
    kind: Literal["numeric"] = "numeric"
    unit: Annotated[str, Field(min_length=1)] | None = None
    reference: Reference


class Data(Frozen):
    """Where the rows came from and how they were split."""

    source: str
    sha256: Sha256
    target: str
    rows: dict[SplitName, Count]
    seed: int


class Fit(Frozen):
    """How the weights were found. `penalty` is scikit-learn's C, the inverse L2 strength."""

    solver: Literal["lbfgs", "sgd"]
    penalty: Annotated[float, Field(gt=0)]
    iterations: Count
    gradient_norm: Annotated[float, Field(ge=0)]
    converged: bool


class Metrics(Frozen):
    """How good the model is on one split, beside always answering the majority class."""

    log_loss: float
    brier: float
    roc_auc: float
    accuracy: float
    baseline_accuracy: float
    confusion: tuple[tuple[Count, ...], ...]


class Golden(Frozen):
    """One raw input row and the probabilities that the module must give for it."""

    input: tuple[float, ...]
    probabilities: tuple[Probability, ...]


class _Header(BaseModel):
    """What every schema version shares, read first so that a newer one is named rather than misread."""

    schema_version: Annotated[int, Field(strict=True)]


class Manifest(Frozen):
    """Everything that a reader must know of one version; see `models/README.md` for the format."""

    schema_version: Literal[1] = SCHEMA_VERSION
    name: Name
    version: Annotated[int, Field(ge=1, le=LAST_VERSION)]
    created: AwareDatetime
    git_commit: str | None
    libraries: dict[str, str]
    files: dict[FileName, File]
    inputs: Annotated[tuple[Input, ...], Field(min_length=1)]
    classes: Annotated[tuple[str, ...], Field(min_length=2)]
    threshold: Probability
    data: Data
    fit: Fit
    metrics: dict[SplitName, Metrics]
    golden: Annotated[tuple[Golden, ...], Field(min_length=1)]

    @property
    def decision(self) -> Decision:
        """The rule by which this version's probabilities become a class."""
        return Decision(len(self.classes), self.threshold)

    @classmethod
    def from_json(cls, raw: bytes) -> Self:
        """Parse the bytes of a manifest.json.

        Raises ValueError with one line: the schema version that is not known here, or the first wrong
        field and what was wanted of it.
        """
        try:
            found = _Header.model_validate_json(raw).schema_version
            if found == SCHEMA_VERSION:
                return cls.model_validate_json(raw, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            # The path holds keys of the document: escaped and cut, or they could forge a line of a log.
            field = ".".join(map(str, first["loc"]))[:80]
            raise ValueError(f"{field!a}: {first['msg']}" if field else first["msg"]) from error
        raise ValueError(f"unknown schema version {found}; this reader knows {SCHEMA_VERSION}")

    def to_json(self) -> bytes:
        """Write the bytes of a manifest.json: `from_json` gives back an equal manifest."""
        return self.model_dump_json(indent=2).encode() + b"\n"

    @model_validator(mode="after")
    def _shapes_agree(self) -> Self:
        names = [item.name for item in self.inputs]
        if len(set(names)) != len(names):
            raise ValueError("two inputs have the same name")
        if list(self.classes) != sorted(set(self.classes)):
            raise ValueError("classes must be sorted and distinct")
        if set(self.files) != set(FILES):
            raise ValueError(f"files must list {' and '.join(FILES)}")
        for row in self.golden:
            if len(row.input) != len(names) or len(row.probabilities) != len(self.classes):
                raise ValueError("a golden example does not match the inputs and classes")
        return self
