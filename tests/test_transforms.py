"""Gradients as graphs."""

from __future__ import annotations

import math

import pytest
import strategies
from hypothesis import given

import autodiff
from autodiff import Value, grad_graph, no_grad


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
