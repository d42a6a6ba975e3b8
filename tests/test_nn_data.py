"""Fisher's iris, and CSV files: what is read, what is refused and how it is said."""

import statistics
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import DataError
from nn.data import iris, read_csv, split


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


def test_a_data_set_remembers_its_file_for_messages(tmp_path):
    data = read_csv(write(tmp_path, "a,kind\n1,x\n2,y\n"))
    assert data.place("a") == f"{tmp_path}/data.csv, column 'a'"
    with pytest.raises(DataError, match=r"data\.csv: expected at least two samples of class 'x'"):
        split(data)
