"""The float functions are total, follow IEEE 754 at the special values, and are accurate."""

from __future__ import annotations

import inspect
import itertools
import math
from math import inf, nan
from random import Random

import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from reference import mp

from autodiff import numerics
from autodiff.ops import special

SPECIAL = [0.0, -0.0, 5e-324, -5e-324, 2.2e-308, 1e-20, -1e-20, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 709.0]
SPECIAL += [710.0, -745.0, -746.0, 1e16, -1e16, 1e200, -1e200, 1.7976931348623157e308, -1.7976931348623157e308]
SPECIAL += [inf, -inf, nan, 1 / 3, math.nextafter(1.0, 0.0), math.nextafter(1.0, 2.0), math.nextafter(-1.0, -2.0)]

FUNCTIONS = {
    name: f
    for module in (numerics, special)
    for name, f in vars(module).items()
    if inspect.isfunction(f) and f.__module__ == module.__name__
}
SEQUENCES = {"total", "dot", "mean", "peak", "logsumexp", "product"}
TRIPLES = {"clip", "where"}
COMPARISONS = {"exceeds", "reaches"}  # 0 for nan, as Python's are False
SCALARS = {name: f for name, f in FUNCTIONS.items() if name not in SEQUENCES | TRIPLES and not name.startswith("_")}


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
            assert math.isnan(f(*point)) or name in COMPARISONS, "nan for nan"


@pytest.mark.parametrize("name", sorted(SEQUENCES - {"dot"}))
@given(xs=st.lists(st.one_of(st.sampled_from(SPECIAL), st.floats()), max_size=5))
def test_a_function_of_a_sequence_gives_a_float_for_every_sequence(name, xs):
    y = FUNCTIONS[name](xs)
    assert type(y) is float
    if any(x != x for x in xs):
        assert math.isnan(y)


@pytest.mark.parametrize("name", sorted(TRIPLES))
def test_a_function_of_three_numbers_gives_a_float_for_every_three(name):
    for point in itertools.product(SPECIAL, repeat=3):
        assert type(FUNCTIONS[name](point)) is float, point
    assert math.isnan(FUNCTIONS[name]((nan, 1.0, 2.0)))


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
        (0.5, -2001.0, inf),
        (-0.5, -2001.0, -inf),
        (-0.5, -2000.0, inf),
    ],
)
def test_power(a, b, y):
    assert same(numerics.power(a, b), y)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (5e-309, -1e-10),  # a**b / a overflows, b times it does not
        (10.0, -307.3),  # a**b / a is subnormal
        (10.0, -320.3),
        (-10.0, -320.0),
        (-10.0, -321.0),
        (4.04, -511.3),  # a**b is subnormal, and b - 1 is rounded
        (1.0 + 2.0**-52, -3.25e18),
        (-1.0 - 2.0**-52, -3.25e18),
        (1e-300, 0.1),
        (1e10, -29.3),
        (1e100, -2.95),  # a**b is below 1e-290, yet normal
        (1e60, -4.9),
        (1e100, 0.3),
        (1.0000001, 1e9),
        (3.0, 1e-18),
        (0.5, -1022.0),
        (1e-5, 60.1),
        (0.9999999999999971, -2.1337274230154845e17),  # b - 1 is b: 20 ulp by the plain formula
        (1.0000000000000004, 2.0**53 + 2.0),
        (1.0043427757439318, -164694.0),  # a**(b - 1) is subnormal
        (5.4356824666106835, -428.7774854373319),  # so is a**b, and b - 1 is rounded
        (8.479932888129231e-211, -0.46758656492250683),  # a**(b - 1) overflows, b times it does not
        (-1.0043427757439318, -164694.0),
        (-1.0043427757439318, -164693.0),
    ],
)
def test_power_slope_is_accurate_at_every_scale(a, b):
    assert reference.error_in_ulp(numerics.power_slope(a, b), reference.value("power_slope", a, b)) <= 2.5


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (0.9567016400520831, -16094.78548635481),  # a**b overflows, log(a) times it does not
        (2.3107838229184012e269, -1.191051668443466),  # a**b is subnormal
        (2.0, 1023.7),
        (1e-10, -30.7),
        (0.3, 2.0),
    ],
)
def test_power_log_is_accurate_at_every_scale(a, b):
    assert reference.error_in_ulp(numerics.power_log(a, b), reference.value("power_log", a, b)) <= 2.5


def test_powers_of_zero_and_infinity_and_their_slopes():
    assert numerics.power_slope(0.0, 1.0) == 1.0
    assert numerics.power_slope(0.0, 2.5) == 0.0
    assert numerics.power_slope(inf, 2.0) == numerics.power_slope(inf, 1e17) == inf
    assert numerics.power_slope(inf, -1.3) == 0.0
    assert numerics.power_slope(2.0, inf) == inf
    assert numerics.power_log(2.0, inf) == inf
    assert numerics.power_log(inf, 1.5) == inf
    assert numerics.power_log(1.0, 1e300) == 0.0


