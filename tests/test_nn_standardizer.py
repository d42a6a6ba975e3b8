"""Standardised columns against the statistics module, and what is refused."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import DataError, ModelFileError
from nn.data import Standardizer

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
    huge = [[0.0, 1.7e308], [0.0, 1.7e308], [0.0, -1e308]]
    with pytest.raises(DataError, match=r"^column 2: the numbers are too large"):
        Standardizer.fit(huge)
    with pytest.raises(DataError, match=r"^houses\.csv, column 'price': the numbers are too large"):
        Standardizer.fit(huge, ["houses.csv, column 'rooms'", "houses.csv, column 'price'"])
    with pytest.raises(DataError, match="at least one row"):
        Standardizer.fit([])
    for bad in (math.nan, math.inf):
        with pytest.raises(DataError, match="column 1: expected finite numbers"):
            Standardizer.fit([[bad], [1.0]])


def test_standardizer_refuses_rows_of_another_length():
    standardizer = Standardizer.fit([[1.0, 2.0], [3.0, 4.0]])
    for job in (standardizer.transform, standardizer.inverse, Standardizer.fit):
        with pytest.raises(DataError, match=r"expected 2 number\(s\) in row 1, got 1"):
            job([[1.0, 2.0], [3.0]])


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
