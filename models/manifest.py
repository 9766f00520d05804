"""The manifest: what one published version of a model is. Knows nothing of where it lies on disk."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AwareDatetime, BaseModel, Field, JsonValue, ValidationError, model_validator

from models import format1
from models.decision import BINARY, Decision
from models.inputs import Cell, Input, Missing, Numeric, NumericReference
from models.parts import LAST_VERSION, File, Frozen, Name, Probability
from models.record import (
    Abstain,
    Calibration,
    Data,
    Environment,
    Fit,
    LeftOut,
    Metrics,
    Scores,
    Split,
    SplitName,
    Threshold,
    decision,
)

SCHEMA_VERSION: Literal[2] = 2
KNOWN = (1, SCHEMA_VERSION)

FileName = Literal["model.pt", "model.safetensors", "evaluation.json", "report.html", "README.md"]
FILES: tuple[FileName, ...] = get_args(FileName)
"""What a version may hold."""
SERVED: tuple[FileName, ...] = ("model.pt", "model.safetensors")
"""What it must: a service reads no other."""


class Golden(Frozen):
    """One row of cells as a client sends them, and the probabilities that the module must give for it."""

    input: tuple[Cell, ...]
    probabilities: tuple[Probability, ...]


class _Header(BaseModel):
    """What every schema version shares, read first so that a newer one is named rather than misread."""

    schema_version: Annotated[int, Field(strict=True)]


class Manifest(Frozen):
    """Everything that a reader must know of one version; see `models/README.md` for the format."""

    schema_version: Literal[1, 2] = SCHEMA_VERSION
    name: Name
    version: Annotated[int, Field(ge=1, le=LAST_VERSION)]
    created: AwareDatetime
    git_commit: str | None
    command: str | None
    options: dict[str, JsonValue]
    environment: Environment
    files: dict[FileName, File]
    inputs: Annotated[tuple[Input, ...], Field(min_length=1)]
    left_out: tuple[LeftOut, ...]
    classes: Annotated[tuple[str, ...], Field(min_length=BINARY)]
    positive: str | None
    threshold: Threshold
    abstain: Abstain | None
    calibration: Calibration
    data: Data
    fit: Fit
    metrics: dict[SplitName, Metrics | None]
    scores: Scores | None
    invariant: bool
    golden: Annotated[tuple[Golden, ...], Field(min_length=1)]

    @property
    def decision(self) -> Decision:
        """The rule by which this version's probabilities become a class."""
        return decision(self.classes, self.positive, self.threshold, self.abstain)

    @property
    def plain(self) -> bool:
        """Whether a row is nothing but numbers, each of which is there unless a client says null."""
        return all(item.kind == "numeric" for item in self.inputs)

    @property
    def ignored(self) -> frozenset[str]:
        """The columns of the training file that are no inputs: a row by name may carry them."""
        names = {item.name for item in self.inputs}
        return frozenset({self.data.target, *(each.column for each in self.left_out)} - names)

    @classmethod
    def from_json(cls, raw: bytes) -> Self:
        """Parse the bytes of a manifest.json, also of format 1, which says less.

        Raises ValueError with one line: the schema version that is not known here, or the first wrong
        field and what was wanted of it.
        """
        try:
            found = _Header.model_validate_json(raw).schema_version
            if found == SCHEMA_VERSION:
                return cls.model_validate_json(raw, strict=True)
            if found == format1.SCHEMA_VERSION:
                return cls(**_upgraded(format1.Manifest.model_validate_json(raw, strict=True)))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            # The path holds keys of the document: escaped and cut, or they could forge a line of a log.
            field = ".".join(map(str, first["loc"]))[:80]
            raise ValueError(f"{field!a}: {first['msg']}" if field else first["msg"]) from error
        known = " and ".join(map(str, KNOWN))
        raise ValueError(f"unknown schema version {found}; this reader knows {known}")

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
        if (self.positive in self.classes) != (len(self.classes) == BINARY):
            raise ValueError("positive must be one of two classes, and null with more")
        if self.abstain and not self.abstain.low <= self._least() <= self.abstain.high:
            raise ValueError("the threshold must be within the band of abstain")
        if not set(self.files) >= set(SERVED):
            raise ValueError(f"files must list {' and '.join(SERVED)}")
        for row in self.golden:
            if len(row.input) != len(names) or len(row.probabilities) != len(self.classes):
                raise ValueError("a golden example does not match the inputs and classes")
        return self

    def _least(self) -> float:
        """Return the probability from which on there is an answer, as abstain's band knows it."""
        return self.threshold.value if self.abstain and len(self.classes) == BINARY else 0.0


def _upgraded(old: format1.Manifest) -> Mapping[str, Any]:
    """Return the fields of format 2 that say what a manifest of format 1 says."""
    rows = old.data.rows["train"]
    nothing = Missing(admitted=False, imputed_by=None)
    added: dict[str, Any] = dict.fromkeys(
        ("abstained", "accepted_accuracy", "average_precision", "calibration_error", "intervals")
    )
    kept = ("schema_version", "name", "version", "created", "git_commit", "files", "classes")
    return {
        **{field: getattr(old, field) for field in kept},
        "command": None,
        "options": {},
        "environment": Environment(libraries=old.libraries, threads=None, device=None, cpu=None),
        "inputs": tuple(
            Numeric(
                name=item.name,
                unit=item.unit,
                missing=nothing,
                reference=NumericReference(rows=rows, missing=0, bins=None, **item.reference.model_dump()),
            )
            for item in old.inputs
        ),
        "left_out": (),
        "positive": old.classes[-1] if len(old.classes) == BINARY else None,
        "threshold": Threshold(value=old.threshold, rule="given"),
        "abstain": None,
        "calibration": Calibration(kind="none", parameters={}, log_loss=None),
        "data": Data(
            **old.data.model_dump(exclude={"seed"}),
            dropped=0,
            duplicates=0,
            split=Split(kind="draw", columns=(), seed=old.data.seed, cuts={}),
        ),
        "fit": Fit(**old.fit.model_dump(), weights=None, tolerance=None),
        "metrics": {name: Metrics(**each.model_dump(), **added) for name, each in old.metrics.items()},
        "scores": None,
        "invariant": False,
        "golden": tuple(Golden(**each.model_dump()) for each in old.golden),
    }
