"""Graphs of a million nodes: no recursion, linear memory, nothing left for the garbage collector."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import sys
import tracemalloc

import pytest

import autodiff
from autodiff import Value, derivative, grad, grad_graph, hvp, jvp, value_and_grad, vjp
from autodiff.derivatives import adjoints
from autodiff.derivatives.forward import Dual
from autodiff.graph import topological

pytestmark = pytest.mark.slow

MILLION = 10**6

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
"""Run every mode at a million nodes: that takes a quarter of an hour, and up to 3.5 GB for second derivatives."""


@pytest.fixture
def uncollected():
    """The collector is disabled; afterwards no number of a graph may be left that was not there before."""

    def count():
        return sum(type(o) in (Value, Dual) for o in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = count()
        yield
        left = count() - before
    finally:
        gc.enable()
    assert left == 0, "reference counting alone must free a graph"


def chain(x, n):
    """The identity, by steps that are exact."""
    for _ in range(n // 4):
        x = (x * 2.0 + 1.0) * 0.5 - 0.5
    return x


def ladder(x, n):
    """Diamonds upon diamonds: 2**(n/3) paths. The identity, too."""
    for _ in range(n // 3):
        x = x * 0.25 + x * 0.75
    return x


def fan_out(x, n):
    """One node used in n / 2 places, summed up along a chain and in one node."""
    uses = [x * 2.0 for _ in range(n // 2)]
    z = uses[0]
    for u in uses[1:]:
        z = z + u
    return autodiff.sum(uses) + z


def reciprocals(x, n):
    """1 / x, in an odd number of steps: no derivative is a constant, and all are whole numbers at 1."""
    for _ in range(n // 2 * 2 + 1):
        x = 1.0 / x
    return x


def squared(shape, n):
    def function(x):
        y = shape(x, n)
        return y * y

    return function


SHAPES = [chain, ladder, fan_out, reciprocals]


def slope(shape, n):
    """The derivative at 1."""
    return {fan_out: 4.0 * (n // 2), reciprocals: -1.0}.get(shape, 1.0)


def bend(shape, n):
    """The second derivative of the square at 1."""
    return 6.0 if shape is reciprocals else 2.0 * slope(shape, n) ** 2


def by_adjoints(shape, n):
    x = Value(1.0)
    return adjoints(shape(x, n))[x]


def by_refresh(shape, n):
    """Built elsewhere, and recomputed at 1."""
    x = Value(2.0)
    y = shape(x, n)
    x.data = 1.0
    y.refresh().backward()
    return x.grad


def by_grad_graph(shape, n):
    x = Value(1.0)
    return grad_graph(shape(x, n), x).data


def by_second_backward(shape, n):
    x = Value(1.0)
    y = squared(shape, n)(x)
    grad_graph(y, x).backward()
    return x.grad


def by_grad_graph_twice(shape, n):
    x = Value(1.0)
    g = grad_graph(squared(shape, n)(x), x)
    second = grad_graph(g, x)
    x.data = 1.0  # another epoch: everything is computed again
    return second.refresh().data


FIRST = {
    "adjoints": by_adjoints,
    "refresh": by_refresh,
    "grad": lambda shape, n: grad(lambda x: shape(x, n))(1.0),
    "value_and_grad": lambda shape, n: value_and_grad(lambda x: shape(x, n))(1.0)[1],
    "vjp": lambda shape, n: vjp(lambda x: shape(x, n), 1.0)[1](1.0)[0],
    "jvp": lambda shape, n: jvp(lambda x: shape(x, n), (1.0,), (1.0,))[1],
    "grad_graph": by_grad_graph,
}
SECOND = {
    "backward on a gradient": by_second_backward,
    "grad_graph twice": by_grad_graph_twice,
    "grad of grad": lambda shape, n: grad(grad(squared(shape, n)))(1.0),
    "hvp": lambda shape, n: hvp(squared(shape, n), (1.0,), (1.0,))[0],
    "derivative": lambda shape, n: derivative(squared(shape, n), 2)(1.0),
}


LARGE = {
    ("grad", chain): MILLION,
    ("jvp", ladder): MILLION,
    ("adjoints", fan_out): MILLION,
    **dict.fromkeys([("refresh", fan_out), ("value_and_grad", ladder), ("vjp", chain)], MILLION // 10),
    **dict.fromkeys([("grad_graph", reciprocals), ("backward on a gradient", ladder)], MILLION // 10),
    **dict.fromkeys([("grad_graph twice", chain), ("grad of grad", reciprocals)], MILLION // 10),
    **dict.fromkeys([("hvp", fan_out), ("derivative", ladder)], MILLION // 10),
}
"""Each mode on one large graph even in a quick run; on the other shapes a smaller one will do then."""


def size(mode, shape):
    return MILLION if DEEP else LARGE.get((mode, shape), MILLION // 100)


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("shape", [chain, ladder, fan_out])
def test_a_million_nodes_build_sweep_refresh_and_are_freed(shape):
    x = Value(1.0)
    y = shape(x, MILLION)
    assert len(topological([y])) >= MILLION - 2
    y.backward()
    assert x.grad == slope(shape, MILLION)
    before = y.data
    x.data = 2.0
    y.refresh()
    y.backward()
    assert x.grad == 2 * slope(shape, MILLION)
    assert y.data == pytest.approx(before + slope(shape, MILLION), rel=1e-12)
    y.zero_grad()
    assert x.grad == 0.0


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mode", FIRST)
def test_every_mode_on_deep_graphs(mode, shape):
    n = size(mode, shape)
    assert FIRST[mode](shape, n) == slope(shape, n)


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mode", SECOND)
def test_every_mode_of_second_derivatives_on_deep_graphs(mode, shape):
    n = size(mode, shape)
    assert SECOND[mode](shape, n) == bend(shape, n)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mode", [*FIRST, *SECOND])
def test_work_is_proportional_to_the_graph(mode, shape):
    """Counted in lines of Python that run; what is done inside a line is linear, or a million nodes would not end."""
    run = FIRST.get(mode) or SECOND[mode]
    few, many = (lines_run(run, shape, n) for n in (600, 1200))
    assert 1.9 * few < many < 2.1 * few


def lines_run(function, *args):
    count = 0

    def tracer(frame, event, arg):
        nonlocal count
        count += event == "line"
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        function(*args)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.usefixtures("uncollected")
def test_a_gradient_graph_of_a_deep_chain():
    x = y = Value(0.5)
    for _ in range(10**5):
        y = y.sin()
    g = grad_graph(y, x)
    y.backward()
    assert g.data == x.grad != 0.0
    g.refresh()
    assert g.data == x.grad
    grad_graph(g, x)


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))], ids=["deepcopy", "pickle"]
)
def test_copies_of_a_million_nodes(duplicate):
    x = y = Value(1.0)
    for _ in range(MILLION // 2):
        y = y * 1.000001 + 1e-6
    z = duplicate(y)
    z.backward()
    leaf = next(v for v in topological([z]) if v.op is None)
    assert leaf is not x
    assert x.grad == 0.0
    assert leaf.grad == pytest.approx(1.000001 ** (MILLION // 2), rel=1e-9)
    leaf.data = 3.0
    y.backward()
    assert x.grad == leaf.grad
    assert z.refresh().data != y.data


@pytest.mark.usefixtures("uncollected")
def test_small_graphs_are_freed_at_once_too():
    for _ in range(10):
        x, w = Value(0.5, "x"), Value(2.0)
        with autodiff.scope("part"):
            y = autodiff.softmax([x * w, x**w, abs(x).log1p()])[0] * autodiff.dot([x, w], [w, x])
        y.backward()
        g = grad_graph(grad_graph(y, x), w)
        g.backward()
        x.data = 1.0
        with pytest.raises(autodiff.StaleGraphError):
            y.backward()
        y.refresh()
        copy.deepcopy(y).backward()
        pickle.loads(pickle.dumps(y))
        with autodiff.no_grad():
            y * y


@pytest.mark.skipif(
    sys.implementation.name != "cpython" or sys.version_info[:2] != (3, 11),
    reason="sizes of objects are those of CPython 3.11",
)
@pytest.mark.parametrize("swept", [False, True], ids=["built", "swept"])
@pytest.mark.parametrize(
    "step",
    [lambda y, x: y * x, lambda y, x: y * 1.5, lambda y, x: y.tanh(), lambda y, x: 2.5 - y],
    ids=["node", "constant", "unary", "reflected"],
)
def test_a_node_takes_at_most_128_bytes(step, swept):
    """With everything that it carries: the object, its number and, after a sweep, its gradient."""
    n = 50_000
    x = y = Value(0.999999)
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(n):
            y = step(y, x)
        if swept:
            y.backward()
        gc.collect()
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size / n <= 128.1
    assert size / n >= 80.0, "tracemalloc has seen the nodes"
