"""The settings of a run: one frozen table for flags, environment and help. Knows nothing of torch."""

import re
import unicodedata
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from models.defaults import DEFAULT_MODEL, DEFAULT_STORE
from models.parts import NAME_CHARACTERS, Name
from training import flags
from training.errors import SettingError
from training.lines import is_captured
from training.options import DecisionOptions, Names, TableOptions

PREFIX = "TRAINING_"
NAMELESS = "model"
"""What a model is called whose file has no letter or digit that the store takes."""
TABLES = {
    "units": flags.Table("COLUMN=UNIT"),
    "class_weight": flags.Table("CLASS=WEIGHT", "balanced"),
}
"""Options that are pairs of a name and a value."""
WANTED = {
    "name": f"up to {NAME_CHARACTERS} of a to z, 0 to 9, '.', '_' and '-', a letter or digit first",
    "penalty": "a number from 1e-9 to 1e9, auto or none",
    "class_weight": "a number above 0",
    "abstain_risk": "a number above 0 and below 1",
    "bool_parsing": "true or false",
    "float_parsing": "a number",
    "int_parsing": "a whole number",
    "string_type": "text, which JSON has in quotes",
}
"""What to say instead of pydantic's words, by field, or else by its type of error."""
BUILT_IN = (DEFAULT_MODEL, "toy")
"""Sets that need no file. A model is named after its data, so the first one makes the default model."""


def name_from_data(fields: dict[str, Any]) -> str:
    """Name the model after `data`: a built-in set's own name, or the file's stem made fit for the store."""
    stem = Path(fields.get("data", "").casefold().removesuffix(".gz").removesuffix(".zst")).stem
    bare = re.sub(r"[\u0300-\u036f]", "", unicodedata.normalize("NFKD", stem))  # without accents
    return re.sub(r"[^a-z0-9._-]+", "-", bare).strip("._-")[:NAME_CHARACTERS] or NAMELESS


Strength = Annotated[float, Field(ge=1e-9, le=1e9, allow_inf_nan=False)]
Penalty = Annotated[
    Strength | Literal["none", "auto"],
    BeforeValidator(lambda given: given.lower() if isinstance(given, str) else given),
]

Promote = Literal["gate", "always", "never"]


