"""Gradients as graphs, and the transforms of functions."""

from __future__ import annotations

import collections
import gc
import itertools
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import reduce
from random import Random

import mpmath
import numpy as np
import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st

import autodiff
from autodiff import (
    Value,
    derivative,
    grad,
    grad_graph,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    value_and_grad,
    vjp,
)
from autodiff.derivatives.forward import Dual


def test_one_leaf_or_several():
    x, w = Value(3.0), Value(2.0)
    y = x * x * w
    assert isinstance(grad_graph(y, x), Value)
    assert grad_graph(y, x).data == 12.0
    assert [g.data for g in grad_graph(y, [x, w])] == [12.0, 9.0]
    assert [g.data for g in grad_graph(y, (w, x, w))] == [9.0, 12.0, 9.0]
    assert grad_graph(y, []) == []


def test_with_respect_to_nodes_in_between():
    x = Value(3.0)
    h = x * x
    y = h * h + x
    assert [g.data for g in grad_graph(y, [h, x, y])] == [18.0, 109.0, 1.0]


def test_what_the_output_does_not_depend_on():
    x, other = Value(3.0), Value(1.0)
    assert grad_graph(x * x, other).data == 0.0
    assert grad_graph(x, x).data == 1.0
    g = grad_graph(x * 2.0, x)
    assert (g.data, g.op) == (2.0, None)
    assert grad_graph(g, x).data == 0.0


def test_gradients_are_neither_read_nor_written():
    x = Value(3.0)
    y = x**3
    x.grad = y.grad = math.nan
    assert grad_graph(y, x).data == 27.0
    assert math.isnan(x.grad)
    assert math.isnan(y.grad)


def test_the_gradient_is_made_of_the_same_operations():
    x, w = Value(3.0), Value(2.0)
    g = grad_graph((x * w).sin(), x)
    assert g.op is autodiff.mul
    names = {p.op.name if p.op else "leaf" for p in g.operands if isinstance(p, Value)}
    assert names == {"cos", "leaf"}


def test_derivatives_of_high_order():
    x = Value(0.5)
    y = x.sin()
    for expected in (math.cos(0.5), -math.sin(0.5), -math.cos(0.5), math.sin(0.5), math.cos(0.5)):
        y = grad_graph(y, x)
        assert y.data == pytest.approx(expected, rel=1e-15)
    z = x**5
    for expected in (5 / 16, 20 / 8, 60 / 4, 120 / 2, 120.0, 0.0, 0.0):
        z = grad_graph(z, x)
        assert z.data == expected


def test_a_hessian_is_symmetric_and_right():
    x, y = Value(1.5), Value(0.5)
    f = (x * y).exp() + x**3 * y.sin()
    (fx, fy) = grad_graph(f, [x, y])
    (fxx, fxy), (fyx, fyy) = grad_graph(fx, [x, y]), grad_graph(fy, [x, y])
    e = math.exp(0.75)
    assert fxx.data == pytest.approx(0.25 * e + 9.0 * math.sin(0.5), rel=1e-14)
    assert fxy.data == pytest.approx(e * 1.75 + 6.75 * math.cos(0.5), rel=1e-14)
    assert fyx.data == pytest.approx(fxy.data, rel=1e-14)
    assert fyy.data == pytest.approx(2.25 * e - 3.375 * math.sin(0.5), rel=1e-14)


def test_backward_on_a_gradient():
    x = Value(2.0)
    grad_graph(x**4, x).backward()
    assert x.grad == 48.0


def test_a_constant_and_a_variable_exponent():
    x, n = Value(2.0), Value(3.0)
    assert [g.data for g in grad_graph(x**n, [x, n])] == [12.0, 8.0 * math.log(2.0)]
    assert grad_graph(x**3, x).data == 12.0
    assert grad_graph(2**n, n).data == 8.0 * math.log(2.0)


def test_a_gradient_graph_goes_stale_and_is_refreshed():
    x = Value(2.0)
    g = grad_graph(x**3, x)
    x.data = 3.0
    with pytest.raises(autodiff.StaleGraphError):
        grad_graph(g, x)
    assert g.refresh().data == 27.0
    assert grad_graph(g, x).data == 18.0


