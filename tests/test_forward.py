"""Forward mode: dual numbers against mpmath, against the agreed answers, and against reverse mode."""

from __future__ import annotations

import math
import operator
from fractions import Fraction
from random import Random

import edge_cases
import numpy as np
import pytest
import reference
import strategies
from hypothesis import given
from hypothesis import strategies as st
from test_numerics import SPECIAL, same

import autodiff
from autodiff import Value, grad, jvp, no_grad
from autodiff.derivatives.forward import Dual
from autodiff.operation import OPERATIONS, Binary, Nary, Unary

ALL = [pytest.param(op, id=name) for name, op in OPERATIONS.items()]


def slope(function, at, k):
    """The derivative with respect to the number k; the others are constants."""
    given = [Dual(1, x, 1.0) if j == k else x for j, x in enumerate(at)]
    y = function(*given)
    return y.tangent if isinstance(y, Dual) else 0.0


@pytest.mark.parametrize("case", edge_cases.CASES, ids=lambda c: c.name)
def test_edge_case(case):
    for k, expected in enumerate(case.partials):
        y = case.function(*[Dual(1, x, 1.0) if j == k else x for j, x in enumerate(case.at)])
        assert same(float(y), case.value)
        assert expected is None or same(slope(case.function, case.at, k), expected)


@pytest.mark.parametrize(
    ("function", "at", "expected"), [pytest.param(*c[1:], id=c[0]) for c in edge_cases.SECOND_DERIVATIVES]
)
def test_second_derivative_at_a_kink(function, at, expected):
    for second in (autodiff.derivative(function, 2), grad(autodiff.derivative(function)), grad(grad(function))):
        assert same(second(at), expected)


@pytest.mark.parametrize("op", ALL)
@given(data=st.data())
def test_tangents_are_the_partials_bit_for_bit(op, data):
    number = st.one_of(st.sampled_from(SPECIAL), st.floats(), strategies.scaled())
    size = op.arity
    if isinstance(op, Nary):
        size = strategies.SIZES.get(op.name) or data.draw(st.integers(1, 4)) * op.groups
    at = data.draw(st.lists(number, min_size=size, max_size=size))

    def function(*xs):
        if isinstance(op, Nary):
            half = len(xs) // op.groups
            return op(*[xs[k * half : (k + 1) * half] for k in range(op.groups)])
        return op(*xs)

    expected = op.partials(function(*at), at, [True] * size)
    for k, partial in enumerate(expected):
        assert same(slope(function, at, k), 0.0 if partial is None else partial)


@given(program=strategies.programs(), data=st.data())
def test_forward_equals_reverse_on_random_programs(program, data):
    n = len(program.leaves)
    direction = data.draw(st.lists(st.floats(-2.0, 2.0), min_size=n, max_size=n))

    def function(xs):
        return program.build(xs)[-1]

    value, tangent = jvp(function, (list(program.leaves),), (direction,))
    gradient = grad(function)(list(program.leaves))
    assert same(value, float(function(program.leaves)))
    terms = [g * t for g, t in zip(gradient, direction)]
    # Both modes sum the same products over paths, which may be much larger than their sum.
    absolute = math.fsum(map(abs, terms)) + max(map(abs, gradient))
    assert tangent == pytest.approx(math.fsum(terms), rel=1e-9, abs=1e-9 * (1.0 + absolute))


@pytest.mark.parametrize("op", [p for p in ALL if p.values[0].arity])
def test_tangents_against_the_reference(op):
    random = Random(op.name)
    for _ in range(20):
        at = [random.uniform(max(low + 0.2, -3.0), min(high - 0.2, 3.0)) for low, high in op.domain]
        direction = [random.uniform(-2.0, 2.0) for _ in at]
        if op.singular and abs(op.singular(*at)) < 0.1:
            continue
        terms = [d * reference.mpf(t) for d, t in zip(reference.partials(op.name, *at), direction)]
        _, tangent = jvp(op, at, direction)
        assert abs(tangent - sum(terms)) <= 1e-14 * (1 + sum(map(abs, terms)))