@pytest.mark.parametrize(
    ("f", "a", "b", "y"),
    [
        (numerics.maximum, 0.0, -0.0, 0.0),
        (numerics.maximum, -0.0, 0.0, 0.0),
        (numerics.maximum, -0.0, -0.0, -0.0),
        (numerics.minimum, 0.0, -0.0, -0.0),
        (numerics.minimum, -0.0, 0.0, -0.0),
        (numerics.minimum, 0.0, 0.0, 0.0),
    ],
)
def test_of_two_zeros_the_positive_one_is_the_larger(f, a, b, y):
    assert same(f(a, b), y)


def test_ordinary_powers_are_not_taken_by_their_roots():
    """Which would cost another ulp or two, and the exactness of powers of 2."""
    assert numerics.power_slope(0.5, 26.0) == 26.0 * 2.0**-25
    assert numerics.power_slope(0.5, -25.0) == -25.0 * 2.0**26
    assert (
        reference.error_in_ulp(numerics.power_slope(13.88, -15.6), reference.value("power_slope", 13.88, -15.6)) < 1.5
    )


@pytest.mark.parametrize(("a", "b"), [(1.0 + 2.0**-52, 3.25e18), (1.0 + 2.0**-52, -3.25e18), (10.0, -320.3)])
def test_power_log_is_accurate_where_the_power_alone_leaves_the_range(a, b):
    assert reference.error_in_ulp(numerics.power_log(a, b), reference.value("power_log", a, b)) <= 2.5


def test_power_log_of_an_infinity():
    assert numerics.power_log(inf, 1.0) == inf
    assert math.isnan(numerics.power_log(inf, -1.0)), "inf * 0"
    assert math.isnan(numerics.power_log(inf, -5e-324)), "and inf * 0 too, though the root of the power is 1"


@pytest.mark.parametrize("x", [-34.99, -35.01, -36.0, -38.4])
def test_the_asymptotic_series_is_exact_where_it_is_used(x):
    true = -mp.mpf(x) * reference._below(mp.mpf(x)) / reference._normal(mp.mpf(x))
    assert reference.error_in_ulp(special._mills(x), true) <= 1.0


@pytest.mark.parametrize(("a", "b"), [(3.203303894573723e-15, -32.17062084635231), (3.25e-15, -32.157)])
def test_logaddexp_carries_the_residual_of_the_difference(a, b):
    """Where the larger number is no larger than the exponential of the other, the residual counts for 20 ulp."""
    assert reference.error_in_ulp(special.logaddexp(a, b), reference.value("logaddexp", a, b)) <= 2.0


def test_an_ordinary_argument_is_given_to_one_exponential():
    """Two halves, as far out, would cost another ulp or two."""
    for x in (-455.444, -681.512):
        assert reference.error_in_ulp(special.elu_slope(x, 1.0), reference.value("elu_slope", x, 1.0)) <= 1.2
    for x in (2.862, 31.502, 36.8156):
        assert reference.error_in_ulp(special.normal(x), reference.value("normal", x)) <= 2.5


def test_an_infinity_is_one_however_it_was_made():
    assert special.silu_slope(1e308 * 10.0) == 1.0
    assert same(special.silu(-1e308 * 10.0), -0.0)


@pytest.mark.parametrize("b", [1e-20, -1e-20, 1e-17, 0.5, -0.5, 1 / 3, 2.5])
def test_power_slope_is_nan_outside_the_domain(b):
    assert math.isnan(numerics.power(-2.0, b))
    assert math.isnan(numerics.power_slope(-2.0, b))


def test_sums_are_rounded_once():
    assert numerics.total([1e16, 1.0, -1e16]) == 1.0
    assert numerics.dot([1e16, 1.0, -1e16], [1.0, 1.0, 1.0]) == 1.0
    assert numerics.total([0.1] * 10) == 1.0
    assert numerics.mean([0.1] * 10) == 0.1


def test_a_sum_may_overflow_on_its_way():
    assert numerics.total([1e308, 1e308, -1e308, -1e308, 5e-324]) == 5e-324
    assert numerics.dot([1e308, 1e308, -1e308], [1.0, 1.0, 1.5]) == 5e307
    assert numerics.total([-1e308, -1e308, 1e307]) == -inf
    assert numerics.total([1e308, 1e308, -inf]) == -inf