def test_refreshing_across_a_kink():
    x, w = Value(2.0), Value(1.0)
    y = x.relu() + abs(x) + autodiff.maximum(x, w)
    g = grad_graph(y, x)
    assert g.data == 3.0
    for at, slope in ((-1.0, -1.0), (0.0, 0.0), (1.0, 2.5), (0.5, 2.0), (math.nan, math.nan)):
        x.data = at
        assert g.refresh().data == pytest.approx(slope, nan_ok=True)


def test_inside_no_grad_the_numbers_are_right_all_the_same():
    x, w = Value(3.0), Value(2.0)
    y = (x * w).exp() / x
    expected = [g.data for g in grad_graph(y, [x, w])]
    with no_grad():
        gradients = grad_graph(y, [x, w])
    assert [g.data for g in gradients] == expected


@given(program=strategies.programs(instructions=7))
def test_second_derivatives_of_random_graphs_are_symmetric(program):
    leaves = [Value(x) for x in program.leaves]
    first = grad_graph(program.build(leaves)[-1], leaves)
    rows = [[g.data for g in grad_graph(node, leaves)] for node in first]
    size = 1.0 + max(abs(h) for row in rows for h in row)
    for j, row in enumerate(rows):
        for k, h in enumerate(row):
            assert abs(h - rows[k][j]) <= 1e-7 * size


def rosenbrock(v):
    return autodiff.sum([100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2 for a, b in itertools.pairwise(v)])


def rosenbrock_gradient(v):
    g = [0.0] * len(v)
    for k, (a, b) in enumerate(itertools.pairwise(v)):
        g[k] += -400.0 * a * (b - a * a) - 2.0 * (1.0 - a)
        g[k + 1] += 200.0 * (b - a * a)
    return g


class TestStructures:
    def test_gradients_have_the_structure_of_the_argument(self):
        Point = collections.namedtuple("Point", "x y")
        tree = {"w": [[1.0, 2], (3.0,)], "b": Point(Fraction(1, 2), np.float64(4.0)), "none": []}

        def function(p):
            (first, second), (third,) = p["w"]
            return first * second + third**2 + p["b"].x * p["b"].y

        assert grad(function)(tree) == {"w": [[2.0, 1.0], (6.0,)], "b": Point(4.0, 0.5), "none": []}
        value, gradient = value_and_grad(function)(tree)
        assert value == 13.0
        assert isinstance(gradient["b"], Point)
        assert type(gradient["b"].y) is type(gradient["w"][0][1]) is float

    def test_dictionaries_of_other_types(self):
        ordered = collections.OrderedDict(b=1.0, a=2.0)
        gradient = grad(lambda p: p["a"] * p["b"])(ordered)
        assert gradient == collections.OrderedDict(b=2.0, a=1.0)
        default = grad(lambda p: p["a"] ** 2)(collections.defaultdict(float, a=3.0))
        assert (default["a"], default["z"]) == (6.0, 0.0)

    def test_argnums(self):
        def function(x, y, z, *, scale=1.0):
            return scale * x * y**2 * z**3

        assert grad(function)(2.0, 3.0, 1.0) == 9.0
        assert grad(function, 1)(2.0, 3.0, 1.0) == 12.0
        assert grad(function, -1)(2.0, 3.0, 1.0, scale=2.0) == 108.0
        assert grad(function, (2, 0))(2.0, 3.0, 1.0) == (54.0, 9.0)
        assert grad(function, (1,))(2.0, 3.0, 1.0) == (12.0,)
        assert jacobian(function, (0, 1))(2.0, 3.0, 1.0) == (9.0, 12.0)
        assert hessian(function, (0, 1))(2.0, 3.0, 1.0) == ((0.0, 6.0), (6.0, 4.0))

    def test_arguments_that_are_not_differentiated_may_be_anything(self):
        assert grad(lambda x, name: x * len(name))(2.0, "abc") == 3.0

    def test_jacobian_structure(self):
        def function(p):
            return {"sum": p["a"] + p["b"][0], "row": [p["a"] * p["b"][0], p["a"] ** 2]}

        assert jacobian(function)({"a": 2.0, "b": [3.0]}) == {
            "sum": {"a": 1.0, "b": [1.0]},
            "row": [{"a": 3.0, "b": [2.0]}, {"a": 4.0, "b": [0.0]}],
        }

    def test_jvp_and_vjp_structure(self):
        def function(p, s):
            return [s * p["x"], {"y": p["x"] ** 2}]

        assert jvp(function, ({"x": 3.0}, 2.0), [{"x": 1.0}, 10.0]) == ([6.0, {"y": 9.0}], [32.0, {"y": 6.0}])
        value, pullback = vjp(function, {"x": 3.0}, 2.0)
        assert value == [6.0, {"y": 9.0}]
        assert pullback([1.0, {"y": 0.0}]) == ({"x": 2.0}, 3.0)
        assert pullback((0, {"y": 10})) == ({"x": 60.0}, 0.0)

    def test_aux(self):
        def function(x):
            return x * x, {"twice": 2 * x, "name": "square"}

        assert grad(function, has_aux=True)(3.0) == (6.0, {"twice": 6.0, "name": "square"})
        assert value_and_grad(function, has_aux=True)(3.0) == ((9.0, {"twice": 6.0, "name": "square"}), 6.0)


