"""The float functions are total, follow IEEE 754 at the special values, and are accurate."""

from __future__ import annotations

import inspect
import itertools
import math
from math import inf, nan

import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from autodiff import numerics

SPECIAL = [0.0, -0.0, 5e-324, -5e-324, 2.2e-308, 1e-20, -1e-20, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 709.0]
SPECIAL += [710.0, -745.0, -746.0, 1e16, -1e16, 1e200, -1e200, 1.7976931348623157e308, -1.7976931348623157e308]
SPECIAL += [inf, -inf, nan, 1 / 3, math.nextafter(1.0, 0.0), math.nextafter(1.0, 2.0), math.nextafter(-1.0, -2.0)]

FUNCTIONS = {
    name: f for name, f in vars(numerics).items() if inspect.isfunction(f) and f.__module__ == numerics.__name__
}
SEQUENCES = {"total", "dot", "mean", "peak", "logsumexp"}
SCALARS = {name: f for name, f in FUNCTIONS.items() if name not in SEQUENCES and not name.startswith("_")}


def same(a: float, b: float) -> bool:
    """Equal bit for bit, all nans alike."""
    return (a != a and b != b) or (a == b and math.copysign(1.0, a) == math.copysign(1.0, b))


@pytest.mark.parametrize("name", SCALARS)
def test_a_function_of_numbers_gives_a_float_for_every_float(name):
    f = SCALARS[name]
    arity = len(inspect.signature(f).parameters)
    for point in itertools.product(SPECIAL, repeat=arity):
        assert type(f(*point)) is float, point
        if all(x != x for x in point):
            assert math.isnan(f(*point)), "nan for nan"


@pytest.mark.parametrize("name", sorted(SEQUENCES - {"dot"}))
@given(xs=st.lists(st.one_of(st.sampled_from(SPECIAL), st.floats()), max_size=5))
def test_a_function_of_a_sequence_gives_a_float_for_every_sequence(name, xs):
    y = FUNCTIONS[name](xs)
    assert type(y) is float
    if any(x != x for x in xs):
        assert math.isnan(y)


@given(pairs=st.lists(st.tuples(st.floats(), st.floats()), max_size=5))
def test_dot_gives_a_float_for_every_pair_of_sequences(pairs):
    y = numerics.dot([x for x, _ in pairs], [z for _, z in pairs])
    assert type(y) is float
    if any(x != x or z != z for x, z in pairs):
        assert math.isnan(y)


@pytest.mark.parametrize(
    ("a", "b", "y"),
    [
        (1.0, 0.0, inf),
        (1.0, -0.0, -inf),
        (-1.0, 0.0, -inf),
        (-1.0, -0.0, inf),
        (0.0, 0.0, nan),
        (nan, 0.0, nan),
        (inf, 0.0, inf),
        (-inf, 0.0, -inf),
        (0.0, -1.0, -0.0),
        (1.0, 4.0, 0.25),
    ],
)
def test_divide(a, b, y):
    assert same(numerics.divide(a, b), y)


@pytest.mark.parametrize(
    ("a", "b", "y"),
    [
        (0.0, -1.0, inf),
        (-0.0, -1.0, -inf),
        (-0.0, -2.0, inf),
        (-0.0, -0.5, inf),
        (-8.0, 1 / 3, nan),
        (-10.0, 309.0, -inf),
        (-10.0, 400.0, inf),
        (10.0, 309.0, inf),
        (nan, 0.0, 1.0),
        (-2.0, 3.0, -8.0),
        (-0.0, 3.0, -0.0),
        (-1e200, 3.0, -inf),
        (-1e200, 1e300, inf),
        (-2.0, inf, inf),
        (-inf, -3.0, -0.0),
    ],
)
def test_power(a, b, y):
    assert same(numerics.power(a, b), y)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (5e-309, -1e-10),  # a**b / a overflows, b times it does not
        (10.0, -307.3),  # a**b / a is subnormal
        (1e-300, 0.1),
        (1e10, -29.3),
        (1e100, -2.95),  # a**b is below 1e-290, yet normal
        (1e60, -4.9),
        (1e100, 0.3),
        (1.0000001, 1e9),
        (3.0, 1e-18),
        (0.5, -1022.0),
        (1e-5, 60.1),
    ],
)
def test_power_slope_is_accurate_at_every_scale(a, b):
    assert reference.error_in_ulp(numerics.power_slope(a, b), reference.value("power_slope", a, b)) <= 2.5


@pytest.mark.parametrize("b", [1e-20, -1e-20, 1e-17, 0.5, -0.5, 1 / 3, 2.5])
def test_power_slope_is_nan_outside_the_domain(b):
    assert math.isnan(numerics.power(-2.0, b))
    assert math.isnan(numerics.power_slope(-2.0, b))


def test_sums_are_rounded_once():
    assert numerics.total([1e16, 1.0, -1e16]) == 1.0
    assert numerics.dot([1e16, 1.0, -1e16], [1.0, 1.0, 1.0]) == 1.0
    assert numerics.total([0.1] * 10) == 1.0
    assert numerics.mean([0.1] * 10) == 0.1


def test_sums_with_infinities():
    assert numerics.total([inf, 1.0]) == inf
    assert math.isnan(numerics.total([inf, -inf]))
    assert numerics.total([1e308, 1e308]) == inf
    assert numerics.dot([1e200, 1.0], [1e200, 1.0]) == inf
    assert math.isnan(numerics.dot([inf, 1.0], [0.0, 1.0]))


def test_empty_sequences():
    assert same(numerics.total([]), 0.0)
    assert same(numerics.dot([], []), 0.0)
    assert math.isnan(numerics.mean([]))
    assert numerics.peak([]) == -inf
    assert numerics.logsumexp([]) == -inf


def test_logsumexp_at_the_extremes():
    assert numerics.logsumexp([1000.0, 1000.0]) == 1000.0 + math.log(2.0)
    assert numerics.logsumexp([-1000.0, -1000.0]) == -1000.0 + math.log(2.0)
    assert numerics.logsumexp([0.0, -50.0]) == math.exp(-50.0), "the small tail is not lost"
    assert numerics.logsumexp([-inf, 3.0]) == 3.0
    assert numerics.logsumexp([-inf, -inf]) == -inf
    assert numerics.logsumexp([inf, 3.0]) == inf


def test_small_and_large_arguments_do_not_cancel():
    assert numerics.softplus(-50.0) == math.exp(-50.0)
    assert numerics.softplus(1e300) == 1e300
    assert numerics.sigmoid(-745.0) == math.exp(-745.0)
    assert numerics.sech2(40.0) == pytest.approx(4.0 * math.exp(-80.0), rel=1e-15)
    assert numerics.log1p(1e-20) == 1e-20
    assert numerics.expm1(1e-20) == 1e-20
