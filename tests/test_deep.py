"""Graphs of a million nodes: no recursion, linear memory, nothing left for the garbage collector."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
import tracemalloc

import pytest

import autodiff
from autodiff import Value, grad_graph
from autodiff.graph import topological

pytestmark = pytest.mark.slow

MILLION = 10**6


@pytest.fixture
def uncollected():
    """The collector is disabled; afterwards no Value may be left that was not there before."""

    def count():
        return sum(type(o) is Value for o in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = count()
        yield
        left = count() - before
    finally:
        gc.enable()
    assert left == 0, "reference counting alone must free a graph"


def chain(n):
    x = y = Value(1.0)
    for _ in range(n // 2):
        y = y * 0.5 + 1.0
    return x, y


def ladder(n):
    """Diamonds upon diamonds: 2**(n/2) paths."""
    x = y = Value(1.0)
    for _ in range(n // 3):
        y = y * 0.25 + y * 0.75
    return x, y


def fan_out(n):
    """One node used in n places, summed up along a chain and in one node."""
    x = Value(1.0)
    uses = [x * 2.0 for _ in range(n // 2)]
    y = autodiff.sum(uses)
    z = uses[0]
    for u in uses[1:]:
        z = z + u
    return x, y + z


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize(
    ("build", "slope"),
    [(chain, 0.0), (ladder, 1.0), (fan_out, 4.0 * (MILLION // 2))],
)
def test_a_million_nodes_build_sweep_refresh_and_are_freed(build, slope):
    x, y = build(MILLION)
    assert len(topological([y])) >= MILLION - 2
    y.backward()
    assert x.grad == slope
    before = y.data
    x.data = 2.0
    y.refresh()
    y.backward()
    assert x.grad == 2 * slope
    assert y.data == pytest.approx(before + slope, rel=1e-12)
    y.zero_grad()
    assert x.grad == 0.0


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