class TestNumbers:
    def test_every_notation_of_a_function(self):
        def function(x):
            y = x.tanh() if x > 0 else -x
            return autodiff.exp(y) / 2 + y**2 - 3 + autodiff.maximum(y, 0.1)

        t = math.tanh(0.7)
        expected = (math.exp(t) / 2 + 2 * t + 1) * (1 - t * t)
        assert grad(function)(0.7) == pytest.approx(expected, rel=1e-14)
        assert derivative(function)(0.7) == pytest.approx(expected, rel=1e-14)

    def test_what_does_not_depend_on_the_argument(self):
        for function in (lambda x: 5, lambda x: 2.0, lambda x: Value(3.0), lambda x: Value(3.0) * 2):
            assert grad(function)(1.0) == derivative(function)(1.0) == hessian(function)(1.0) == 0.0
        assert grad(lambda p: p["a"])({"a": 1.0, "b": 2.0}) == {"a": 1.0, "b": 0.0}
        assert jacobian(lambda v: [1.0, v[0]])([2.0, 3.0, 4.0]) == [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
        assert vjp(lambda x: [1.0, 2.0], 3.0)[1]([1.0, 1.0]) == (0.0,)
        assert grad(lambda x: x)(3) == 1.0

    def test_gradients_against_a_closed_form(self):
        random = Random(3)
        v = [random.uniform(-2.0, 2.0) for _ in range(6)]
        assert grad(rosenbrock)(v) == pytest.approx(rosenbrock_gradient(v), rel=1e-13)
        assert jacobian(rosenbrock)(v) == pytest.approx(rosenbrock_gradient(v), rel=1e-13)

    def test_closed_over_values_are_constants(self):
        w = Value(2.0)
        w.grad = 7.0
        results = [
            grad(lambda x: w * x * x)(3.0),
            *value_and_grad(lambda x: w * x)(3.0),
            *jvp(lambda x: w * x, (3.0,), (1.0,)),
            hessian(lambda x: w * x * x)(3.0),
            vjp(lambda x: w * x, 3.0)[0],
            vjp(lambda x: w * x, 3.0)[1](1.0)[0],
            jacobian(lambda v: [w * v[0]])([3.0])[0][0],
            grad(grad(lambda x: w * x * x))(3.0),
        ]
        assert results == [12.0, 6.0, 2.0, 6.0, 2.0, 4.0, 6.0, 2.0, 2.0, 4.0]
        assert {type(r) for r in results} == {Value}  # connected with it: see test_transforms_around.py
        assert w.grad == 7.0

    def test_what_leaks_out_of_a_function_is_not_touched(self):
        leaked = []

        def function(x):
            leaked.append(x * x)
            return leaked[-1] * 3.0

        assert grad(function)(2.0) == 12.0
        assert (leaked[0].data, leaked[0].grad) == (4.0, 0.0)
        assert grad_graph(leaked[0], leaked[0].operands[0]).data == 4.0

    def test_strict_mode(self):
        with autodiff.strict():
            assert grad(lambda x: x**3)(2.0) == 12.0
            for function in (autodiff.log, autodiff.sqrt):  # the value of one, the partial of both is infinite
                with pytest.raises(autodiff.NonFiniteError):
                    grad(function)(0.0)
        assert grad(autodiff.sqrt)(0.0) == math.inf

    def test_values_as_arguments_give_values(self):
        x, w = Value(3.0), Value(2.0)
        g = grad(lambda t: w * t**3)(x)
        assert isinstance(g, Value)
        assert (g.data, x.grad, w.grad) == (54.0, 0.0, 0.0)
        g.backward()
        assert (x.grad, w.grad) == (36.0, 27.0)
        tangent = jvp(lambda t: w * t**3, (x,), (1.0,))[1]
        assert [p.data for p in grad_graph(tangent, [x, w])] == [36.0, 27.0]

    @pytest.mark.parametrize(
        ("function", "at"),
        [
            (lambda x, y: autodiff.where(x < y, x * y, x - y), (-0.0, 5.0)),
            (lambda x, y: -(x * y), (0.0, 0.0)),
            (lambda x, y: autodiff.prod([x, y]), (-0.0, 0.0)),
            (lambda x, y: Value(1.0) * x * y, (-0.0, -0.0)),
        ],
    )
    def test_gradients_are_never_minus_zero(self, function, at):
        x, y = map(Value, at)
        function(x, y).backward()
        numbers = [x.grad, y.grad, *grad(function, (0, 1))(*at), *vjp(function, *at)[1](1.0)]
        with autodiff.strict():
            numbers += grad(function, (0, 1))(*at)
        assert [math.copysign(1.0, g) for g in numbers if g == 0.0] == [1.0] * numbers.count(0.0)
        assert numbers == numbers[:2] * 4
        assert 0.0 in numbers

    def test_inside_no_grad(self):
        with no_grad():
            assert grad(lambda x: x**3)(2.0) == 12.0
            assert grad(lambda x: x**3)(Value(2.0)).data == 12.0
            assert grad(grad(lambda x: x**3))(2.0) == jvp(grad(lambda x: x**3), (2.0,), (1.0,))[1] == 12.0

    def test_no_grad_makes_an_inner_derivative_a_constant(self):
        def function(x):
            with no_grad():
                slope = grad(lambda y: y**2)(x)
            return slope * x

        assert grad(function)(3.0) == derivative(function)(3.0) == 6.0

    def test_a_sequence_of_cotangents_is_weighed(self):
        v, weights = [0.3, -0.7, 1.1], [2.0, -1.0]

        def function(v):
            return [v[0] * v[1] * v[2], autodiff.sin(v[0]) + v[2]]

        rows = jacobian(function)(v)
        _, pullback = vjp(function, v)
        expected = [weights[0] * a + weights[1] * b for a, b in zip(*rows)]
        assert pullback(weights)[0] == pytest.approx(expected, rel=1e-15)


def product(v):
    return [autodiff.sin(v[0] * v[1]), v[1] ** 3 / v[2], autodiff.exp(v[2] - v[0]), v[0], autodiff.dot(v, v)]


@pytest.mark.parametrize("outputs", [1, 2, 3, 5])
def test_jacobians_of_every_shape_against_mpmath(outputs):
    """Wide ones are computed in reverse, tall and square ones forward."""
    v = [0.4, -1.2, 0.9]
    a, b, c = v
    cos, e = math.cos(a * b), math.exp(c - a)
    true = [
        [b * cos, a * cos, 0.0],
        [0.0, 3 * b * b / c, -(b**3) / c**2],
        [-e, 0.0, e],
        [1.0, 0.0, 0.0],
        [2 * a, 2 * b, 2 * c],
    ]
    calls = []

    def function(v):
        calls.append(type(v[0]))
        return product(v)[:outputs]

    found = jacobian(function)(v)
    for row, expected in zip(found, true[:outputs], strict=True):
        assert row == pytest.approx(expected, rel=1e-14, abs=1e-15)
    assert calls == ([Dual, Value] if outputs < 3 else [Dual, float, float])


class TestNesting:
    @pytest.mark.parametrize("inner", [grad, derivative])
    @pytest.mark.parametrize("outer", [grad, derivative])
    def test_perturbations_are_not_confused(self, outer, inner):
        """The classic: d/dx (x d/dy (x + y)) is 1; who confuses the two finds 2."""
        assert outer(lambda x: x * inner(lambda y: x + y)(1.0))(1.0) == 1.0
        assert outer(lambda x: x * inner(lambda y: x + y)(x))(3.0) == 1.0
        assert outer(lambda x: x * inner(lambda y: x * y)(2.0))(3.0) == 6.0
        assert outer(lambda x: inner(lambda y: inner(lambda z: x * y * z * z)(y))(x))(3.0) == 24.0  # of 4 x**2

    def test_three_levels_in_every_mixture(self):
        """x d/dy [d/dz (x**2 y**3 z**2 sin z) at z = y] at y = x."""

        def exact(x):
            def inner(y):
                return x**2 * y**3 * (2 * y * mpmath.sin(y) + y * y * mpmath.cos(y))

            return x * mpmath.diff(inner, x)

        with mpmath.workdps(40):
            true = float(mpmath.diff(exact, mpmath.mpf(0.7)))
        kinds = (grad, derivative, lambda f: jacobian(f), lambda f: lambda x: vjp(f, x)[1](1.0)[0])

        def inner(c, x):
            return lambda y: c(lambda z: x**2 * y**3 * z**2 * autodiff.sin(z))(y)

        for a, b, c in itertools.product(kinds, repeat=3):
            found = a(lambda x, b=b, c=c: x * b(inner(c, x))(x))(0.7)
            assert found == pytest.approx(true, rel=1e-12)

    def test_a_tangent_that_is_differentiated(self):
        assert grad(lambda t: jvp(lambda x: x**3, (2.0,), (t,))[1])(5.0) == 12.0
        assert derivative(lambda t: jvp(lambda x: x**3, (2.0,), (t * t,))[1])(5.0) == 120.0
        assert grad(lambda c: vjp(lambda x: x**3, 2.0)[1](c * c)[0])(5.0) == 120.0
        assert grad(lambda c: vjp(lambda x: [x**3, x * c], 2.0)[1]([c * c, 1.0])[0])(5.0) == 121.0
        assert grad(lambda c: jvp(lambda x: grad(lambda y: c * y * y)(1.0) * x, (2.0,), (1.0,))[1])(5.0) == 2.0

    def test_a_pullback_that_outlives_its_call(self):
        """It is used by a later, enclosing differentiation of its cotangent."""
        _, pullback = vjp(lambda x: x**3, 2.0)
        assert derivative(lambda c: pullback(c * c)[0])(5.0) == 120.0
        assert grad(lambda c: pullback(c * c)[0])(5.0) == 120.0

    def test_newton_iterations_differentiated(self):
        """The root of t**2 = x, whose derivative is 1 / (2 sqrt x), by iterations that differentiate themselves."""

        def root(x):
            t = 1.0
            for _ in range(8):
                value, slope = value_and_grad(lambda s: s * s - x)(t)
                t = t - value / slope
            return t

        assert grad(root)(2.0) == derivative(root)(2.0) == pytest.approx(0.5 / math.sqrt(2.0), rel=1e-14)
        assert grad(grad(root))(2.0) == pytest.approx(-0.25 * 2.0**-1.5, rel=1e-13)


class TestSecondOrder:
    def test_a_hessian_against_a_closed_form(self):
        def function(v):
            return autodiff.exp(v[0] * v[1]) + v[0] ** 3 * autodiff.sin(v[1])

        e, s, c = math.exp(0.75), math.sin(0.5), math.cos(0.5)
        true = [[0.25 * e + 9.0 * s, 1.75 * e + 6.75 * c], [1.75 * e + 6.75 * c, 2.25 * e - 3.375 * s]]
        for row, expected in zip(hessian(function)([1.5, 0.5]), true):
            assert row == pytest.approx(expected, rel=1e-14)

    @given(program=strategies.programs(instructions=7), data=st.data())
    def test_random_programs(self, program, data):
        """Symmetric; hvp is Hessian times vector; forward over reverse, reverse over reverse and the graph agree."""
        at, n = list(program.leaves), len(program.leaves)
        vector = data.draw(st.lists(st.floats(-2.0, 2.0), min_size=n, max_size=n))

        def function(v):
            return program.build(v)[-1]

        rows = hessian(function)(at)
        size = 1.0 + max(abs(h) for row in rows for h in row)
        reverse = [grad(lambda v, k=k: grad(function)(v)[k])(at) for k in range(n)]
        leaves = [Value(x) for x in at]
        graph = [[h.data for h in grad_graph(g, leaves)] for g in grad_graph(function(leaves), leaves)]
        (product,) = hvp(function, (at,), (vector,))
        for j, row in enumerate(rows):
            assert row == pytest.approx(reverse[j], abs=1e-7 * size)
            assert row == pytest.approx(graph[j], abs=1e-7 * size)
            assert row == pytest.approx([other[j] for other in rows], abs=1e-7 * size)
            expected = math.fsum(h * t for h, t in zip(row, vector))
            assert product[j] == pytest.approx(expected, abs=1e-7 * size)

    def test_hvp_of_several_arguments(self):
        def function(p, s):
            return p["a"] ** 2 * s

        assert hvp(function, ({"a": 3.0}, 2.0), ({"a": 1.0}, 0.0)) == ({"a": 4.0}, 6.0)


class TestOrders:
    @pytest.mark.parametrize(
        ("function", "exact"),
        [
            (autodiff.exp, mpmath.exp),
            (lambda x: autodiff.sin(x) * autodiff.exp(x), lambda x: mpmath.sin(x) * mpmath.exp(x)),
            (lambda x: 1 / (1 + x * x), lambda x: 1 / (1 + x * x)),
            (lambda x: autodiff.log(x) * x**0.5, lambda x: mpmath.log(x) * mpmath.sqrt(x)),
            (autodiff.tanh, mpmath.tanh),
        ],
        ids=["exp", "sin exp", "rational", "log sqrt", "tanh"],
    )
    def test_against_the_taylor_series_of_mpmath(self, function, exact):
        with mpmath.workdps(60):
            series = mpmath.taylor(exact, mpmath.mpf(0.6), 10)
        for n in range(8):
            true = float(series[n] * math.factorial(n))
            assert derivative(function, n)(0.6) == pytest.approx(true, rel=1e-10)

    def test_order_10(self):
        assert derivative(autodiff.sin, 10)(0.6) == pytest.approx(-math.sin(0.6), rel=1e-14)
        assert derivative(lambda x: x**12, 10)(1.0) == math.factorial(12) / 2
        assert derivative(lambda x: x * autodiff.exp(x), 10)(0.5) == pytest.approx(10.5 * math.exp(0.5), rel=1e-14)

    def test_order_0_and_curves(self):
        assert derivative(autodiff.sin, 0) is autodiff.sin
        assert derivative(lambda t: {"x": [t**2, 3.0], "y": t**3}, 2)(2.0) == {"x": [2.0, 0.0], "y": 12.0}


class TestRefusals:
    @pytest.mark.parametrize("transform", [grad, value_and_grad, hessian])
    def test_outputs_that_are_no_number(self, transform):
        for output in ([1.0], (), {"a": 1.0}, None, "1", 1j):
            with pytest.raises(TypeError, match="returns a number"):
                transform(lambda x, output=output: output)(1.0)
        with pytest.raises(TypeError, match="pair"):
            grad(lambda x: x, has_aux=True)(1.0)

    @pytest.mark.parametrize("leaf", [None, "1", 1j, np.zeros(2), object()])
    def test_leaves_that_are_no_numbers(self, leaf):
        for call in (
            lambda: grad(lambda x: 1.0)({"a": [leaf]}),
            lambda: jvp(lambda x: 1.0, ({"a": [leaf]},), ({"a": [1.0]},)),
            lambda: vjp(lambda x: 1.0, {"a": [leaf]}),
            lambda: jacobian(lambda x: 1.0)({"a": [leaf]}),
        ):
            with pytest.raises(TypeError, match=rf"\['a'\]\[0\] is a {type(leaf).__name__}"):
                call()
        for call in (lambda: jvp(lambda x: [leaf], (1.0,), (1.0,)), lambda: vjp(lambda x: [leaf], 1.0)):
            with pytest.raises(TypeError, match=r"the result\[0\] is a"):
                call()
        with pytest.raises(TypeError, match=r"tangents\[0\] is a"):
            jvp(lambda x: x, (1.0,), (leaf,))

    @pytest.mark.parametrize(
        ("tangents", "message"),
        [
            (([1.0],), r"tangents\[0\] must have the structure of primals\[0\].*length 2.*length 1"),
            ((1.0,), "got a number"),
            (({"a": 1.0, "b": 1.0},), "dict with the keys"),
            (([1.0, [1.0]],), r"tangents\[0\]\[1\].*expected a number"),
            (([1.0, 1.0], 1.0), "length 1, got a tuple of length 2"),
        ],
    )
    def test_tangents_of_another_structure(self, tangents, message):
        with pytest.raises(ValueError, match=message):
            jvp(lambda v: v[0], ([1.0, 2.0],), tangents)

    def test_other_misuse(self):
        with pytest.raises(ValueError, match="keys"):
            jvp(lambda p: p["a"], ({"a": 1.0},), ({"b": 1.0},))
        with pytest.raises(ValueError, match="cotangent must have"):
            vjp(lambda x: [x, x], 1.0)[1]([1.0])
        with pytest.raises(TypeError, match="primals must be a tuple"):
            jvp(lambda x: x, 1.0, 1.0)
        with pytest.raises(ValueError, match=r"argument 1, but .* 1 positional"):
            grad(lambda x: x, 1)(1.0)
        with pytest.raises(ValueError, match="twice"):
            grad(lambda x: x, (0, -1))(1.0)
        for argnums in (True, 1.0, ("a",), "0"):
            with pytest.raises(TypeError, match="argnums"):
                grad(lambda x: x, argnums)(1.0)
        with pytest.raises(ValueError, match="0 or more"):
            derivative(autodiff.sin, -1)
        with pytest.raises(TypeError, match="an int, got float"):
            derivative(autodiff.sin, 1.0)

    def test_an_error_in_the_function_leaves_nothing_behind(self):
        with pytest.raises(ZeroDivisionError):
            grad(lambda x: 1 // 0)(1.0)
        w = Value(2.0)
        assert type(grad(lambda x: w.data * x)(1.0)) is float


def test_threads():
    def work(k):
        random = Random(k)
        results = []
        for _ in range(20):
            v = [random.uniform(-2.0, 2.0) for _ in range(4)]
            results.append((grad(rosenbrock)(v), hvp(rosenbrock, (v,), (v,)), derivative(lambda x: x**5, 3)(v[0])))
        return results

    expected = [work(k) for k in range(8)]
    barrier = threading.Barrier(8)

    def together(k):
        barrier.wait()
        return work(k)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(together, range(8))) == expected


def test_threads_share_a_model():
    """Parameters that all threads use are constants; none has its gradient touched."""
    weights = [Value(0.1 * k) for k in range(5)]

    def model(v):
        return autodiff.tanh(autodiff.dot(weights, v))

    points = [[math.sin(j * k) for k in range(5)] for j in range(40)]
    expected = [grad(model)(p) for p in points]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(grad(model), points)) == expected
    assert {w.grad for w in weights} == {0.0}


def test_depth_and_memory():
    def chain(x):
        return reduce(lambda y, _: y * 1.00001, range(100_000), x * x)

    factor = 1.00001**100_000
    assert grad(chain)(3.0) == pytest.approx(6.0 * factor, rel=1e-9)
    assert derivative(chain)(3.0) == pytest.approx(6.0 * factor, rel=1e-9)
    assert hvp(chain, (3.0,), (1.0,))[0] == pytest.approx(2.0 * factor, rel=1e-9)
    assert grad(grad(chain))(3.0) == pytest.approx(2.0 * factor, rel=1e-9)


def test_nothing_is_left_to_the_garbage_collector():
    v = [0.3, -0.4, 1.2]

    def work():
        grad(rosenbrock)(v)
        hvp(rosenbrock, (v,), (v,))
        hessian(rosenbrock)(v)
        vjp(rosenbrock, v)[1](1.0)
        derivative(lambda x: x**3 * autodiff.sin(x), 3)(0.5)

    work()
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(5):
            work()
        assert len(gc.get_objects()) <= before + 2
        assert gc.collect() == 0
    finally:
        gc.enable()
