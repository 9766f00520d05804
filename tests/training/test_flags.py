"""Names and pairs in flags and variables: each is one text, whatever is in it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training import flags
from training.config import load
from training.errors import SettingError

FILE = ["--data", "rows.csv", "--target", "y"]
HOSTILE = ["age, years", 'in"come', "__proto__", "a\\", '\\"x', "[x]", "{x}", "0", "true", "null", "=SUM(A1)"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_taken_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a flag, by a flag with an equals sign, and by a variable, which needs no JSON."""
    for arguments in (["--keep", name], [f"--keep={name}"]):
        assert load([*FILE, *arguments]).keep == (name,)
    monkeypatch.setenv("TRAINING_KEEP", name)
    assert load(FILE).keep == (name,)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_pair_parts_at_its_last_equals_sign(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the name of a column may hold one, and its unit may not."""
    given = f"{name}=m²"
    assert load([*FILE, "--units", given]).units == {name: "m²"}
    monkeypatch.setenv("TRAINING_UNITS", given)
    assert load(FILE).units == {name: "m²"}


@given(st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1)))
def test_names_come_back_in_their_order(names: list[str]) -> None:
    """As many flags as names, or one with the JSON of all, say the same, but for blanks around."""
    bare = [name.strip(flags.AROUND) for name in names]
    one_by_one = [f"--keep={json.dumps([name])}" for name in bare]
    at_once = [f"--keep={json.dumps(bare)}"]
    for arguments in (one_by_one, at_once):
        others, found = flags.take([*arguments, "--quiet"], ["--keep"], {})
        assert others == ["--quiet"]
        assert found.get("--keep", []) == bare


def test_a_variable_may_hold_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of names and an object of pairs; a flag goes before the variable."""
    monkeypatch.setenv("TRAINING_CATEGORICAL", '["zip", "age, years"]')
    monkeypatch.setenv("TRAINING_CLASS_WEIGHT", '{"yes": 3}')
    found = load(FILE)
    assert found.categorical == ("zip", "age, years")
    assert found.class_weight == {"yes": 3.0}
    assert load([*FILE, "--categorical", "zip"]).categorical == ("zip",)


def test_class_weights_are_pairs_or_balanced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A label may hold a comma; the word needs no quotes anywhere."""
    given = ["--class-weight", "yes=3", "--class-weight", "no, never=0.5"]
    assert load([*FILE, *given]).class_weight == {"yes": 3.0, "no, never": 0.5}
    assert load([*FILE, "--class-weight", "balanced"]).class_weight == "balanced"
    monkeypatch.setenv("TRAINING_CLASS_WEIGHT", "balanced")
    assert load(FILE).class_weight == "balanced"


def test_no_token_is_missing_when_none_is_given() -> None:
    """An empty text is a list of nothing."""
    assert load([*FILE, "--missing", ""]).missing == ()
    assert load([*FILE, "--missing", "-", "--missing", "-999"]).missing == ("-", "-999")


@pytest.mark.parametrize(
    ("arguments", "variable", "named"),
    [
        (["--units", "age"], None, "--units=age: wanted COLUMN=UNIT"),
        (["--units", '{"age": 1}'], None, "TRAINING_UNITS age=1: wanted text, which JSON has in quotes"),
        (["--class-weight", "heavy"], None, "--class-weight=heavy: wanted balanced or CLASS=WEIGHT"),
        (["--class-weight", "yes=much"], None, "TRAINING_CLASS_WEIGHT yes=much: wanted a number above 0"),
        (["--class-weight", "yes="], None, "TRAINING_CLASS_WEIGHT yes=: wanted a number above 0"),
        (["--class-weight", "yes=-1"], None, "--class-weight yes=-1: wanted a number above 0"),
        (["--class-weight", '{"yes": [1]}'], None, "TRAINING_CLASS_WEIGHT yes=[1]: wanted a number above 0"),
        (["--keep"], None, "argument --keep: expected one argument"),
        (["--keep", "--quiet"], None, "argument --keep: expected one argument"),
        ([], ("UNITS", '["age"]'), 'TRAINING_UNITS=["age"]: wanted COLUMN=UNIT'),
        ([], ("CLASS_WEIGHT", "heavy"), "TRAINING_CLASS_WEIGHT=heavy: wanted balanced or CLASS=WEIGHT"),
        ([], ("KEEP", '["a", 1]'), "TRAINING_KEEP=1: wanted text, which JSON has in quotes"),
    ],
)
def test_what_is_neither_is_one_line(
    arguments: list[str], variable: tuple[str, str] | None, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the flag or the variable, what it says, and what was wanted."""
    if variable:
        monkeypatch.setenv(f"TRAINING_{variable[0]}", variable[1])
    with pytest.raises(SettingError) as caught:
        load([*FILE, *arguments])
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
