"""Fisher's iris, and CSV files: what is read, what is refused and how it is said."""

import re
import statistics
import warnings
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
    "one column": ("a\n1\n2\n", "data.csv: expected two columns or more"),
    "blanks between columns": ("a b\n1 2\n", "data.csv: expected two columns or more, separated by commas, semicolons"),
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
    "excel": (b"PK\x03\x04...", "data.csv: expected a CSV file, got an Excel workbook or another zip archive; open it"),
    "gzip": (b"\x1f\x8b\x08", "data.csv: expected a CSV file, got a file compressed by gzip; unpack it with gunzip"),
    "a page": ("<!DOCTYPE html><p>a,b", "data.csv: expected a CSV file, got a page of the web"),
    "UTF-16 without its mark": ("a,b\n1,2\n".encode("utf-16-le"), "data.csv, line 1: there is a null character"),
    "half of UTF-16": ("a,b\n1,2".encode("utf-16")[:-1], "data.csv, line 2: expected text in UTF-16"),
    "percent": ("a,b\n1%,2\n", "data.csv, line 2, column 'a': expected a number, got '1%'; write percentages without"),
    "thousands": (
        'a,b\n"1,234.5",2\n',
        "data.csv, line 2, column 'a': expected a number, got '1,234.5'; leave separat",
    ),
    "thousands and a decimal comma": (
        "a;b\n1.234,5;2\n",
        "data.csv, line 2, column 'a': expected a number, got '1.234",
    ),
    "decimal comma among commas": (
        'a,b\n"1,5",2\n',
        "data.csv, line 2, column 'a': expected a number, got '1,5'; write",
    ),
    "both decimal marks": (
        "a;b\n1,5;2\n1.5;2\n",
        "data.csv, line 3, column 'a': expected a number, got '1.5'; elsewhe",
    ),
    "NA": ("a,b\n1,2\nNA,2\n", "data.csv, line 3, column 'a': expected a number, got 'NA'; fill the gap in or remove"),
    "a gap among classes": ("a,b\n1,x\n2,?\n", "data.csv, line 3, column 'b': '?' seems to be a gap; fill it in"),
    "a gap in the first row": ("?,x\n2,y\n", "data.csv, line 1, column 'x1': expected a number, got '?'; fill the gap"),
    "inf": ("a,b\n1,2\ninf,2\n", "data.csv, line 3, column 'a': expected a finite number, got 'inf'"),
    "comment first": (
        "# from the lab\na,b\n1,2\n",
        "data.csv, line 2: expected 1 cells, as in the header, got 2; remov",
    ),
    "comment below": ("a,b\n1,2\n# 1,2,3\n", "data.csv, line 3: expected 2 cells, as in the header, got 3; remove com"),
    "comment in a cell": ("a,b\n1,2\n#1,2\n", "data.csv, line 3, column 'a': expected a number, got '#1'; remove com"),
    "a delimiter at the end of rows": (
        "a,b\n1,2,\n",
        "data.csv, line 2: expected 2 cells, as in the header, got 3; remov",
    ),
    "huge field": (
        "a,b\n" + "1" * 200_000 + ",2\n",
        "data.csv, line 2: not a CSV file: field larger than field limit (131072); is there a quote that is not cl",
    ),
    "a quote that is not closed in a long file": (
        'a,b\n1,"2\n' + "3,4\n" * 50_000,
        "data.csv, line 32770: not a CSV file: field larger than field limit (131072); is there a quote that is not cl",
    ),
    "text behind a quote": ('a,b\n"1" 2,3\n', "data.csv, line 2: not a CSV file: ',' expected after '\"'; put nothing"),
    "a tab before a quote": (
        'a,b\n1,yes\n2,no\n3,\t"yes"\n',
        "data.csv, line 4: not a CSV file: before a quote stands",
    ),
    "a fixed blank before a quote": (
        'a,b\n1,x\n2,\xa0"x"\n',
        "data.csv, line 3: not a CSV file: before a quote stands",
    ),
    "sep= without a delimiter": (
        "sep=\na,b\n1,2\n",
        "data.csv, line 1: sep= names no delimiter; write it there, as in sep",
    ),
    "sep= without a delimiter, by Windows": (
        "sep=\r\na,b\r\n1,2\r\n",
        "data.csv, line 1: sep= names no delimiter; wri",
    ),
    "sep= in quotes without a delimiter": ('"sep="\na,b\n1,2\n', 'data.csv, line 1: "sep=" names no delimiter; write'),
    "sep= alone": ("SEP=", "data.csv, line 1: SEP= names no delimiter; write it there"),
    "error after sep=": ('sep=;\na;b\n1;"x\n', "data.csv, line 3: not a CSV file"),
    "binary": (b"\x89PNG\r\n", "data.csv, line 1: expected text in UTF-8, got the byte 0x89"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
@pytest.mark.filterwarnings("ignore:.*(decimals are written|first row is taken)")
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
    for path in (None, 3, ["a.csv"]):
        with pytest.raises(TypeError, match="the path of a CSV file is a str or a Path, got"):
            read_csv(path)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="header is True or False, got str: 'no'"):
        read_csv("data.csv", header="no")  # type: ignore[arg-type]


