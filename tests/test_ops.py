"""The calculus against the reference: every value, every partial, every kink, and second derivatives."""

from __future__ import annotations

import math
import zlib
from random import Random

import edge_cases
import pytest
import reference
import strategies
from hypothesis import assume, given
from hypothesis import strategies as st
from reference import UNIT, error_in_ulp, mp, mpf
from test_numerics import SPECIAL, same

import autodiff
from autodiff import Value, grad_graph
from autodiff.derivatives import adjoints
from autodiff.operation import OPERATIONS, Nary

ALL = [pytest.param(op, id=name) for name, op in OPERATIONS.items()]
SCALAR = [pytest.param(op, id=name) for name, op in OPERATIONS.items() if op.arity]
SMALLEST_NORMAL = 2.0**-1022

# In ulp, where the bar is not 4. Derivatives of the derivatives are products of three rounded factors.
BARS = {"sech2": 6.0, "power_slope": 6.0, "power_log": 6.0, "odds_share": 6.0, "turn": 6.0, "direction": 6.0}

# Derivatives, and derivatives of derivatives, whose intermediates are subnormal or overflow where the result may not.
CHECKED_WHERE_NORMAL = {"div", "pow", "power_slope", "power_log", "sech2", "sigmoid", "sqrt", "part"}
CHECKED_WHERE_NORMAL |= {"silu_slope", "gelu_slope", "normal", "erf_slope", "odds_share", "turn", "direction"}

MODERATE = {"pow", "power_slope", "power_log"}

MODES = ["backward", "adjoints", "grad_graph"]


def gradient(mode: str, y: Value, wrt: list[Value]) -> list[float]:
    """The gradient in one of the three ways in which the engine computes it."""
    if mode == "backward":
        y.backward()
        return [x.grad for x in wrt]
    if mode == "adjoints":
        found = adjoints(y)
        return [found.get(x, 0.0) for x in wrt]
    return [g.data for g in grad_graph(y, wrt)]


def flat(operands):
    """The numbers in operands that are numbers or lists of numbers."""
    return [x for group in operands for x in (group if isinstance(group, list) else [group])]


def partials(op, operands):
    """The engine's partials on floats, 0 in place of None."""
    numbers = flat(operands)
    found = op.partials(op.value(*operands), numbers, [True] * len(numbers))
    return [0.0 if p is None else p for p in found]


def moderate_point(op, random):
    """Operands of ordinary size, off the ends of the domain."""
    return [
        random.uniform(low + 0.2 if low > -math.inf else -3.0, high - 0.2 if high < math.inf else 3.0)
        for low, high in op.domain
    ]


def representable(*numbers) -> bool:
    """Whether exact numbers are 0 or normal floats: next to the ends of the range every intermediate is rounded."""
    return all(x == 0 or SMALLEST_NORMAL * 2**60 < abs(x) < mpf(2) ** 1000 for x in numbers)


def amplification(name, operands):
    """By how much a rounding inside the formula counts in the result: 1 but where the mathematics cancels."""
    if name == "logsumexp":
        return (max(map(abs, operands[0])) + math.log(len(operands[0]))) / max(
            abs(reference.value(name, *operands)), 1e-30
        )
    if name == "dot":
        xs, ys = map(reference.exact, operands)
        return mp.fsum(abs(x * y) for x, y in zip(xs, ys)) / max(abs(reference.value(name, *operands)), mpf(10) ** -320)
    return reference.VALUE_CONDITIONS[name](*map(mpf, operands)) if name in reference.VALUE_CONDITIONS else 1


@pytest.mark.parametrize("op", ALL)
@given(data=st.data())
def test_values_are_within_4_ulp(op, data):
    operands = data.draw(strategies.operands(op))
    y, true = op.value(*operands), reference.value(op.name, *operands)
    if op.name in ("power_slope", "power_log", "sech2", "dot", "mean"):
        assume(
            representable(true, *(x * z for x, z in zip(*map(reference.exact, operands))) if op.name == "dot" else ())
        )
    assert reference.error_in_ulp(y, true) <= 4.0 * max(1, amplification(op.name, operands))


