"""The settings: defaults, sources, refusals and help."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.parts import NAME
from training.config import Config, load, name_from_data
from training.errors import SettingError


def test_defaults_train_the_default_model() -> None:
    """Without a flag the breast-cancer set is fitted into the service's store."""
    config = load([])
    assert (config.data, config.name, config.solver, str(config.store)) == (
        "breast-cancer",
        "breast-cancer",
        "auto",
        "models/store",
    )
    assert (config.threshold, config.target, config.if_empty) == (None, None, False)


def test_flags_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """TRAINING_ variables are read, and a flag overrides its variable."""
    monkeypatch.setenv("TRAINING_SEED", "7")
    monkeypatch.setenv("TRAINING_EPOCHS", "3")
    config = load(["--epochs", "4", "--if-empty"])
    assert (config.seed, config.epochs, config.if_empty) == (7, 4, True)


def test_units_are_given_one_by_one() -> None:
    """A flag a column, so that names may hold anything but an equals sign."""
    assert load(["--units", "mean radius=mm", "--units", "age=a"]).units == {"mean radius": "mm", "age": "a"}


def test_a_penalty_is_a_number_or_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """In any case, as a flag or a variable."""
    assert (load([]).strength, load(["--penalty", "None"]).strength) == (1.0, None)
    monkeypatch.setenv("TRAINING_PENALTY", "Auto")
    assert load([]).penalty == "auto"
    assert load(["--penalty", "1e-3"]).strength == 0.001


def test_the_table_is_frozen() -> None:
    """A setting cannot change during a run."""
    with pytest.raises(ValueError, match="frozen"):
        Config().seed = 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--epochs", "many"], ["TRAINING_EPOCHS=many: wanted a whole number"]),
        (["--epochs", "0"], ["TRAINING_EPOCHS=0", "greater than or equal to 1"]),
        (["--penalty", "heavy"], ["TRAINING_PENALTY=heavy: wanted a number from 1e-9 to 1e9, auto or none"]),
        (["--penalty", "-1"], ["TRAINING_PENALTY=-1: wanted a number from 1e-9 to 1e9, auto or none"]),
        (["--penalty", "nan"], ["TRAINING_PENALTY=nan: wanted a number from 1e-9 to 1e9, auto or none"]),
        (["--abstain-risk", "little"], ["TRAINING_ABSTAIN_RISK=little: wanted a number above 0 and below 1"]),
        (["--penalty", "best"], ["TRAINING_PENALTY=best"]),
        (["--learning-rate", "inf"], ["TRAINING_LEARNING_RATE=inf", "finite"]),
        (["--threshold", "2"], ["--threshold=2", "wanted a probability"]),
        (["--seed", "-1"], ["TRAINING_SEED=-1", "greater"]),
        (["--solver", "adam"], ["TRAINING_SOLVER=adam", "'lbfgs' or 'sgd'"]),
        (["--device", "tpu"], ["TRAINING_DEVICE=tpu", "'auto', 'cpu' or 'cuda'"]),
        (["--name", "../up"], ["TRAINING_NAME=../up: wanted up to 63 of a to z, 0 to 9, '.', '_' and '-'"]),
        (["--data", "rows.csv"], ["TRAINING_TARGET=", "wanted the column"]),
        (["--target", "y"], ["TRAINING_TARGET=y", "wanted none"]),
        (["--epoch", "1"], ["--epoch", "--help"]),
        (["--epochs"], ["--epochs", "expected one argument"]),
    ],
)
def test_a_bad_setting_is_one_line(arguments: list[str], named: list[str]) -> None:
    """The line names the key, the value and what was wanted."""
    with pytest.raises(SettingError) as caught:
        load(arguments)
    line = str(caught.value)
    assert "\n" not in line
    assert all(part in line for part in named), line
    assert caught.value.exit_code == 2


def test_a_bad_variable_of_a_switch_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says which words there are."""
    monkeypatch.setenv("TRAINING_QUIET", "maybe")
    with pytest.raises(SettingError, match=r"^TRAINING_QUIET=maybe: wanted true or false$"):
        load([])


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("Iris (1936).csv", "iris-1936"),
        ("/data/in/credit_card.v2.parquet", "credit_card.v2"),
        ("..hidden.csv", "hidden"),
        ("iris.csv.gz", "iris"),
        ("Iris.csv.GZ", "iris"),
        ("iris.tsv.zst", "iris"),
        ("Été à Gröden, Straße 5.csv", "ete-a-groden-strasse-5"),
        ("数据.csv", "model"),
        ("!.csv", "model"),
        (f"{'long' * 40}.csv", ("long" * 40)[:63]),
    ],
)
def test_a_file_names_its_model(data: str, name: str) -> None:
    """The default name is the file's stem in the store's alphabet."""
    assert Config(data=data, target="y").name == name


@given(st.text())
def test_any_derived_name_fits_the_store(data: str) -> None:
    """Whatever a file is called, the name made of it fits the store."""
    assert NAME.fullmatch(name_from_data({"data": data}))


def test_help_tells_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    """Each field has its flag, its description and its default in --help."""
    with pytest.raises(SystemExit) as caught:
        load(["--help"])
    assert caught.value.code == 0
    help_text = re.sub(r"\s+", "", capsys.readouterr().out)  # argparse breaks lines even within words
    for name, field in Config.model_fields.items():
        assert field.description
        assert f"--{name.replace('_', '-')}" in help_text
        assert re.sub(r"\s+", "", field.description) + "(default" in help_text


@pytest.mark.parametrize("empty", ["", " ", "\ufeff"])
def test_a_variable_that_is_set_and_empty_is_unset(monkeypatch: pytest.MonkeyPatch, empty: str) -> None:
    """Every one: compose and Kubernetes write a variable that nobody set so."""
    usual = load([])
    for name in Config.model_fields:
        monkeypatch.setenv(f"TRAINING_{name.upper()}", empty)
    assert load([]) == load(["--data", empty]) == usual


def test_a_tilde_is_the_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the paths of data and store."""
    monkeypatch.setenv("HOME", "/home/someone")
    found = load(["--data", "~/x.csv", "--target", "y", "--store", "~/store"])
    assert (found.data, str(found.store)) == ("/home/someone/x.csv", "/home/someone/store")


def test_what_people_write_around_a_value_is_taken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blanks and a byte order mark, in variables and in flags."""
    monkeypatch.setenv("TRAINING_SOLVER", "\ufeffsgd\r\n")
    monkeypatch.setenv("TRAINING_DATA", "\ufefftoy")
    found = load(["--epochs", " 3 ", "--store", "\ufeff~/store"])
    assert (found.solver, found.data, found.name, found.epochs) == ("sgd", "toy", "toy", 3)
    assert found.store == Path("~/store").expanduser()


def test_the_schema_has_a_variable_as_the_others_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """TRAINING_SCHEMA; one of somebody else's that is called SCHEMA means nothing."""
    monkeypatch.setenv("SCHEMA", "/theirs.toml")
    assert load([]).schema_file is None
    monkeypatch.setenv("TRAINING_SCHEMA", "/ours.toml")
    assert load([]).schema_file == Path("/ours.toml")
    assert load(["--schema", "/flag.toml"]).schema_file == Path("/flag.toml")