def test_sums_with_infinities():
    assert numerics.total([inf, 1.0]) == inf
    assert math.isnan(numerics.total([inf, -inf]))
    assert numerics.total([1e308, 1e308]) == inf
    assert numerics.dot([1e200, 1.0], [1e200, 1.0]) == inf
    assert math.isnan(numerics.dot([inf, 1.0], [0.0, 1.0]))


def test_a_mean_whose_sum_overflows():
    assert numerics.mean([1e308, 1e308]) == 1e308
    assert numerics.mean([-1.5e308, -1.5e308, 6e307]) == -8e307
    assert numerics.mean([inf, 1.0]) == inf


def test_the_peak_of_anything_with_nan_is_nan():
    for xs in ([nan, 1.0], [1.0, nan], [inf, nan], [nan, -inf, nan]):
        assert math.isnan(numerics.peak(xs))


def test_empty_sequences():
    assert same(numerics.total([]), 0.0)
    assert same(numerics.dot([], []), 0.0)
    assert math.isnan(numerics.mean([]))
    assert numerics.peak([]) == -inf
    assert same(special.product([]), 1.0)
    assert numerics.logsumexp([]) == -inf


def test_exponentials_of_differences():
    for x in (inf, -inf, 0.0, 1e308):
        assert special.exp_excess(x, x) == 1.0
    for a, b, expected in (
        (1e308, -1e308, inf),
        (-1e308, 1e308, 0.0),
        (3.0, inf, 0.0),
        (-inf, 3.0, 0.0),
        (0.0, -inf, inf),
    ):
        assert special.exp_excess(a, b) == expected
    assert math.isnan(special.exp_excess(nan, 1.0))
    assert math.isnan(special.exp_excess(1.0, nan))
    random = Random(3)
    for _ in range(300):
        a, b = random.uniform(-400.0, 300.0), random.uniform(-1.0, 1.0)
        assert reference.error_in_ulp(special.exp_excess(a, b), mp.exp(mp.mpf(a) - mp.mpf(b))) <= 2.0


def test_parts_of_sums():
    assert special.part(1.0, 3.0) == 0.25
    assert special.part(1e308, 1e308) == special.part(5e-324, 5e-324) == 0.5, "the sum may overflow"
    assert special.part(1e308, 1.5e308) == 0.4
    assert special.part(0.0, 5.0) == special.part(3.0, inf) == 0.0
    assert special.part(5.0, 0.0) == 1.0
    assert special.part(1e-320, 1.0) == 1e-320
    assert math.isnan(special.part(0.0, 0.0))


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


@pytest.mark.parametrize(
    ("f", "x", "y"),
    [
        (numerics.tan, inf, nan),
        (numerics.asin, 1.5, nan),
        (numerics.acos, -1.5, nan),
        (numerics.sinh, -711.0, -inf),
        (numerics.cosh, -711.0, inf),
        (numerics.acosh, 0.5, nan),
        (numerics.atanh, 1.0, inf),
        (numerics.atanh, -1.0, -inf),
        (numerics.atanh, 1.5, nan),
        (numerics.log2, 0.0, -inf),
        (numerics.log2, -1.0, nan),
        (numerics.log2, 2.0**-1074, -1074.0),
        (numerics.log10, -0.0, -inf),
        (numerics.log10, -1.0, nan),
        (numerics.log10, 1000.0, 3.0),
        (numerics.exp2, 1024.0, inf),
        (numerics.exp2, -1074.0, 5e-324),
        (numerics.exp2, -inf, 0.0),
        (special.cbrt, -27.0, -3.0),
        (special.cbrt, 1e300, 1e100),
        (special.cbrt, -0.0, -0.0),
        (special.cbrt, -inf, -inf),
        (special.gelu, inf, inf),
        (special.gelu, -inf, -0.0),
        (special.gelu, 1e300, 1e300),
        (special.gelu_slope, inf, 1.0),
        (special.gelu_slope, -inf, -0.0),
        (special.silu, inf, inf),
        (special.silu, -inf, -0.0),
        (special.silu_slope, inf, 1.0),
        (special.silu_slope, -inf, -0.0),
        (special.erf_slope, 1e308, 0.0),
        (special.normal, -inf, 0.0),
        (special.log_sigmoid, -1e300, -1e300),
        (special.log_sigmoid, inf, -0.0),
    ],
)
def test_a_special_value(f, x, y):
    assert same(f(x), y)


