"""The manifest of format 1, which is read and no more written. Knows nothing of what came after it."""

from typing import Annotated, Literal, Self, get_args

from pydantic import AwareDatetime, Field, model_validator

from models.parts import LAST_VERSION, Count, File, Frozen, Name, Probability, Sha256

SCHEMA_VERSION: Literal[1] = 1

SplitName = Literal["train", "validation", "test"]
FileName = Literal["model.pt", "model.safetensors"]
FILES: tuple[FileName, ...] = get_args(FileName)


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


class Manifest(Frozen):
    """One version, as the first release wrote it."""

    schema_version: Literal[1]
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