def cancellation(name, k, operands):
    """The same for a partial, where terms of either sign are added; for those of pow, b - 1 is rounded besides."""
    if (name, k) in reference.PARTIAL_CONDITIONS:
        return reference.PARTIAL_CONDITIONS[name, k](*map(mpf, operands))
    if name not in ("power_slope", "power_log"):
        return 1
    a, b = map(mpf, operands)
    term = b * mp.log(a)
    rounded = 1 + abs(mp.log(a)) * (1 + abs(b))  # the error of b - 1 is multiplied by log(a)
    summed = (1 + abs(term)) / max(abs(1 + term), mpf(10) ** -40)
    return rounded * (summed if k == ("power_log", "power_slope").index(name) else 1)


@pytest.mark.parametrize("op", ALL)
@given(data=st.data())
def test_partials_are_within_4_ulp_or_the_documented_bar(op, data):
    operands = data.draw(strategies.operands(op, huge=op.name not in MODERATE - {"pow"}))
    true = reference.partials(op.name, *operands)
    y = reference.value(op.name, *operands)
    for k, (p, t) in enumerate(zip(partials(op, operands), true, strict=True)):
        if op.name in CHECKED_WHERE_NORMAL:
            assume(representable(y, t))
        if (op.name, k) == ("power_slope", 0) and operands[1] != 0.0:
            assume(representable(t / mpf(operands[1])))  # its rule multiplies by the exponent last
        bar = BARS.get(op.name, 4.0) * cancellation(op.name, k, operands)
        assert reference.error_in_ulp(p, t) <= bar, (k, p, t)


@pytest.mark.parametrize(("name", "k", "bar"), edge_cases.ACCURACY)
def test_the_agreed_accuracy_of_derivatives(name, k, bar):
    """A few thousand points over the orders of magnitude, where the plain formulas fail."""
    op = OPERATIONS[name]
    random = Random(zlib.crc32(name.encode()))
    worst, at = 0.0, None
    for _ in range(1500):
        point = []
        for low, high in op.domain:
            x = random.choice([random.uniform(-40.0, 40.0), random.choice([1, -1]) * 2.0 ** random.uniform(-60, 9)])
            if high == 1.0:
                x = random.choice([1, -1]) * (1.0 - 2.0 ** random.uniform(-53, 0))
            point.append(abs(x) if low == 0.0 else low + abs(x) if low == 1.0 else x)
        if op.singular and op.singular(*point) == 0.0:
            continue
        true = reference.partials(name, *point)[k]
        if representable(true, reference.value(name, *point)):
            error = reference.error_in_ulp(partials(op, point)[k], true)
            worst, at = max((worst, at), (error, point))
    assert worst <= bar, at


@pytest.mark.parametrize("y", [2.2250738585e-313, -5e-324, 1e-3])
def test_the_angle_bends_nowhere_on_the_axis(y):
    """d2 atan2(y, x) / dy2 = -2 x y / (x**2 + y**2)**2 is 0 for x = 0, however near the origin."""
    assert partials(OPERATIONS["turn"], [y, 0.0])[0] == 0.0
    assert autodiff.derivative(lambda t: autodiff.atan2(t, 0.0), 2)(y) == 0.0


def test_the_derivative_of_exp2_overflows_no_earlier_than_it_has_to():
    for x in (1023.99, 1024.0, 1024.25, 1024.5, 1024.5287, -1022.5, -1074.0):
        assert reference.error_in_ulp(partials(autodiff.exp2, [x])[0], reference.partials("exp2", x)[0]) <= 4.0
    assert partials(autodiff.exp2, [1024.53])[0] == math.inf


