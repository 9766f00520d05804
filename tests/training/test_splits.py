"""Who is in which split, and that it can be told later."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training import hashes, splits

rows = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 1)), min_size=60, max_size=200)


def keys_of(texts: list[str], seed: int = 0) -> splits.Hashes:
    return hashes.texts(texts, seed)


@given(st.lists(st.integers(10, 400), min_size=2, max_size=6), st.integers(0, 2**32 - 1))
def test_every_split_has_its_share_of_every_class(counts: list[int], seed: int) -> None:
    """From 10 rows a class on, the splits are disjoint, complete and 60/20/20 in each class, to a row."""
    y = np.repeat(np.arange(len(counts)), counts)
    classes = list(map(str, range(len(counts))))
    parts, _ = splits.by_hash(keys_of(list(map(str, range(len(y)))), seed), y, classes, whole=True)
    np.testing.assert_array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(len(y)))
    for name, share in {"train": 0.6, "validation": 0.2, "test": 0.2}.items():
        found = np.bincount(y[parts[name]], minlength=len(counts))
        assert (found >= 1).all()
        assert (np.abs(found - share * np.array(counts)) <= 1).all()
        assert (np.diff(parts[name]) > 0).all()


@given(rows, st.randoms(use_true_random=False))
def test_order_changes_nothing_and_twins_stay_together(
    given_rows: list[tuple[int, int]], random: object
) -> None:
    """A row's split follows from its text and the set, wherever it stands; equal texts never straddle."""
    given_rows = [*given_rows, *((value, value % 2) for value in range(100, 140))]
    shuffled = list(given_rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    told = []
    for order in (given_rows, shuffled):
        y = np.array([label for _, label in order])
        parts, _ = splits.by_hash(keys_of([str(value) for value, _ in order]), y, ["n", "y"], whole=False)
        sides = {name: {order[row][0] for row in part} for name, part in parts.items()}
        assert not sides["train"] & sides["validation"]
        assert not (sides["train"] | sides["validation"]) & sides["test"]
        told.append(sides)
    assert told[0] == told[1]


@given(st.integers(0, 2**32 - 1))
def test_the_cuts_tell_who_was_trained_on(seed: int) -> None:
    """A row is in train if its hash is below its class's first cut, in test from the second one on."""
    y = np.arange(150) % 3
    classes = ["a", "b", "c"]
    keys = keys_of([str(row % 140) for row in range(150)], seed)
    parts, cuts = splits.by_hash(keys[:140], y[:140], classes, whole=True)
    for name, part in parts.items():
        for row in part:
            validation, test = cuts[classes[y[row]]]
            text = f"{keys[row]:016x}"
            assert name == ("train" if text < validation else "validation" if text < test else "test")


def test_the_seed_makes_the_split() -> None:
    """The same seed gives the same rows, another one gives others."""
    y, texts = np.arange(100) % 2, list(map(str, range(100)))
    first, again, other = (splits.by_hash(keys_of(texts, seed), y, "ab", whole=True)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first["test"], again["test"])
    assert not np.array_equal(first["test"], other["test"])


def test_large_units_leave_no_split_empty() -> None:
    """Three units of a class are one for each split, however large the first is."""
    texts = ["big"] * 98 + ["x", "z"] + list(map(str, range(50)))
    y = np.repeat([0, 1], [100, 50])
    for seed in range(20):
        parts, _ = splits.by_hash(keys_of(texts, seed), y, ["n", "y"], whole=True)
        assert all((np.bincount(y[part], minlength=2) > 0).all() for part in parts.values())


def test_a_class_with_too_few_different_rows_is_refused() -> None:
    """Twins stay together, so that two different rows cannot be in three splits."""
    texts = ["a", "b"] * 10 + list(map(str, range(50)))
    y = np.repeat([0, 1], [20, 50])
    with pytest.raises(ValueError, match="the 20 rows of class 'n' have 2 different inputs"):
        splits.by_hash(keys_of(texts), y, ["n", "y"], whole=True)


def test_groups_may_lack_a_class_outside_of_train() -> None:
    """A class of one group is trained on; without a group left for a split it is refused."""
    y = np.repeat([0, 1], [90, 10])
    keys = keys_of([f"g{row // 10}" for row in range(100)])
    parts, _ = splits.by_hash(keys, y, ["n", "y"], whole=False)
    assert set(y[parts["train"]]) == {0, 1}
    assert set(y[parts["test"]]) == {0}
    with pytest.raises(ValueError, match="no row is left for"):
        splits.by_hash(keys_of(["g0"] * 90 + ["g1"] * 10), y, ["n", "y"], whole=False)


def test_no_future_is_learnt_from() -> None:
    """Train comes before validation, validation before test, and equal times stay together."""
    times = np.array([2020, 2021, 2022, 2023, 2024] * 20)
    parts, cuts = splits.by_time(times, np.arange(100) % 2, ["n", "y"])
    assert {name: sorted(set(times[part])) for name, part in parts.items()} == {
        "train": [2020, 2021, 2022],
        "validation": [2023],
        "test": [2024],
    }
    assert cuts == {"": ("2023", "2024")}
    with pytest.raises(ValueError, match="2 different times, wanted 3"):
        splits.by_time(["2020-01-01", "2020-01-02"] * 10, np.arange(20) % 2, ["n", "y"])
    with pytest.raises(ValueError, match="train has no row of class 'y'"):
        splits.by_time(times, (times == 2024).astype(np.int64), ["n", "y"])