@pytest.mark.parametrize(
    ("f", "a", "b", "y"),
    [
        (special.direction, 0.0, 0.0, 0.0),
        (special.direction, -inf, 1.0, -1.0),
        (special.direction, -1.0, inf, -0.0),
        (special.direction, inf, inf, nan),
        (special.direction, 3e-320, 4e-320, 0.6),
        (special.direction, nan, inf, nan),
        (special.direction, -inf, nan, nan),
        (special.direction, 2.0, 0.0, 1.0),
        (special.direction, -0.0, 2.0, -0.0),
        (special.direction, -0.0, -2.0, -0.0),
        (special.turn, nan, inf, nan),
        (special.turn, inf, inf, 0.0),
        (special.turn, -inf, -inf, -0.0),
        (special.turn, -inf, 2.0, 0.0),
        (special.turn, 1.0, inf, 0.0),
        (special.turn, 1.0, -inf, -0.0),
        (special.turn, -2.0, 0.0, 0.0),
        (special.turn, 0.0, -2.0, -0.5),
        (special.turn, -inf, nan, nan),
        (special.turn, 0.0, -0.0, nan),
        (special.turn, inf, -2.0, -0.0),
        (special.turn, 1e200, 1e200, 5e-201),
        (special.turn, 0.0, 5e-324, inf),
        (special.leak, nan, 2.0, nan),
        (special.leaky_relu, -0.0, 0.5, -0.0),
        (special.leaky_relu, 0.0, -0.5, -0.0),
        (special.elu, 0.0, -0.5, -0.0),
        (special.elu, -inf, 2.0, -2.0),
        (special.logaddexp, -inf, -inf, -inf),
        (special.logaddexp, inf, inf, inf),
        (special.logaddexp, inf, -inf, inf),
        (special.logaddexp, 1e308, -1e308, 1e308),
        (special.logaddexp, nan, inf, nan),
        (special.odds_share, inf, inf, 0.5),
        (special.odds_share, -inf, inf, 0.0),
        (special.odds_share, 1e308, -1e308, 1.0),
        (numerics.damp, 2.0, -3.0, -6.0),
        (numerics.damp, 0.0, -3.0, -0.0),
        (numerics.damp, -2.0, inf, -inf),
        (numerics.damp, 0.0, inf, 0.0),
        (numerics.damp, -0.0, -inf, 0.0),
        (numerics.damp, inf, 0.0, nan),
        (numerics.damp, -inf, 0.0, nan),
        (numerics.damp, 0.0, nan, nan),
        (numerics.damp, nan, 0.0, nan),
        (numerics.damp, nan, inf, nan),
        (numerics.above, 1.0, 1.0, 0.0),
        (numerics.above, inf, nan, nan),
    ],
)
def test_a_special_value_of_two(f, a, b, y):
    assert f(a, b) == pytest.approx(y, rel=2e-16, nan_ok=True) if y not in (0.0, inf) else same(f(a, b), y)


def test_cbrt_is_rounded_all_but_correctly():
    """The Newton step leaves an error of far less than the last rounding, whatever the power before it was off by."""
    for k in range(-400, 400):
        x = (1.0 + (k * 0.6180339887498949) % 1.0) * 2.0 ** (k * 2.5)
        assert reference.error_in_ulp(special.cbrt(x), reference.value("cbrt", x)) <= 0.5001, x


def test_products_neither_overflow_nor_underflow_on_their_way():
    assert special.product([1e200, 1e200, 1e-300]) == pytest.approx(1e100, rel=2e-16)
    assert special.product([1e-200, -1e-200, 1e300]) == pytest.approx(-1e-100, rel=2e-16)
    assert same(special.product([1e200, 1e200, -0.0]), -0.0)
    assert special.product([1e200, -1e200]) == -inf
    assert special.product([inf, 1e-300, 1e-300]) == inf
    assert math.isnan(special.product([inf, 0.0]))
    assert special.product([-1e-200, -1e-200, inf]) == inf
    assert same(special.product([1.0] * 1100 + [0.0]), 0.0)
    factors = [1.0 + k / 1000.0 for k in range(-400, 600)]
    assert reference.error_in_ulp(special.product(factors), reference.value("prod", factors)) <= 1.0


@pytest.mark.parametrize(
    ("f", "name", "x"),
    [
        (special.gelu, "gelu", -36.99),
        (special.gelu, "gelu", -38.3),
        (special.gelu, "gelu", -34.99),
        (special.gelu, "gelu", -12.3),
        (special.gelu_slope, "gelu_slope", -35.01),
        (special.gelu_slope, "gelu_slope", -37.8),
        (special.gelu_slope, "gelu_slope", -38.3),
        (special.gelu_slope, "gelu_slope", -38.6),
        (special.silu, "silu", -743.2),
        (special.silu_slope, "silu_slope", -745.9),
        (special.erf_slope, "erf_slope", 26.1),
        (special.normal, "normal", 38.1),
        (special.cbrt, "cbrt", -3e-322),
    ],
)
def test_far_out_where_factors_are_subnormal(f, name, x):
    assert reference.error_in_ulp(f(x), reference.value(name, x)) <= 4.0