def test_derivatives_where_the_plain_formulas_fail():
    assert partials(autodiff.sigmoid, [40.0])[0] == pytest.approx(4.248354255291589e-18, rel=1e-15)
    assert partials(autodiff.tanh, [30.0])[0] == pytest.approx(4.0 * math.exp(-60.0), rel=1e-15)
    assert partials(autodiff.div, [1e-300, 1e-160])[1] == pytest.approx(-1e20, rel=1e-15)
    assert partials(autodiff.expm1, [-40.0])[0] == math.exp(-40.0)
    assert partials(autodiff.softplus, [-700.0])[0] == pytest.approx(math.exp(-700.0), rel=1e-15)


@pytest.mark.parametrize("op", ALL)
@given(data=st.data())
def test_partials_on_nodes_equal_partials_on_floats_bit_for_bit(op, data):
    if isinstance(op, Nary):
        size = strategies.SIZES.get(op.name) or data.draw(st.integers(1, 4))
        number = st.one_of(st.sampled_from(SPECIAL), st.floats(-8.0, 8.0))
        operands = [data.draw(st.lists(number, min_size=size, max_size=size)) for _ in range(op.groups)]
    else:
        number = st.one_of(st.sampled_from(SPECIAL), st.floats(), strategies.scaled())
        operands = [data.draw(number) for _ in range(op.arity)]
    nodes = [[Value(x) for x in g] if isinstance(g, list) else Value(g) for g in operands]
    y = op(*nodes)
    assert same(y.data, op.value(*operands))
    leaves = flat(nodes)
    on_floats = partials(op, operands)
    built = grad_graph(y, leaves)
    swept = adjoints(y)
    y.backward()
    for leaf, g, p in zip(leaves, built, on_floats, strict=True):
        assert same(g.data, p)
        assert same(swept.get(leaf, 0.0), p)
        assert same(leaf.grad + 0.0, p + 0.0)  # a sum that starts at 0.0 does not keep the sign of -0.0


@pytest.mark.parametrize("constant", [0, 1])
@pytest.mark.parametrize("op", [p for p in SCALAR if p.values[0].arity == 2])
@given(data=st.data())
def test_a_constant_operand_changes_no_partial(op, constant, data):
    number = st.one_of(st.sampled_from(SPECIAL), st.floats(), strategies.scaled())
    operands = [data.draw(number), data.draw(number)]
    x = Value(operands[1 - constant])
    y = op(operands[0], x) if constant == 0 else op(x, operands[1])
    expected = partials(op, operands)[1 - constant]
    assert same(grad_graph(y, x).data, expected)
    y.backward()
    assert same(x.grad + 0.0, expected + 0.0)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", edge_cases.CASES, ids=lambda c: c.name)
def test_edge_case(case, mode):
    leaves = [Value(x) for x in case.at]
    y = case.function(*leaves)
    assert same(y.data, case.value)
    for g, expected in zip(gradient(mode, y, leaves), case.partials, strict=True):
        assert expected is None or same(g, expected)


@pytest.mark.parametrize(
    ("function", "at", "expected"), [pytest.param(*c[1:], id=c[0]) for c in edge_cases.SECOND_DERIVATIVES]
)
def test_second_derivative_at_a_kink(function, at, expected):
    x = Value(at)
    assert same(grad_graph(grad_graph(function(x), x), x).data, expected)


@pytest.mark.parametrize(("at", "expected"), edge_cases.SECOND_DERIVATIVES_OF_POWERS, ids=str)
def test_second_derivatives_of_powers_of_zero(at, expected):
    """In every mode; a direction that is 0 in one operand is not asked of an infinite entry: 0 * inf is nan."""
    xx, xy, yy = expected
    nodes = [Value(x) for x in at]
    twice = [[h.data for h in grad_graph(g, nodes)] for g in grad_graph(autodiff.pow(*nodes), nodes)]
    for found in (twice, autodiff.hessian(lambda v: v[0] ** v[1])(list(at))):
        assert all(map(same, (*found[0], *found[1]), (xx, xy, xy, yy))), found
    if all(map(math.isfinite, expected)):
        for k, row in enumerate(((xx, xy), (xy, yy))):
            (product,) = autodiff.hvp(lambda v: v[0] ** v[1], (list(at),), ([1.0 - k, float(k)],))
            assert all(map(same, product, row))