# -- What people have --------------------------------------------------------------------------------------------------

TABLE = "width,length,kind\n1.5,-2,yes\n-0.25,3e2,no\n0,7,yes\n"
DIALECTS = {
    "semicolons": TABLE.replace(",", ";"),
    "tabs": TABLE.replace(",", "\t"),
    "bars": TABLE.replace(",", "|"),
    "decimal commas": TABLE.replace(",", ";").replace(".", ","),
    "decimal commas and tabs": TABLE.replace(",", "\t").replace(".", ","),
    "sep=": "sep=;\n" + TABLE.replace(",", ";"),
    "sep= of another kind": '"sep=^"\r\n' + TABLE.replace(",", "^"),
    "UTF-16": TABLE.encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + TABLE.encode("utf-16-be"),
    "UTF-32": TABLE.encode("utf-32"),
    "UTF-8 with a mark": TABLE.encode("utf-8-sig"),
    "ends of lines of old Macs": TABLE.replace("\n", "\r"),
    "ends of lines of Windows": TABLE.replace("\n", "\r\n"),
    "no end of the last line": TABLE.rstrip(),
    "quoted": "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in TABLE.split("\n")[:-1]),
    "blanks": TABLE.replace(",", " ,  "),
    "blanks before quotes": "\n".join(
        ", ".join(f' "{cell}"' for cell in line.split(",")) for line in TABLE.split("\n")[:-1]
    ),
    "blanks before quotes, and semicolons": TABLE.replace(",yes", ';  "yes"').replace(",", ";"),
    "sep= of a blank": "sep= \n" + TABLE.replace(",", " "),
    "printed minus": TABLE.replace("-", "\N{MINUS SIGN}"),
    "blank lines": TABLE.replace("\n", "\n\n"),
    "lines of delimiters, as spreadsheets leave them": TABLE + ",,\n,,\n",
    "a delimiter at each end": TABLE.replace("\n", ",\n"),
    "columns without anything": TABLE.replace("\n", ",,,\n"),
    "a name with another delimiter": TABLE.replace("length", '"length, in mm; or so"'),
    "a name with commas between semicolons": TABLE.replace(",", ";").replace("length", "length, mm, or so"),
}


@pytest.mark.parametrize("content", DIALECTS.values(), ids=DIALECTS)
@pytest.mark.filterwarnings("ignore:.*decimals are written with commas")
def test_dialects_are_read(tmp_path, content):
    data = read_csv(write(tmp_path, content))
    assert data.features == [[1.5, -2.0], [-0.25, 300.0], [0.0, 7.0]]
    assert data.class_names == ("no", "yes")
    assert list(data.targets) == [1, 0, 1]
    assert data.feature_names[0] == "width"
    assert len(data.feature_names) == 2


def test_decimal_commas_are_told_of(tmp_path):
    with pytest.warns(UserWarning, match=r"data\.csv: decimals are written with commas, so that '1,234' is 1\.234"):
        data = read_csv(write(tmp_path, "a;b\n1,234;x\n2;y\n"))
    assert data.features == [[1.234], [2.0]]


HEADERLESS = {
    "iris": ("5.1,3.5,setosa\n4.9,3,other\n", [[5.1, 3.5], [4.9, 3.0]]),
    "numbers": ("1,2,3.5\n4,5,6\n", [[1.0, 2.0], [4.0, 5.0]]),
    "decimal commas": ("1,5;2,5;x\n4;5;y\n", [[1.5, 2.5], [4.0, 5.0]]),
    "one feature": ("1\tx\n2\ty\n", [[1.0], [2.0]]),
    "years": ("2019,2020,city\n1,2,Rome\n", [[2019.0, 2020.0], [1.0, 2.0]]),
}


