"""The settings: one frozen table that flags, environment, help and documentation read."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, CliApp, CliSettingsSource, SettingsConfigDict

from models.cores import usable_cores
from models.defaults import DEFAULT_MODEL, DEFAULT_STORE
from models.parts import LAST_VERSION, NAME

PREFIX = "SERVICE_"
AROUND = " \t\r\n\ufeff"
ANY_ORIGIN = "*"
ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?", re.IGNORECASE)
HOST = re.compile(r"\[[0-9a-f:.]+\]|[a-z0-9._-]+", re.IGNORECASE)

Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
Positive = Annotated[int, Field(ge=1)]
LowerCase = BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)
Place = Annotated[Path, AfterValidator(Path.expanduser)]


class SettingsError(Exception):
    """A setting is wrong; the message is one line that names it, its value and what was wanted."""


def _listed(form: re.Pattern[str], wanted: str, whole: str = "") -> AfterValidator:
    """Have each of the values between commas match `form`, unless there is but `whole`."""

    def check(text: str) -> str:
        if text.strip() not in {"", whole} and not all(map(form.fullmatch, map(str.strip, text.split(",")))):
            raise PydanticCustomError(
                "listed", "wanted {wanted}, with commas between them", {"wanted": wanted}
            )
        return text.strip()

    return AfterValidator(check)


Origins = Annotated[str, _listed(ORIGIN, "* or origins such as https://example.com", ANY_ORIGIN)]
Names = Annotated[str, _listed(NAME, f"names that match {NAME.pattern}")]
HostNames = Annotated[str, _listed(HOST, "names such as model.example.com")]


class Settings(BaseSettings):
    """Serve a model of the store over HTTP.

    Every option is also read from the environment: SERVICE_ and its name in capitals.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,  # compose and Kubernetes write an unset variable so
        frozen=True,
        extra="ignore",
        cli_kebab_case=True,
        cli_implicit_flags=True,
    )

    host: str = Field(
        "127.0.0.1",
        description=(
            "Address or name of this machine to listen on; 0.0.0.0, or :: for both families, to be reached "
            "from other machines."
        ),
    )
    port: int = Field(
        8000, ge=1, le=65535, description="TCP port; one under 1024 where the system allows it."
    )
    model_store: Place = Field(
        DEFAULT_STORE, description="Directory of published models; in a container, a mounted volume."
    )
    model: Names | None = Field(
        None,
        description=(
            "Models to serve, with commas between them; the first answers where none is named. By default "
            f"all of the store, and the first is the only one, or {DEFAULT_MODEL}."
        ),
    )
    model_control: Annotated[Literal["follow", "pinned", "explicit"], LowerCase] = Field(
        "follow",
        description=(
            "Which versions serve: those that CURRENT names (follow), one that stays until the end (pinned), "
            "or those that an admin loads (explicit)."
        ),
    )
    model_version: int | None = Field(
        None,
        ge=1,
        le=LAST_VERSION,
        description="Version that is pinned; by default the one that CURRENT names at the start.",
    )
    max_versions: int = Field(
        32,
        ge=2,
        description=(
            "Most versions that are loaded, former ones that still answer included; models that do not fit "
            "are passed over. Raise it for more models, as each worker's memory allows."
        ),
    )
    trusted_keys_file: Place | None = Field(
        None,
        description=(
            "File of public keys, one `name:key` a line; with it, versions that none of them signed are "
            "refused."
        ),
    )
    accelerator: Annotated[Literal["auto", "cpu", "cuda", "mps"], LowerCase] = Field(
        "auto", description="Where the model runs; auto takes a CUDA device that works, else the CPU."
    )
    workers_per_device: Positive = Field(
        1,
        le=64,
        description="Model processes a device; more only pay when the model, not HTTP, is the limit.",
    )
    api_servers: Positive = Field(
        default_factory=usable_cores,
        le=128,
        description=(
            "HTTP processes, one a usable core by default; on 2 cores one was faster at 8 busy connections."
        ),
    )
    max_pending: Positive = Field(
        1024,
        description=(
            "Requests admitted and unanswered, per HTTP process; more are refused with 503 at once. "
            "Raise it for bursts, lower it for a shorter worst wait."
        ),
    )
    timeout_s: Seconds = Field(
        10, description="Seconds from a request's first byte to its deadline; then it is answered 504."
    )
    receive_timeout_s: Seconds = Field(
        10,
        description="Seconds that a client may take to send a request or read an answer; then it is cut off.",
    )
    keep_alive_s: Seconds = Field(
        75, description="Seconds that an idle connection stays open; keep it above the load balancer's own."
    )
    drain_s: Annotated[float, Field(ge=0, le=3600)] = Field(
        5,
        description="Seconds after SIGTERM in which requests are still taken, so that balancers notice.",
    )
    max_body_bytes: Positive = Field(
        8 * 1024 * 1024, description="Largest request body in bytes, also after decompression."
    )
    max_rows: Positive = Field(4096, description="Most rows in one request, and in one call of the model.")
    max_connections: Positive = Field(
        4096,
        description="Open connections per HTTP process; more are closed at once. Keep it under `ulimit -n`.",
    )
    start_timeout_s: Seconds = Field(
        60, description="Seconds until a worker must be ready; then the service gives up and exits."
    )
    run_dir: Place | None = Field(
        None,
        description=(
            "Directory for sockets, metric files and copies of the versions that serve; a fresh private one "
            "by default."
        ),
    )
    api_keys_file: Place | None = Field(
        None,
        description=(
            "File of keys that may predict, one `name:sha256` a line; with it, requests without a key are "
            "refused. Changes take effect within a second."
        ),
    )
    admin_keys_file: Place | None = Field(
        None, description="File of keys that may also administer; without it there are no admin routes."
    )
    metrics_open: bool = Field(
        True, description="Whether /metrics answers without a key when there are keys; false asks for one."
    )
    ssl_certfile: Place | None = Field(
        None, description="PEM file of the certificate chain, to serve HTTPS without a proxy in front."
    )
    ssl_keyfile: Place | None = Field(
        None, description="PEM file of the certificate's private key, when it is not in the same file."
    )
    cors_origins: Origins = Field(
        "",
        description=(
            "Origins whose pages may call the service from a browser, with commas between them; * for all, "
            "where there are no keys. None by default."
        ),
    )
    allowed_hosts: HostNames = Field(
        "",
        description=(
            "Names that a Host header may have, with commas between them, when the service listens on a "
            "loopback address and has no keys; a proxy's public name. Addresses, localhost and names "
            "without a dot always may."
        ),
    )
    drift_inputs: int = Field(
        50,
        ge=0,
        description=(
            "Inputs of each model whose values are compared with training's, those of most weight; more cost "
            "more of a scrape. 0 turns it off."
        ),
    )
    feedback_secret_file: Place | None = Field(
        None,
        description=(
            "File of a secret of 16 bytes or more, the same for all instances behind a balancer; with it, "
            "answers carry tokens and /feedback takes true labels for them."
        ),
    )
    feedback_dir: Place | None = Field(
        None,
        description=(
            "Folder in which the rows that were scored and the labels that came are kept as JSON Lines, to "
            "train on them again; wanted with SERVICE_FEEDBACK_SECRET_FILE."
        ),
    )
    ui: bool = Field(
        True, description="Whether the page is there, at /; off takes it away, and its files with it."
    )
    slow_request_s: Seconds = Field(
        1, description="A request that takes longer than these seconds is logged, even when it succeeds."
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], LowerCase] = Field(
        "info", description="Least severe log line; debug has one for every request."
    )
    log_stream: Annotated[Literal["stderr", "stdout"], LowerCase] = Field(
        "stderr", description="Where log lines go; stdout where a collector takes stderr for errors."
    )
    log_severity: bool = Field(
        False,
        description=(
            "Whether a JSON line names its level `severity`, in capitals, as Google's and Azure's collectors "
            "want it, instead of `level`."
        ),
    )
    log_format: Annotated[Literal["text", "json"] | None, LowerCase] = Field(
        None, description="Form of log lines; text on a terminal and json elsewhere by default."
    )

    @property
    def models(self) -> tuple[str, ...]:
        """The models that are named, the default one first; none when the store says which."""
        return tuple(dict.fromkeys(map(str.strip, self.model.split(",")))) if self.model else ()

    @model_validator(mode="before")
    @classmethod
    def _given(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Drop what is set and empty, and take off what editors and shells leave around a value."""
        bare = {
            key: value.strip(AROUND) if isinstance(value, str) else value for key, value in values.items()
        }
        return {key: value for key, value in bare.items() if value != ""}


def load(arguments: list[str], prog: str = "python -m service") -> Settings:
    """Read the settings from flags, then the environment, then the defaults.

    `prog` is what --help calls the command. Raises SettingsError for a bad value; unknown flags and --help
    exit as argparse does.
    """
    try:
        source: CliSettingsSource[Settings] = CliSettingsSource(Settings, cli_prog_name=prog)
        found = CliApp.run(Settings, cli_args=arguments, cli_settings_source=source)
    except ValidationError as error:
        raise SettingsError(_one_line(error.errors()[0])) from None
    _check_control(found)
    if found.feedback_dir is not None and found.feedback_secret_file is None:
        raise SettingsError(
            f"{PREFIX}FEEDBACK_DIR={found.feedback_dir}: wanted with {PREFIX}FEEDBACK_SECRET_FILE, "
            "or no label could come"
        )
    return found


def _check_control(found: Settings) -> None:
    control = f"{PREFIX}MODEL_CONTROL={found.model_control}"
    if found.model_version is not None and found.model_control != "pinned":
        raise SettingsError(
            f"{PREFIX}MODEL_VERSION={found.model_version}: not wanted with {control}, only pinned"
        )
    if found.model_control == "pinned" and len(found.models) > 1:
        raise SettingsError(f"{PREFIX}MODEL={found.model}: wanted one model with {control}")
    if found.model_control == "explicit" and found.admin_keys_file is None:
        raise SettingsError(f"{control}: wanted with {PREFIX}ADMIN_KEYS_FILE, or nobody could load a model")


def _one_line(error: Any) -> str:
    field = str(error["loc"][0])
    return f"{PREFIX}{field.upper()}={error['input']}: {error['msg'][0].lower()}{error['msg'][1:]}"