@pytest.mark.parametrize(("at", "expected"), edge_cases.SECOND_DERIVATIVES_OF_POWERS[:7], ids=str)
def test_second_derivatives_of_powers_of_zero_are_limits(at, expected):
    x, y = mpf(10) ** -(10**6), mpf(at[1])
    log = mp.log(x)
    limits = (y * (y - 1) * x ** (y - 2), x ** (y - 1) * (1 + y * log), x**y * log**2)
    for limit, agreed in zip(limits, expected, strict=True):
        if math.isinf(agreed):
            assert limit * agreed > 10**6
        else:
            assert abs(limit - agreed) < mpf(10) ** -1000


def test_a_damped_product():
    damp = OPERATIONS["damp"]
    assert [damp(0.0, math.inf), damp(-0.0, -math.inf), damp(2.0, -3.0)] == [0.0, 0.0, -6.0]
    assert damp(2.0, math.inf) == math.inf
    assert all(map(math.isnan, (damp(math.inf, 0.0), damp(0.0, math.nan), damp(math.nan, math.inf))))


@pytest.mark.parametrize("op", SCALAR)
def test_second_derivatives(op):
    random = Random(zlib.crc32(op.name.encode()))
    for _ in range(12):
        point = moderate_point(op, random)
        if op.singular and abs(op.singular(*point)) < 0.1:
            continue
        leaves = [Value(x) for x in point]
        first = grad_graph(op(*leaves), leaves)
        for j, g in enumerate(first):
            for k, second in enumerate(grad_graph(g, leaves)):
                order = [(i == j) + (i == k) for i in range(op.arity)]
                true = mp.diff(reference.VALUES[op.name], tuple(map(mpf, point)), tuple(order))
                assert abs(second.data - true) <= 1e-12 * (1.0 + abs(true)), (j, k, point)


@pytest.mark.parametrize("name", ["sum", "mean", "dot", "logsumexp", "prod"])
def test_second_derivatives_of_operations_on_sequences(name):
    op = OPERATIONS[name]
    random = Random(5)
    point = [random.uniform(-2.0, 2.0) for _ in range(4)]
    leaves = [Value(x) for x in point]

    def apply(f, xs):
        return f(xs[:2], xs[2:]) if op.groups == 2 else f(xs)

    first = grad_graph(apply(op, leaves), leaves)
    for j, g in enumerate(first):
        for k, second in enumerate(grad_graph(g, leaves)):
            order = tuple((i == j) + (i == k) for i in range(4))
            true = mp.diff(lambda *xs: apply(reference.VALUES[name], list(xs)), tuple(map(mpf, point)), order)
            assert abs(second.data - true) <= 1e-13


def test_third_derivative():
    x = Value(0.7)
    g = autodiff.tanh(x)
    for _ in range(3):
        g = grad_graph(g, x)
    assert g.data == pytest.approx(float(mp.diff(mp.tanh, mpf(0.7), 3)), rel=1e-13)


