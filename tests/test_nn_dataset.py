"""Data sets: what is refused and how it is said; splitting, mini-batches, one-hot vectors."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import DataError
from nn import MLP, fit
from nn.data import Dataset, batches, iris, one_hot, split


@pytest.mark.parametrize(
    ("rows", "targets", "message"),
    [
        ([[1.0]], [0, 1], "2 for 1 rows"),
        ([], [], "at least one sample"),
        ([[], []], [0, 1], "at least one feature in row 0"),
        ([[1.0], 2.0], [0, 1], "a row of numbers as row 1, got float: 2.0"),
        (["a", "b"], [0, 1], "a row of numbers as row 0, got str: 'a'"),
        ([[1.0], [1.0, 2.0]], [0, 1], "1 features in row 1, got 2"),
        ([[1.0], [math.nan]], [0, 1], "finite number in row 1, column 'x', got nan"),
        ([[math.inf], [1.0]], [0, 1], "finite number in row 0, column 'x', got inf"),
        ([[1.0], ["2"]], [0, 1], "finite number in row 1, column 'x', got '2'"),
        ([[1.0], [None]], [0, 1], "finite number in row 1, column 'x', got None"),
        ([[1.0], [2.0]], [0, math.nan], "finite number in row 1, column 'kind', got nan"),
        ([[1.0], [2.0]], [0, 2], "class from 0 to 1 in row 1, column 'kind', got 2"),
        ([[1.0], [2.0]], [-1, 1], "class from 0 to 1 in row 0, column 'kind', got -1"),
        ([[1.0], [2.0]], [0, 1.0], "class from 0 to 1 in row 1, column 'kind', got 1.0"),
    ],
)
def test_dataset_refuses(rows, targets, message):
    with pytest.raises(DataError, match=message):
        Dataset(rows, targets, ("x",), ("a", "b"), "kind")
    with pytest.raises(DataError, match=f"^data.csv: .*{message}"):
        Dataset(rows, targets, ("x",), ("a", "b"), "kind", "data.csv")


@given(st.lists(st.integers(0, 3), min_size=2, max_size=60), st.floats(0.01, 0.99), st.integers())
def test_split_is_a_stratified_partition(classes, fraction, seed):
    data = Dataset([[float(k)] for k in range(len(classes))], classes, ("x",), ("a", "b", "c", "d"))
    lone = [name for k, name in enumerate("abcd") if classes.count(k) == 1]
    if lone:
        with pytest.raises(DataError, match=f"at least two samples of class '{lone[0]}'"):
            split(data, fraction, seed)
        return
    training, validation = split(data, fraction, seed)
    assert sorted(training.features + validation.features) == data.features
    assert (training, validation) == split(data, fraction, seed)
    for kind in set(classes):
        here, aside = training.targets.count(kind), validation.targets.count(kind)
        assert here >= 1
        assert aside >= 1
        assert abs(aside - fraction * (here + aside)) <= 1


def test_split_refuses():
    for fraction in (0.0, 1.0, math.nan):
        with pytest.raises(ValueError, match="between 0 and 1"):
            split(iris(), fraction)
    with pytest.raises(TypeError, match="a number as fraction, got str: 'half'"):
        split(iris(), "half")
    with pytest.raises(TypeError, match="a Dataset to split, got list"):
        split([[1.0], [2.0]])
    with pytest.raises(DataError, match="at least two samples,"):
        split(Dataset([[1.0]], [2.0], ("x",)))


@given(st.lists(st.integers(0, 2), min_size=2, max_size=12), st.floats(0.1, 0.9), st.integers())
def test_a_split_without_stratification_tells_of_a_class_that_a_part_lacks(classes, fraction, seed):
    rows = [[float(k)] for k in range(len(classes))]
    plain = Dataset(rows, classes)  # a regression: drawn in the same way, with no class to miss
    training, validation = split(plain, fraction, seed)
    lacking = [
        (name, kind)
        for name, part in (("training", training), ("validation", validation))
        for kind in sorted(set(classes) - set(part.targets))
    ]
    data = Dataset(rows, classes, class_names=("a", "b", "c"))
    if lacking:
        name, kind = lacking[0]
        with pytest.raises(DataError, match=f"the {name} part has no sample of class '{'abc'[kind]}'"):
            split(data, fraction, seed, stratify=False)
    else:
        parts = split(data, fraction, seed, stratify=False)
        assert [part.features for part in parts] == [training.features, validation.features]


def test_features_get_names():
    assert Dataset([[1.0, 2.0]], [0.5]).feature_names == ("x1", "x2")
    assert Dataset([[1.0]], [0.5]).place("x1") == "column 'x1'"


def test_numpy_numbers_and_rows_are_taken():
    np = pytest.importorskip("numpy")
    data = Dataset(np.array([[1.0, 2.0], [3.0, 4.0]], dtype=np.float32), np.array([0, 1]), class_names=("a", "b"))
    assert len(data) == 2
    assert [list(row) for row in data.take([1]).features] == [[3.0, 4.0]]


def test_bools_of_numpy_are_taken():
    np = pytest.importorskip("numpy")
    data = Dataset([[np.bool_(True), 2.0], [np.bool_(False), 1.0]], np.array([True, False]), class_names=("a", "b"))
    assert data == Dataset([[True, 2.0], [False, 1.0]], [True, False], class_names=("a", "b"))
    assert fit(MLP(2, [1], seed=0), data, epochs=1, progress=False).metric == "accuracy"


@given(st.lists(st.integers(0, 5), max_size=8), st.integers(6, 8))
def test_one_hot_vectors_have_their_one_at_the_class(labels, size):
    rows = one_hot(labels, size)
    assert [row.index(1.0) for row in rows] == labels
    assert all(len(row) == size and sum(row) == 1.0 for row in rows)
    assert one_hot(labels) == [row[: max(labels) + 1] for row in rows]


def test_one_hot_refuses():
    with pytest.raises(ValueError, match="label 1 to be from 0 to 2, got 3"):
        one_hot([0, 3], 3)
    with pytest.raises(ValueError, match="label 0 to be 0 or more, got -1"):
        one_hot([-1, 3])
    with pytest.raises(TypeError, match="label 1 is a whole number, got float"):
        one_hot([0, 1.0])  # type: ignore[list-item]


@given(st.integers(0, 200), st.integers(1, 50), st.integers())
def test_batches_are_shuffled_without_replacement(n, size, seed):
    drawn = batches(n, size, random.Random(seed))
    assert sorted(k for batch in drawn for k in batch) == list(range(n))
    assert [len(batch) for batch in drawn] == [size] * (n // size) + [n % size] * (n % size > 0)
    assert drawn == batches(n, size, random.Random(seed))


def test_batches_of_the_lecture():
    rng = random.Random(0)
    first, second = batches(100, 32, rng), batches(100, 32, rng)
    assert [len(batch) for batch in first] == [32, 32, 32, 4]
    assert first != second


@pytest.mark.parametrize(("size", "error"), [(0, ValueError), (-1, ValueError), (2.0, TypeError), (True, TypeError)])
def test_batch_size_is_checked(size, error):
    with pytest.raises(error, match="batch size"):
        batches(10, size, random.Random(0))
