"""Options of a run, by what they are about: the table, and the decision. Knows nothing of flags or torch."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator

from training import thresholds

Names = tuple[str, ...]

NOTHING: Names = ("NA", "N/A", "NaN", "null", "None", "?", "-")
"""Cells that usually mean a missing one."""


class TableOptions(BaseModel):
    """What a column is, where the file alone does not say it; each column name is given on its own."""

    categorical: Names = Field((), description="Columns to take as categories although they hold numbers.")
    numeric: Names = Field(
        (), description="Columns that must be numbers; the first cell that is none is named."
    )
    leave_out: Names = Field((), description="Columns to leave out.")
    keep: Names = Field(
        (), description="Columns to keep that would be left out, as an identifier or as nearly all different."
    )
    missing: Names = Field(
        NOTHING,
        description="Cells that mean a missing number, in any case, beside an empty cell.",
    )
    encoding: str = Field(
        "utf-8", description="Encoding of a text file, as Python names it: --encoding latin-1, cp1252."
    )
    schema_file: Path | None = Field(
        None,
        alias="schema",
        description="A TOML file that says of columns what the flags say; --print-schema writes one.",
    )
    print_schema: bool = Field(
        default=False,
        description="Print what was found as TOML, to be edited and given as --schema, and stop.",
    )
    fold_case: bool = Field(
        default=False, description="Join labels that differ by case alone; the commonest spelling stays."
    )
    groups: str | None = Field(
        None,
        description="Column whose equal values stay on one side of a split, a patient say; it is no input.",
    )
    time: str | None = Field(
        None,
        description="Column to split by: validation is later than train, test the latest; it is no input.",
    )


class DecisionOptions(BaseModel):
    """How probabilities become answers."""

    positive: str | None = Field(
        None,
        description="Two classes only: the class that threshold, precision and recall speak of; "
        "by default the last of the sorted labels.",
    )
    threshold: str | None = Field(
        None,
        description=(
            "Two classes only: the least probability of the positive class at which it is the answer, 0.5 by "
            "default; or a rule to choose it by on validation rows: f1, cost:10 (a missed positive costs ten "
            "false alarms), precision:0.9, recall:0.95."
        ),
    )
    abstain: str | None = Field(
        None,
        description=(
            "Answer nothing from one probability of the positive class to another: --abstain 0.4:0.6; with "
            "more classes, below a top probability: --abstain 0.6."
        ),
    )
    abstain_risk: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Choose the band of --abstain so that at most this share of what is answered is wrong.",
    )
    calibrate: Literal["none", "auto", "platt", "temperature"] = Field(
        "none",
        description=(
            "Fit probabilities to validation rows: auto does so only where it gains more than one standard "
            "error of the log-loss, and 20 of its rows are not of the commonest class."
        ),
    )
    class_weight: dict[str, float] | Literal["balanced"] | None = Field(
        None,
        description=(
            "Two classes only: weigh rows by class in the fit, balanced or --class-weight yes=3. Without "
            "--threshold the threshold follows, or the weights would change nothing."
        ),
    )

    @model_validator(mode="after")
    def _decision_can_be_read(self) -> Self:
        if self.threshold is not None:
            try:
                thresholds.parse(self.threshold)
            except ValueError as error:
                raise ValueError(f"--threshold={self.threshold}: {error}") from error
        if self.abstain is not None and self.abstain_risk is not None:
            raise ValueError(
                f"--abstain-risk={self.abstain_risk:g}: wanted it without --abstain, whose band it chooses"
            )
        if isinstance(self.class_weight, dict):
            for label, weight in self.class_weight.items():
                if not 0 < weight < float("inf"):
                    raise ValueError(f"--class-weight {label}={weight:g}: wanted a number above 0")
        return self
