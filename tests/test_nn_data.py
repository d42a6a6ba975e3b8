"""Data sets: what is read, what is refused and how it is said, splitting, standardising, mini-batches."""

import math
import random
import statistics
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import DataError, ModelFileError
from nn.data import Dataset, Standardizer, batches, iris, moons, read_csv, split, xor


def test_iris_is_fishers():
    data = iris()
    assert data.feature_names == ("sepal_length", "sepal_width", "petal_length", "petal_width")
    assert data.class_names == ("setosa", "versicolor", "virginica")
    assert [data.targets.count(k) for k in range(3)] == [50, 50, 50]
    # The two rows that the UCI copy has wrong, as in Fisher's paper.
    assert data.features[34] == [4.9, 3.1, 1.5, 0.2]
    assert data.features[37] == [4.9, 3.6, 1.4, 0.1]
    # Fisher's table II: the means of the species.
    means = [[statistics.fmean(c) for c in zip(*data.features[k : k + 50])] for k in (0, 50, 100)]
    assert means[0] == pytest.approx([5.006, 3.428, 1.462, 0.246])
    assert means[1] == pytest.approx([5.936, 2.770, 4.260, 1.326])
    assert means[2] == pytest.approx([6.588, 2.974, 5.552, 2.026])


def test_moons_lie_on_two_half_circles():
    data = moons(101, noise=0.0)
    assert [data.targets.count(k) for k in (0, 1)] == [50, 51]
    for (x, y), lower in zip(data.features, data.targets):
        x, y = (1 - x, 0.5 - y) if lower else (x, y)
        assert math.hypot(x, y) == pytest.approx(1.0)
        assert y > -1e-12


def test_noise_is_seeded_and_of_the_asked_size():
    assert moons(50, 0.1, 3) == moons(50, 0.1, 3) != moons(50, 0.1, 4)
    clean, noisy = xor(4000), xor(4000, noise=0.1, seed=1)
    errors = [a - b for p, q in zip(noisy.features, clean.features) for a, b in zip(p, q)]
    assert statistics.pstdev(errors) == pytest.approx(0.1, rel=0.05)
    assert all(kind == (round(a) != round(b)) for (a, b), kind in zip(clean.features, clean.targets))


@pytest.mark.parametrize(
    "make", [lambda: moons(1), lambda: xor(3), lambda: moons(noise=-0.1), lambda: xor(noise=math.nan)]
)
def test_generators_refuse(make):
    with pytest.raises(ValueError, match="expected"):
        make()


@pytest.mark.parametrize(
    ("rows", "targets", "message"),
    [
        ([[1.0]], [0, 1], "2 for 1 rows"),
        ([], [], "at least one sample"),
        ([[1.0], [1.0, 2.0]], [0, 1], "1 features in row 1, got 2"),
        ([[1.0], [math.nan]], [0, 1], "finite numbers in row 1"),
        ([[1.0], [2.0]], [0, 2], "class from 0 to 1 in row 1, got 2"),
    ],
)
def test_dataset_refuses(rows, targets, message):
    with pytest.raises(DataError, match=message):
        Dataset(rows, targets, ("x",), ("a", "b"))


# -- CSV files -----------------------------------------------------------------------------------------------------


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "data.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_text_makes_classes(tmp_path):
    data = read_csv(write(tmp_path, '\ufeffa, b ,kind\r\n1,2,"yes"\r\n\r\n -1e3,.5,"no, not"\r\n'))
    assert data.feature_names == ("a", "b")
    assert data.features == [[1.0, 2.0], [-1000.0, 0.5]]
    assert data.class_names == ("no, not", "yes")
    assert list(data.targets) == [1, 0]
    assert data.target_name == "kind"


def test_numbers_make_a_regression(tmp_path):
    path = write(tmp_path, "a,price\n1,2.5\n2,3\n")
    assert read_csv(path).class_names is None
    assert list(read_csv(path).targets) == [2.5, 3.0]
    assert read_csv(path, target="classes").class_names == ("2.5", "3")
    with pytest.raises(ValueError, match="classes"):
        read_csv(path, target="text")  # type: ignore[arg-type]