class TestSoftmax:
    @given(xs=st.lists(st.floats(-50.0, 50.0), min_size=1, max_size=6))
    def test_values_and_partials(self, xs):
        for k in range(len(xs)):
            nodes = [Value(x) for x in xs]
            p, row = reference.softmax_row(k, reference.exact(xs))
            y = autodiff.softmax(nodes)[k]
            assert abs(y.data - p) <= 8 * UNIT * p
            assert autodiff.softmax(xs)[k] == y.data
            y.backward()
            for x, t in zip(nodes, row):
                assert abs(x.grad - t) <= 10 * UNIT * abs(t)

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9, 40])
    def test_no_digit_is_lost_for_many_or_far_or_certain(self, size, mode):
        random = Random(size)
        for spread in (1.0, 40.0, 300.0):
            xs = [random.uniform(-spread, spread) for _ in range(size)]
            k = xs.index(max(xs))
            p, row = reference.softmax_row(k, reference.exact(xs))
            nodes = [Value(x) for x in xs]
            y = autodiff.softmax(nodes)[k]
            assert abs(y.data - p) <= 8 * UNIT * p
            for g, t in zip(gradient(mode, y, nodes), row, strict=True):
                assert abs(g - t) <= 16 * UNIT * abs(t), (k, xs)

    @pytest.mark.parametrize("size", [10, 100, 1000])
    def test_as_many_digits_as_it_says(self, size):
        random = Random(size)
        for spread in (1.0, 30.0):
            xs = [random.gauss(0.0, spread) for _ in range(size)]
            k = xs.index(max(xs))
            powers = [mp.exp(mpf(x) - mpf(xs[k])) for x in xs]
            whole = mp.fsum(powers)
            assert all(error_in_ulp(y, p / whole) <= 8.0 for y, p in zip(autodiff.softmax(xs), powers, strict=True))
            row = reference.softmax_row(k, reference.exact(xs))[1]
            nodes = [Value(x) for x in xs]
            autodiff.softmax(nodes)[k].backward()
            assert all(error_in_ulp(x.grad, t) <= 12.0 for x, t in zip(nodes, row, strict=True))

    def test_the_partial_of_a_probability_next_to_1(self):
        xs = [Value(-20.37), Value(-0.07)]
        autodiff.softmax(xs)[1].backward()
        true = mp.sech((mpf(-0.07) - mpf(-20.37)) / 2) ** 2 / 4
        assert [x.grad for x in xs] == pytest.approx([-float(true), float(true)], rel=1e-15)

    def test_nothing_overflows_and_the_sum_is_1(self):
        assert autodiff.softmax([1e308, 1e308]) == [0.5, 0.5]
        assert autodiff.softmax([1000.0, -1000.0]) == [1.0, 0.0]
        assert math.fsum(autodiff.softmax([0.1, 0.2, 0.3, -7.0])) == pytest.approx(1.0, rel=4 * UNIT)
        assert autodiff.softmax([]) == []

    def test_numbers_of_any_kind_and_mixtures(self):
        assert autodiff.softmax([1, True]) == [0.5, 0.5]
        first, second = autodiff.softmax([Value(1.0), 1])
        assert first.data == second.data == 0.5
        with pytest.raises(TypeError, match="str"):
            autodiff.softmax(["one"])

    def test_second_derivatives(self):
        point = (0.3, -1.2, 0.9)
        nodes = [Value(x) for x in point]
        for j, g in enumerate(grad_graph(autodiff.softmax(nodes)[1], nodes)):
            for k, second in enumerate(grad_graph(g, nodes)):
                order = tuple((i == j) + (i == k) for i in range(3))
                true = mp.diff(lambda *xs: mp.exp(xs[1]) / mp.fsum(map(mp.exp, xs)), point, order)
                assert abs(second.data - true) <= 1e-14