class _Variables(EnvSettingsSource):
    """The environment, where one name or one pair needs no JSON."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:  # noqa: ARG002
        """Return what a variable says of a list or of pairs."""
        bare, table = str(value).strip(flags.AROUND), TABLES.get(field_name)
        if not bare:
            return bare
        try:
            return flags.pairs(bare, table) if table else flags.names(bare)
        except ValueError as error:
            raise SettingError(f"{PREFIX}{field_name.upper()}={bare}: {error}") from None


class Config(TableOptions, DecisionOptions, BaseSettings):
    """Train a logistic regression and publish it. Each option is also an environment variable TRAINING_..."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_prefix_target="all",  # of --schema too, whose field is called otherwise
        env_ignore_empty=True,  # compose and Kubernetes write an unset variable so
        frozen=True,
        validate_default=True,
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_hide_none_type=True,
        populate_by_name=True,
        cli_exit_on_error=False,  # argparse would answer with its usage; a bad flag is one line here too
    )

    data: str = Field(
        DEFAULT_MODEL,
        min_length=1,
        description=(
            "What to learn from: breast-cancer (ships with logitserve, so that a first run needs no file), "
            "toy (100 points in the plane), or the path of a table with a header: .csv or .tsv (also .gz or "
            ".zst of them), .parquet, or a directory of .parquet files; or the directory that a service with "
            "SERVICE_FEEDBACK_DIR captured rows and labels into."
        ),
    )
    target: str | None = Field(
        None,
        description=(
            "Column to predict; needed for a file, and only there: a built-in set has its own. Captured "
            "labels are called as the served version calls them, or else label."
        ),
    )
    units: dict[str, str] = Field(
        {},
        description=(
            "Units of input columns, for those who read /info: --units 'mean radius=mm' --units age=years."
        ),
    )
    name: Name = Field(
        default_factory=name_from_data,
        description=(
            "Model to publish a new version of; by default named after the data, or the one whose rows were "
            "captured."
        ),
    )
    solver: Literal["auto", "newton", "lbfgs", "sgd"] = Field(
        "auto",
        description=(
            "How to find the weights: auto takes newton, or lbfgs for many inputs; both converge. "
            "sgd is the mini-batch loop of the lecture, to be read and played with."
        ),
    )
    penalty: Penalty = Field(
        1.0,
        description=(
            "scikit-learn's C, the inverse strength of the L2 penalty on the weights of standardised inputs "
            "(no unit), or none, or auto to have it chosen by cross-validation. 1 is scikit-learn's default; "
            "lower it when train does much better than validation."
        ),
    )
    epochs: int = Field(
        200,
        ge=1,
        description="sgd only: passes over the training rows; more when the gradient norm is still large.",
    )
    learning_rate: float = Field(
        0.1,
        gt=0,
        allow_inf_nan=False,
        description=(
            "sgd only: step per unit of gradient, on standardised inputs; lower it when the fit diverges or "
            "its gradient norm stops falling."
        ),
    )
    batch_rows: int = Field(
        16,
        ge=1,
        description=(
            "sgd only: rows per step. With the two defaults above, 16 ends about 0.0001 above the optimum of "
            "breast-cancer; larger batches make faster passes and need more of them."
        ),
    )
    seed: int = Field(
        0,
        ge=0,
        le=2**32 - 1,
        description="Seed of the split and of sgd's shuffling; change it to see what a result owes to luck.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto",
        description="Where to fit: auto takes a CUDA device if there is one; cpu leaves it to others.",
    )
    store: Annotated[Path, AfterValidator(Path.expanduser)] = Field(
        DEFAULT_STORE,
        description="Directory of published models, by default the service's; another one to try things out.",
    )
    if_empty: bool = Field(
        default=False, description="Do nothing if the store already serves any model; `make serve` uses it."
    )
    force: bool = Field(
        default=False, description="Publish also when the served version has the same weights and figures."
    )
    promote: Promote = Field(
        "gate",
        description=(
            "Whether the new version is served: gate says no when it is worse than the served one on "
            "held-out rows, or would refuse what its clients send; always and never ask nothing."
        ),
    )
    quiet: bool = Field(default=False, description="Print nothing but errors.")
    reproduce: str | None = Field(
        None,
        description=(
            "Run a version's training again, NAME/VERSION, and compare weights and figures, publishing "
            "nothing."
        ),
    )

    @property
    def strength(self) -> float | None:
        """The penalty as a number, None for none; `auto` is none yet."""
        assert self.penalty != "auto"  # noqa: S101 - it is replaced by what was chosen
        return None if self.penalty == "none" else self.penalty

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as _Variables, but for JSON alone
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment by _Variables."""
        return init_settings, _Variables(settings_cls), dotenv_settings, file_secret_settings

    @model_validator(mode="before")
    @classmethod
    def _given(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Drop what is set and empty, and take off what editors and shells leave around a value."""
        bare = {
            key: value.strip(flags.AROUND) if isinstance(value, str) else value
            for key, value in values.items()
        }
        return {key: value for key, value in bare.items() if value != ""}

    @field_validator("data")
    @classmethod
    def _at_home(cls, value: str) -> str:
        return str(Path(value).expanduser()) if value.startswith("~") else value

    @model_validator(mode="after")
    def _target_fits_data(self) -> Self:
        known = self.data in BUILT_IN
        if self.target is None and not known and is_captured(self.data):
            return self  # the labels are known without a name
        if not self.reproduce and known != (self.target is None):
            wanted = "none, the built-in set has its own" if self.target else "the column to predict"
            raise ValueError(f"{PREFIX}TARGET={self.target or ''}: wanted {wanted}")
        return self


def load(arguments: list[str], prog: str = "python -m training") -> Config:
    """Read the settings from flags, then the environment, then the defaults.

    `prog` is what --help calls the command. Raises SettingError for a bad flag or value; --help prints and
    exits as argparse does.
    """
    fields = {f"--{name.replace('_', '-')}": name for name in Config.model_fields}
    lists = [flag for flag, name in fields.items() if Config.model_fields[name].annotation == Names]
    tables = {flag: TABLES[name] for flag, name in fields.items() if name in TABLES}
    try:
        others, found = flags.take(arguments, lists, tables)
        given = {fields[flag]: value for flag, value in found.items()}
        return Config(_cli_parse_args=others, _cli_prog_name=prog, **given)
    except SettingsError as error:
        raise SettingError(f"{error}; see {prog} --help") from error
    except ValidationError as error:
        raise SettingError(_one_line(error)) from error
    except ValueError as error:
        raise SettingError(str(error)) from None


def _one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    if not first["loc"]:
        return str(first["ctx"]["error"])
    field, *within = first["loc"]
    key = PREFIX + str(field).upper() + (f" {within[-1]}" if field in TABLES else "")
    wanted = WANTED.get(str(field)) or WANTED.get(first["type"])
    said = f"wanted {wanted}" if wanted else first["msg"][0].lower() + first["msg"][1:]
    return f"{key}={first['input']}: {said}"
