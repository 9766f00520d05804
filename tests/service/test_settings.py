"""The settings, and the table that documents them."""

from pathlib import Path
from typing import Any

import pytest

from service.settings import Settings, SettingsError, load

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def row(name: str, field: Any) -> str:
    """Return the line that docs/settings.md must have for a setting."""
    default = "usable cores" if field.default_factory else "" if field.default is None else field.default
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    flag = "--" + name.replace("_", "-")
    return f"| `SERVICE_{name.upper()}` | `{flag}` | {shown} | {field.description} |"


def test_each_setting_is_documented_as_it_is() -> None:
    """docs/settings.md has exactly the settings, in their order, with default and reason."""
    documented = [line for line in PAGE.read_text().splitlines() if line.startswith("| `SERVICE_")]
    assert documented == [row(name, field) for name, field in Settings.model_fields.items()]


def test_a_flag_wins_over_the_environment_and_that_over_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every option is read from both places."""
    monkeypatch.setenv("SERVICE_MAX_PENDING", "7")
    monkeypatch.setenv("SERVICE_METRICS_OPEN", "false")
    found = load(["--max-pending", "9", "--api-keys-file", "keys"])
    assert (found.max_pending, found.metrics_open, found.api_keys_file) == (9, False, Path("keys"))
    assert load([]).max_pending == 7


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("PORT", "0", "greater than or equal to 1"),
        ("TIMEOUT_S", "nan", "finite number"),
        ("MAX_ROWS", "many", "valid integer"),
        ("METRICS_OPEN", "perhaps", "valid boolean"),
        ("LOG_LEVEL", "loud", "'debug'"),
        ("MODEL", "wine,,iris", "names that match"),
        ("MODEL", "../wine", "names that match"),
        ("MODEL_CONTROL", "latest", "'follow'"),
        ("MODEL_CONTROL", "explicit", "wanted with SERVICE_ADMIN_KEYS_FILE"),
        ("MODEL_VERSION", "0", "greater than or equal to 1"),
        ("MODEL_VERSION", "3", "not wanted with SERVICE_MODEL_CONTROL=follow"),
        ("MAX_VERSIONS", "1", "greater than or equal to 2"),
        ("FEEDBACK_DIR", "rows", "wanted with SERVICE_FEEDBACK_SECRET_FILE"),
    ],
)
def test_a_bad_value_is_one_line_that_names_all(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, wanted: str
) -> None:
    """Key, value and what was wanted."""
    monkeypatch.setenv(f"SERVICE_{name}", value)
    with pytest.raises(SettingsError) as raised:
        load([])
    assert str(raised.value).startswith(f"SERVICE_{name}={value}: ")
    assert wanted in str(raised.value)
    assert "\n" not in str(raised.value)


def test_one_model_is_pinned() -> None:
    """Its version, or the one of the start; of several models it would not be clear whose number it is."""
    pinned = ["--model-control", "Pinned"]
    assert load([*pinned, "--model", "wine", "--model-version", "3"]).model_version == 3
    assert load(pinned).model_version is None
    with pytest.raises(SettingsError, match=r"^SERVICE_MODEL=wine,iris: wanted one model .*=pinned$"):
        load([*pinned, "--model", "wine,iris"])


def test_models_are_loaded_by_whoever_has_an_admin_key() -> None:
    """With keys of administrators the explicit control starts."""
    found = load(["--model-control", "explicit", "--admin-keys-file", "keys"])
    assert found.model_control == "explicit"


@pytest.mark.parametrize(
    ("given", "names"), [("wine", ("wine",)), (" wine, iris ,wine", ("wine", "iris")), ("", ())]
)
def test_several_models_are_named_with_commas(given: str, names: tuple[str, ...]) -> None:
    """In their order, each once; none where the store says which."""
    assert load(["--model", given]).models == names


@pytest.mark.parametrize("port", [1, 80, 443, 65535])
def test_any_tcp_port_may_be_asked_for(port: int) -> None:
    """Whether one under 1024 can be had is the system's to say."""
    assert load(["--port", str(port)]).port == port


def test_settings_do_not_change() -> None:
    """The table is frozen: what a process was started with is what it runs with."""
    with pytest.raises(ValueError, match="frozen"):
        Settings().port = 9000  # type: ignore[misc]


@pytest.mark.parametrize("value", ["", " ", "\ufeff"])
def test_a_variable_that_is_set_and_empty_is_unset(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Every one: compose and Kubernetes write a variable that nobody set so."""
    usual = load([])
    for name in Settings.model_fields:
        monkeypatch.setenv(f"SERVICE_{name.upper()}", value)
    assert load([]) == usual
    assert load(["--run-dir", value, "--model", value]) == usual


def test_what_people_write_around_a_value_is_taken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blanks, a byte order mark, capitals of a level; `~` is the home directory."""
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("SERVICE_LOG_LEVEL", "\ufeffWARNING ")
    monkeypatch.setenv("SERVICE_ACCELERATOR", "CPU")
    monkeypatch.setenv("SERVICE_MODEL_STORE", " ~/store")
    found = load(["--run-dir", "~/run", "--log-format", "JSON"])
    assert (found.log_level, found.accelerator, found.log_format) == ("warning", "cpu", "json")
    assert (found.model_store, found.run_dir) == (Path("/home/someone/store"), Path("/home/someone/run"))


def test_the_limits_of_the_default_settings_fit_together() -> None:
    """A body of the most rows of 30 inputs, 17 digits each, is within the most bytes."""
    assert Settings().max_rows * 30 * 20 < Settings().max_body_bytes