@pytest.mark.parametrize(("content", "features"), HEADERLESS.values(), ids=HEADERLESS)
@pytest.mark.filterwarnings("ignore:.*decimals are written with commas")
def test_without_a_header_no_row_is_lost(tmp_path, content, features):
    path = write(tmp_path, content)
    with pytest.warns(UserWarning, match=r"line 1: the first row is taken for data.*say header=True"):
        data = read_csv(path)
    assert data.features == features
    assert data.feature_names == tuple(f"x{k + 1}" for k in range(len(features[0])))
    assert data.target_name == "target"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*decimals are written with commas")
        assert read_csv(path, header=False) == data


HEADERS = {
    "years over numbers": "id,2019,2020\n1,2,3.5\n2,2,4.5\n",
    "an element that looks like a gap": "RI,Na,kind\n1.5,2,x\n1.6,2,y\n",
    "a number over numbers, text over text": "7,kind\n1,x\n1,y\n",
    "text alone": "x,y\n1,a\n2,b\n",
}


@pytest.mark.parametrize("content", HEADERS.values(), ids=HEADERS)
def test_a_header_may_be_said_to_be_one(tmp_path, content):
    path = write(tmp_path, content)
    assert read_csv(path, header=True).feature_names == tuple(content.partition("\n")[0].split(",")[:-1])
    if not content.startswith("7"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert read_csv(path) == read_csv(path, header=True)


def test_codes_of_classes_are_told_of(tmp_path):
    """They make a regression, as all numbers do, but not without a word."""
    path = write(tmp_path, "x,kind\n" + "".join(f"{k},{k % 3 + 1}\n" for k in range(12)))
    with pytest.warns(
        UserWarning, match=r"'kind': the whole numbers from 1 to 3 are taken for numbers.*--target class"
    ):
        assert read_csv(path).class_names is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_csv(path, "numbers").class_names is None
        assert read_csv(path, "classes").class_names == ("1", "2", "3")
        for targets in ([3, 4] * 4, [0.5, 1] * 4, range(8), [0, 30_000_000] * 4):  # 0 and 1 alone, or nothing like it
            read_csv(write(tmp_path, "x,y\n" + "".join(f"{k},{t}\n" for k, t in enumerate(targets))))


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (
            ("1", "2", "1.0"),
            "line 4, column 'b': the class '1.0' is the number that is written '1' before; write it in",
        ),
        (("0", "1", "00"), "line 4, column 'b': the class '00' is the number that is written '0' before"),
        (("1e2", "1", "100"), "line 4, column 'b': the class '100' is the number that is written '1e2' before"),
        (
            ("1", "-1", "\N{MINUS SIGN}1"),
            "line 4, column 'b': the class '\N{MINUS SIGN}1' is the number that is written '-1'",
        ),
        (("+1", "1", "2"), "line 3, column 'b': the class '1' is the number that is written '+1' before"),
    ],
)
def test_one_number_written_in_two_ways_is_not_two_classes(tmp_path, cells, told):
    path = write(tmp_path, "a,b\n" + "".join(f"{k},{cell}\n" for k, cell in enumerate(cells)))
    with pytest.raises(DataError, match=re.escape(told)):
        read_csv(path, target="classes")


def test_classes_with_decimal_commas(tmp_path):
    path = write(tmp_path, "a;b\n0,5;1,0\n1,5;2,0\n2;1\n")
    with (
        pytest.warns(UserWarning, match="decimals"),
        pytest.raises(DataError, match=r"'1' is the number .* '1,0' before"),
    ):
        read_csv(path, target="classes")
    for cells in (["1", "1a", "1b"], ["2.5", "3", "3"], ["-", "+", "-"]):
        path = write(tmp_path, "a,b\n" + "".join(f"{k},{cell}\n" for k, cell in enumerate(cells)))
        assert read_csv(path, target="classes").class_names == tuple(sorted(set(cells)))


def test_a_gap_may_be_the_name_of_a_class(tmp_path):
    path = write(tmp_path, "x,continent\n1,NA\n2,EU\n")
    assert read_csv(path, target="classes").class_names == ("EU", "NA")


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