class TestLogSoftmax:
    @given(xs=st.lists(st.floats(-50.0, 50.0), min_size=1, max_size=6))
    def test_values_and_partials(self, xs):
        exact = reference.exact(xs)
        for k in range(len(xs)):
            nodes = [Value(x) for x in xs]
            p, _ = reference.softmax_row(k, exact)
            y = autodiff.log_softmax(nodes)[k]
            rounded = 8 + max(xs) - min(xs)  # exp turns the absolute error of a difference into a relative one
            assert abs(y.data - mp.log(p)) <= rounded * UNIT * abs(mp.log(p)) + mpf(2) ** -1074
            assert autodiff.log_softmax(xs)[k] == y.data
            y.backward()
            for j, x in enumerate(nodes):
                assert abs(x.grad - ((j == k) - reference.softmax_row(j, exact)[0])) <= 400 * UNIT

    def test_nothing_overflows_and_no_digit_is_lost_next_to_0(self):
        assert autodiff.log_softmax([1e308, 1e308]) == [-math.log(2.0)] * 2
        assert autodiff.log_softmax([50.0, 0.0]) == [-math.exp(-50.0), -50.0]
        assert autodiff.log_softmax([math.inf, 0.0]) == [0.0, -math.inf]
        assert autodiff.log_softmax([]) == []

    def test_numbers_of_any_kind_and_mixtures(self):
        first, second = autodiff.log_softmax([Value(1.0), 1])
        assert first.data == second.data == -math.log(2.0)
        with pytest.raises(TypeError, match="str"):
            autodiff.log_softmax(["one"])


class TestClipAndWhere:
    def test_which_operand_gets_the_gradient(self):
        for at, expected in (
            ((-1.0, 0.0, 2.0), [0.0, 1.0, 0.0]),
            ((0.0, 0.0, 2.0), [1.0, 0.0, 0.0]),
            ((2.0, 0.0, 2.0), [1.0, 0.0, 0.0]),
            ((3.0, 0.0, 2.0), [0.0, 0.0, 1.0]),
            ((1.0, 2.0, 0.0), [0.0, 0.0, 1.0]),
            ((-1.0, 2.0, 0.0), [0.0, 0.0, 1.0]),
        ):
            for mode in MODES:
                nodes = [Value(x) for x in at]
                y = autodiff.clip(*nodes)
                assert y.data == min(max(at[0], at[1]), at[2]) == autodiff.clip(*at)
                assert gradient(mode, y, nodes) == expected

    def test_infinite_bounds(self):
        x = Value(3.0)
        y = autodiff.clip(x, -math.inf, math.inf)
        y.backward()
        assert (y.data, x.grad) == (3.0, 1.0)

    @pytest.mark.parametrize("true", [True, 1, -0.5, math.inf])
    def test_conditions(self, true):
        for condition in (true, Value(true)):
            for mode in MODES:
                a, b = Value(2.0), Value(3.0)
                y = autodiff.where(condition, a, b)
                assert y.data == 2.0
                assert gradient(mode, y, [a, b]) == [1.0, 0.0]
        for condition in (False, 0, -0.0, Value(0.0)):
            for mode in MODES:
                a, b = Value(2.0), Value(3.0)
                y = autodiff.where(condition, a, b)
                assert y.data == 3.0
                assert gradient(mode, y, [a, b]) == [0.0, 1.0]

    def test_what_is_not_taken_may_be_anything(self):
        assert autodiff.where(True, 1.0, math.nan) == 1.0
        assert autodiff.where(False, math.inf, 1) == 1.0
        assert math.isnan(autodiff.where(math.nan, 1.0, 2.0))

    def test_a_condition_on_a_node_is_decided_anew_and_gets_no_gradient(self):
        c, a, b = Value(1.0), Value(2.0), Value(3.0)
        y = autodiff.where(c, a * a, b * b)
        g = grad_graph(y, [c, a, b])
        assert [x.data for x in g] == [0.0, 4.0, 0.0]
        c.data = 0.0
        assert y.refresh().data == 9.0
        assert [x.refresh().data for x in g] == [0.0, 0.0, 6.0]

    def test_a_comparison_of_numpy_scalars_is_a_condition(self):
        np = pytest.importorskip("numpy", reason="NumPy is not installed")
        assert autodiff.where(np.float64(1.0) > 0.0, 1.0, 2.0) == 1.0
        assert autodiff.where(np.float64(-1.0) > 0.0, 1.0, 2.0) == 2.0

    def test_anything_else_is_a_type_error(self):
        for call in (
            lambda: autodiff.where("yes", 1.0, 2.0),
            lambda: autodiff.where("yes", Value(1.0), 2.0),
            lambda: autodiff.where(True, Value(1.0), "2"),
            lambda: autodiff.clip("1", 0.0, 1.0),
            lambda: autodiff.clip(Value(1.0), 0.0, "1"),
        ):
            with pytest.raises(TypeError, match="str"):
                call()