REFUSED = {
    "empty file": ("", "data.csv: the file is empty"),
    "header only": ("a,b\n", "data.csv: there is a header but no rows"),
    "one column": ("a;b\n1;2\n", "data.csv: expected two columns or more"),
    "no header": ("1,2\n3,4\n", "data.csv, line 1: expected a header row"),
    "unnamed column": ("a,,b\n1,2,3\n", "data.csv, line 1: column 2 has no name"),
    "name twice": ("a,a,b\n1,2,3\n", "data.csv, line 1: the header has the name 'a' twice"),
    "ragged row": ("a,b\n1,2\n\n3\n", "data.csv, line 4: expected 2 cells, as in the header, got 1"),
    "long row": ("a,b\n1,2,3\n", "data.csv, line 2: expected 2 cells, as in the header, got 3"),
    "empty cell": ("a,b\n1,2\n ,2\n", "data.csv, line 3, column 'a': the cell is empty"),
    "empty column": ("a,b\n,2\n,2\n", "data.csv, column 'a': every cell is empty"),
    "empty target": ("a,b\n1,\n1,2\n", "data.csv, line 2, column 'b': the cell is empty"),
    "nan": ("a,b\n1,2\nnan,2\n", "data.csv, line 3, column 'a': expected a finite number, got 'nan'"),
    "infinity": ("a,b\n1,2\n-1e999,2\n", "data.csv, line 3, column 'a': expected a finite number, got '-1e999'"),
    "nan target": ("a,b\n1,2\n2,nan\n", "data.csv, line 3, column 'b': expected a finite number, got 'nan'"),
    "text feature": ("a,b\nx,2\n", "data.csv, line 2, column 'a': expected a number, got 'x'; only the last"),
    "underscore": ("a,b\n1_0,2\n", "data.csv, line 2, column 'a': expected a number, got '1_0'"),
    "one class": ("a,b\n1,x\n2,x\n", "data.csv, column 'b': expected two classes or more to tell apart, got 'x'"),
    "text in numbers": ("a,b\n1,2\n2,n/a\n", "data.csv, line 3, column 'b': expected a number, as in the rows before"),
    "number in text": ("a,b\n1,x\n2,3\n", "data.csv, line 3, column 'b': expected text, as in the rows before"),
    "open quote": ('a,b\n1,"x\n', "data.csv, line 2: not a CSV file"),
    "not UTF-8": (b"a,b\n1,caf\xe9\n", "data.csv, line 2: expected text in UTF-8, got the byte 0xe9"),
    "binary": (b"\x89PNG\r\n", "data.csv, line 1: expected text in UTF-8, got the byte 0x89"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_refused_files_name_the_place(tmp_path, content, message):
    with pytest.raises(DataError) as caught:
        read_csv(write(tmp_path, content))
    assert str(caught.value).startswith(f"{tmp_path}/{message}")
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.csv: there is no such file"):
        read_csv(tmp_path / "nowhere.csv")
    with pytest.raises(DataError, match="expected a CSV file, got a folder"):
        read_csv(tmp_path)
    with pytest.raises(DataError, match="cannot read"):
        read_csv("a\0b")


numbers = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters='",_'), min_size=1)


@given(
    st.lists(st.tuples(numbers, numbers, texts.map("k".__add__)), min_size=2).filter(
        lambda r: len({x[2] for x in r}) > 1
    )
)
def test_what_is_written_is_read(tmp_path_factory, rows):
    lines = ["a,b,kind", *(f"{a!r},{b!r},{kind}" for a, b, kind in rows)]
    data = read_csv(write(tmp_path_factory.mktemp("csv"), "\n".join(lines)))
    assert data.features == [[a, b] for a, b, _ in rows]
    assert data.class_names is not None
    assert [data.class_names[int(k)] for k in data.targets] == [kind for _, _, kind in rows]


# -- Parts, statistics, batches ------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 3), min_size=2, max_size=60), st.floats(0.01, 0.99), st.integers())
def test_split_is_a_stratified_partition(classes, fraction, seed):
    data = Dataset([[float(k)] for k in range(len(classes))], classes, ("x",), ("a", "b", "c", "d"))
    if len(set(classes)) == len(classes):
        with pytest.raises(DataError, match="two rows of one class"):
            split(data, fraction, seed)
        return
    training, validation = split(data, fraction, seed)
    assert sorted(training.features + validation.features) == data.features
    assert (training, validation) == split(data, fraction, seed)
    for kind in set(classes):
        here, aside = training.targets.count(kind), validation.targets.count(kind)
        assert here >= 1
        assert aside >= (here + aside > 1)
        assert abs(aside - fraction * (here + aside)) <= 1


def test_split_refuses():
    for fraction in (0.0, 1.0, math.nan):
        with pytest.raises(ValueError, match="between 0 and 1"):
            split(iris(), fraction)
    with pytest.raises(DataError, match="at least two rows,"):
        split(Dataset([[1.0]], [2.0], ("x",)))


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


sizes = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(sizes, sizes), min_size=1, max_size=30))
def test_standardizer_agrees_with_the_statistics_module(rows):
    standardizer = Standardizer.fit(rows)
    for mean, scale, column in zip(standardizer.means, standardizer.scales, zip(*rows)):
        assert mean == pytest.approx(statistics.mean(column), rel=1e-12, abs=1e-12 * max(map(abs, column)))
        if min(column) == max(column):
            assert scale == 1.0
        elif statistics.pstdev(column) > 1e-9 * max(map(abs, column)):
            assert scale == pytest.approx(statistics.pstdev(column), rel=1e-6)
    again = Standardizer.from_dict(standardizer.to_dict(), 2)
    assert again == standardizer
    for row, back in zip(rows, again.inverse(again.transform(rows))):
        assert back == pytest.approx(list(row), abs=1e-9)


def test_standardizer_at_the_edges():
    assert Standardizer.fit([[0.1]] * 3).scales == (1.0,)  # 0.1 is no binary fraction, so its mean may be off
    assert Standardizer.fit([[1e200], [3e200]]).scales == pytest.approx((1e200,))  # squares overflow
    assert Standardizer.fit([[1e-200], [3e-200]]).scales == pytest.approx((1e-200,))  # squares underflow
    with pytest.raises(DataError, match="column 2 are too large"):
        Standardizer.fit([[0.0, 1.7e308], [0.0, 1.7e308], [0.0, -1e308]])
    with pytest.raises(DataError, match="at least one row"):
        Standardizer.fit([])


@pytest.mark.parametrize(
    "saved",
    [
        None,
        {},
        {"means": [0.0], "scales": [1.0]},
        {"means": [0.0, "x"], "scales": [1.0, 1.0]},
        {"means": [0.0, math.nan], "scales": [1.0, 1.0]},
        {"means": [0.0, 10**400], "scales": [1.0, 1.0]},
        {"means": [0.0, 0.0], "scales": [1.0, 0.0]},
    ],
)
def test_standardizer_refuses_what_is_damaged(saved):
    with pytest.raises(ModelFileError, match="expected"):
        Standardizer.from_dict(saved, 2)