class TestNumbers:
    def test_operators_with_numbers_of_every_kind(self):
        x = Dual(1, 3.0, 1.0)
        for two in (2, 2.0, Fraction(2), np.float64(2.0), np.int64(2), Value(2.0)):
            for function, value, tangent in [
                (operator.add, 5.0, 1.0),
                (operator.sub, 1.0, 1.0),
                (operator.mul, 6.0, 2.0),
                (operator.truediv, 1.5, 0.5),
                (operator.pow, 9.0, 6.0),
            ]:
                y = function(x, two)
                assert (float(y.primal), float(y.tangent)) == (value, tangent)
            for function, value, tangent in [
                (operator.add, 5.0, 1.0),
                (operator.sub, -1.0, -1.0),
                (operator.mul, 6.0, 2.0),
                (operator.truediv, 2 / 3, -2 / 9),
                (operator.pow, 8.0, 8.0 * math.log(2.0)),
            ]:
                y = function(two, x)
                assert (float(y.primal), float(y.tangent)) == pytest.approx((value, tangent), rel=1e-15)
        assert ((-x).tangent, (+x).tangent, abs(-x).tangent) == (-1.0, 1.0, 1.0)

    def test_functions_and_methods_of_values_and_duals(self):
        x, w = Dual(1, 3.0, 1.0), Value(2.0)
        for y in (autodiff.maximum(x, w), autodiff.maximum(w, x), x.maximum(w), w.maximum(x)):
            assert (float(y.primal), float(y.tangent)) == (3.0, 1.0)
        for y in (autodiff.dot([w, 1.0], [x, 5.0]), autodiff.dot([w, w], [1.5, x]), autodiff.dot([1.0, w], [2, x])):
            assert float(y.tangent) == 2.0
        assert float(autodiff.sum([w, 1, x]).tangent) == 1.0
        assert float(autodiff.mean([w, x]).tangent) == 0.5
        assert x.tanh().tangent == autodiff.tanh(x).tangent == pytest.approx(1 / math.cosh(3.0) ** 2)

    def test_comparisons_and_conversions_see_the_number_alone(self):
        x, y = Dual(1, 3.0, 1.0), Dual(2, Dual(1, 4.0, 1.0), 1.0)
        assert x < y
        assert y >= x
        assert x <= 3
        assert not x > Value(3.0)
        assert Value(2.0) < x
        assert operator.lt(2.0, x)
        assert x == 3.0
        assert x != Dual(1, 4.0, 1.0)
        assert Value(4.0) == y
        assert (float(y), int(y), round(y), bool(y), y.data) == (4.0, 4, 4.0, True, 4.0)
        z = Dual(1, -1.5, 1.0)
        assert (math.floor(z), math.ceil(z), math.trunc(z), math.exp(z)) == (-2, -1, -1, math.exp(-1.5))
        assert max(x, z) is x

    @pytest.mark.parametrize("other", ["1", None, 1j, [1.0]])
    def test_what_is_no_number_is_refused(self, other):
        x = Dual(1, 3.0, 1.0)
        for function in (operator.add, operator.sub, operator.pow, autodiff.maximum, lambda a, b: b / a):
            with pytest.raises(TypeError, match=type(other).__name__):
                function(x, other)
        with pytest.raises(TypeError, match="str"):
            autodiff.sum([x, "1"])

    def test_objects_of_numpy(self):
        x = Dual(1, 3.0, 1.0)
        for row in (np.array([1.0, 2.0]) * x, x * np.array([1.0, 2.0]).astype(object)):
            assert [y.tangent for y in row] == [1.0, 2.0]
        assert np.exp(np.array([x], dtype=object))[0].tangent == math.exp(3.0)


def test_tangents_that_are_zero():
    assert jvp(lambda x, y: autodiff.sqrt(x) + y, (0.0, 1.0), (1.0, 1.0))[1] == math.inf
    assert grad(lambda y: autodiff.sqrt(0.0) + y)(1.0) == 1.0
    assert jvp(lambda y: Value(0.0).sqrt() + y, (1.0,), (1.0,))[1] == 1.0  # a constant has no tangent
    assert jvp(lambda y: y.detach().sqrt() + y, (0.0,), (1.0,))[1] == 1.0
    assert math.isnan(jvp(autodiff.sqrt, (0.0,), (0.0,))[1])  # one that is 0.0 follows IEEE
    assert jvp(lambda x: 1.0, (2.0,), (1.0,)) == (1.0, 0.0)
    assert jvp(lambda x: OPERATIONS["sign"](x), (2.0,), (1.0,)) == (1.0, 0.0)


def test_levels_do_not_confuse_their_directions():
    outer, inner = Dual(1, 3.0, 1.0), Dual(2, 3.0, 1.0)
    y = outer * inner
    assert (y.level, y.tangent.level) == (2, 1)
    assert (y.tangent.primal, y.tangent.tangent) == (3.0, 1.0)
    assert (y.primal.primal, y.primal.tangent) == (9.0, 3.0)


def test_inside_no_grad_results_are_constants():
    def half_constant(x):
        with no_grad():
            c = x * x + autodiff.sum([x, x])
        return c * x

    assert jvp(half_constant, (3.0,), (1.0,)) == (45.0, 15.0)
    assert grad(half_constant)(3.0) == 15.0


def test_operations_that_are_defined_later():
    names = set(OPERATIONS)
    try:
        cube = Unary("cube_of_test", lambda a: a * a * a, da=lambda y, a: 3.0 * a * a, singular=None, doc="Cube.")
        twice = Binary(
            "a_2b", lambda a, b: a + 2 * b, da=1.0, db=2.0, singular=None, doc="a + 2 b.", method="__matmul__"
        )
        assert jvp(lambda x: x.cube_of_test(), (2.0,), (1.0,)) == (8.0, 12.0)
        assert autodiff.derivative(cube, 2)(2.0) == grad(grad(cube))(2.0) == 12.0
        assert jvp(lambda x, y: x @ y, (2.0, 3.0), (1.0, 10.0)) == (8.0, 21.0)
        assert jvp(lambda x: twice(1, x) + 5 @ x, (2.0,), (1.0,)) == (14.0, 4.0)
        assert grad(lambda x: Value(1.0) @ x + 1 @ x)(3.0) == 4.0
    finally:
        for name in set(OPERATIONS) - names:
            del OPERATIONS[name]
        for kind in (Value, Dual):
            for name in ("cube_of_test", "__matmul__", "__rmatmul__"):
                if name in vars(kind):
                    delattr(kind, name)


def test_depth_is_no_matter():
    def chain(x):
        for _ in range(100_000):
            x = x * 1.00001
        return x

    value, tangent = jvp(chain, (2.0,), (1.0,))
    assert (value, tangent) == pytest.approx((2.0 * 1.00001**100_000, 1.00001**100_000), rel=1e-9)