class TestParameters:
    @pytest.mark.parametrize(("op", "name", "default"), [("leaky_relu", "slope", 0.01), ("elu", "alpha", 1.0)])
    def test_they_have_a_name_and_a_default(self, op, name, default):
        f, x = getattr(autodiff, op), Value(-2.0)
        for y in (f(x), getattr(x, op)()):
            assert y.operands == (x, default)
            assert y.data == f(-2.0) == f(-2.0, default)
        for y in (f(x, 0.25), f(x, **{name: 0.25}), getattr(x, op)(0.25), getattr(x, op)(**{name: 0.25})):
            assert y.operands == (x, 0.25)
            assert y.data == f(-2.0, 0.25)

    def test_others_are_refused(self):
        for call in (
            lambda: autodiff.leaky_relu(1.0, alpha=1.0),
            lambda: autodiff.leaky_relu(1.0, 0.1, slope=0.1),
            lambda: autodiff.leaky_relu(Value(1.0), 0.1, 0.2),
        ):
            with pytest.raises(TypeError, match=r"slope=0\.01"):
                call()


class TestProd:
    @pytest.mark.parametrize("zeros", [0, 1, 2])
    def test_partials_with_zeros(self, zeros):
        at = [2.0, -3.0, 5.0, 7.0]
        at[:zeros] = [0.0] * zeros
        for mode in MODES:
            nodes = [Value(x) for x in at]
            y = autodiff.prod(nodes)
            assert y.data == math.prod(at)
            expected = [math.prod(at[:k] + at[k + 1 :]) for k in range(4)]
            assert gradient(mode, y, nodes) == expected

    def test_the_same_operand_twice(self):
        x = Value(3.0)
        y = autodiff.prod([x, x, 2.0])
        y.backward()
        assert (y.data, x.grad) == (18.0, 12.0)

    @pytest.mark.parametrize("size", [4, 8, 9, 10, 15, 16, 17, 100])
    def test_many_factors(self, size):
        random = Random(size)
        at = [random.uniform(-2.0, 2.0) for _ in range(size)]
        for zeros in ([], [size // 2], [0, size - 1]):
            for k in zeros:
                at[k] = 0.0
            for mode in MODES:
                nodes = [Value(x) for x in at]
                found = gradient(mode, autodiff.prod(nodes), nodes)
                for g, true in zip(found, reference.partials("prod", at), strict=True):
                    assert abs(g - true) <= 30 * UNIT * abs(true)

    def test_up_to_8_factors_nothing_overflows_on_the_way(self):
        for at in (
            [-4.58e-244, 6.32, 1.24e307, 1.38e70],
            [0.0024, 5.7e-311, -2e65, 2.09],
            [1e200, 1e-200] * 4,
            [1e-300, 1e-300, 1e300, 1e300, 1e-300, 1e300, 7.0],
        ):
            for p, true in zip(partials(autodiff.prod, [at]), reference.partials("prod", at), strict=True):
                assert reference.error_in_ulp(p, true) <= 1.0, at

    def test_few_operands(self):
        assert autodiff.prod([]) == 1.0
        x = Value(3.0)
        y = autodiff.prod([x])
        y.backward()
        assert (y.data, x.grad) == (3.0, 1.0)


def test_tables_cover_the_tests():
    """Every public operation with a singular point has a row among the edge cases."""
    text = " ".join(c.name for c in edge_cases.CASES)
    short = {"maximum": "max", "minimum": "min", "pow": "x**", "div": "/"}
    for name in strategies.PUBLIC:
        if OPERATIONS[name].singular:
            assert short.get(name, name) in text
