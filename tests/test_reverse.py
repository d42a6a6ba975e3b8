"""Reverse mode: right gradients of random graphs, whatever the order, the mode and the history."""

from __future__ import annotations

import math
import sys
import threading
from itertools import pairwise
from random import Random

import pytest
import reference
import strategies
from hypothesis import given
from hypothesis import strategies as st
from reference import UNIT, mp, mpf
from strategies import Program

import autodiff
from autodiff import StaleGraphError, Value, grad_graph
from autodiff.derivatives import adjoints
from autodiff.operation import OPERATIONS, Unary
from autodiff.reverse import contributions


def values_and_partials(i, operands):
    """The reference's value of an instruction and its partials, flat."""
    if i.name == "softmax":
        return reference.softmax_row(i.pick, operands)
    groups = i.groups(operands)
    return reference.value(i.name, *groups), reference.partials(i.name, *groups)


def forward_mode(program: Program, nudge=lambda: mpf(1)):
    """The exact gradient of a program: dual numbers in 50 digits, one tangent for each leaf."""
    n = len(program.leaves)
    leaves = [(mpf(x), [mpf(j == k) for j in range(n)]) for k, x in enumerate(program.leaves)]

    def apply(i, operands):
        duals = [o if isinstance(o, tuple) else (mpf(o), [mpf(0)] * n) for o in operands]
        y, slopes = values_and_partials(i, [x for x, _ in duals])
        return y * nudge(), [mp.fsum(p * d[1][j] for p, d in zip(slopes, duals)) for j in range(n)]

    return program.run(leaves, apply)[-1][1]


def local_sweep(program: Program, slots: list[float]):
    """The reverse sweep with exact partials at the engine's own numbers: the gradient, and the sum of all
    absolute products, which bounds what rounding can do to it."""
    exact, sizes = ([mpf(0)] * len(slots) for _ in range(2))
    exact[-1] = sizes[-1] = mpf(1)
    for k in range(len(slots) - 1, len(program.leaves) - 1, -1):
        i = program.instructions[k - len(program.leaves)]
        _, slopes = values_and_partials(i, [mpf(slots[r] if isinstance(r, int) else r) for r in i.operands])
        for r, p in zip(i.operands, slopes, strict=True):
            if isinstance(r, int):
                exact[r] += p * exact[k]
                sizes[r] += abs(p) * sizes[k]
    n = len(program.leaves)
    return exact[:n], sizes[:n]


def engine_gradient(program: Program):
    """Slots (as floats) and the gradient by `backward`."""
    leaves = [Value(x) for x in program.leaves]
    slots = program.build(leaves)
    slots[-1].backward()
    return [v.data for v in slots], [x.grad for x in leaves]


@given(program=strategies.programs())
def test_random_graphs_agree_with_the_reference(program):
    slots, gradient = engine_gradient(program)
    exact, sizes = local_sweep(program, slots)
    depth = len(program.instructions)
    for g, t, size in zip(gradient, exact, sizes, strict=True):
        # Each edge multiplies by a partial that is good to some ulp and rounds twice.
        assert abs(g - t) <= 64 * (depth + 1) * UNIT * size + mpf(2) ** -1000


@given(program=strategies.programs(), seed=st.integers(0, 2**32))
def test_random_graphs_agree_with_forward_mode_in_50_digits(program, seed):
    """End to end. The bound is what relative perturbations of all intermediate results do to the exact gradient."""
    slots, gradient = engine_gradient(program)
    true = forward_mode(program)
    _, sizes = local_sweep(program, slots)
    random, tiny = Random(seed), mpf(10) ** -25
    moved = [mpf(0)] * len(true)
    for _ in range(3):
        perturbed = forward_mode(program, lambda: 1 + random.choice([-1, 1]) * random.uniform(0.5, 1.0) * tiny)
        moved = [m + abs(p - t) / tiny for m, p, t in zip(moved, perturbed, true)]
    for g, t, size, m in zip(gradient, true, sizes, moved, strict=True):
        assert abs(g - t) <= 1000 * UNIT * (size + m) + mpf(2) ** -1000


@given(program=strategies.programs())
def test_random_graphs_agree_with_finite_differences(program):
    """Central differences of the engine's float functions; points whose neighbours lie across a kink are left out."""
    slots, gradient = engine_gradient(program)
    signs = program.signs(slots)
    for k, g in enumerate(gradient):

        def f(step, k=k):
            return program.build([x + step * (j == k) for j, x in enumerate(program.leaves)])

        estimates = []
        for h in (1e-3, 5e-4, 2.5e-4):
            above, below = f(h), f(-h)
            if program.signs(above) == program.signs(below) == signs:
                estimates.append((above[-1] - below[-1]) / (2 * h))
        if len(estimates) == 3:
            coarse, fine = ((4 * b - a) / 3 for a, b in pairwise(estimates))  # Richardson: error h**4
            truncation = abs(coarse - fine)  # a bound of the error of `fine`, some 15 times too large
            noise = 1e-9 * (1.0 + max(map(abs, slots)))
            assert abs(g - fine) <= 2 * truncation + noise


@given(program=strategies.programs())
def test_the_reference_agrees_with_finite_differences_in_50_digits(program):
    slots = program.build(list(program.leaves))
    true = forward_mode(program)
    h = mpf(10) ** -15

    def f(k, step):
        moved = [mpf(x) + step * (j == k) for j, x in enumerate(program.leaves)]
        return program.run(moved, lambda i, at: values_and_partials(i, list(map(mpf, at)))[0])[-1]

    _, sizes = local_sweep(program, slots)
    for k, t in enumerate(true):
        assert abs((f(k, h) - f(k, -h)) / (2 * h) - t) <= mpf(10) ** -15 * (1 + sizes[k])


def agree(a, b):
    """Equal as floats: nan equals nan, and 0.0 equals -0.0 (a sum that starts at 0.0 loses the sign)."""
    return a == b or (a != a and b != b)


@given(data=st.data())
def test_gradients_do_not_depend_on_the_order_of_building(data):
    program = data.draw(strategies.programs())
    order = data.draw(strategies.reorderings(program))
    n = len(program.leaves)
    leaves = [Value(x) for x in program.leaves]
    nodes = dict(enumerate(leaves))
    for k in order:
        i = program.instructions[k]
        nodes[n + k] = strategies.engine(i, [nodes[r] if isinstance(r, int) else r for r in i.operands])
    nodes[n + len(order) - 1].backward()
    slots, gradient = engine_gradient(program)
    assert [nodes[k].data for k in range(len(slots))] == slots
    assert all(agree(x.grad, g) for x, g in zip(leaves, gradient))


@given(program=strategies.programs())
def test_gradients_are_the_same_computed_numerically_and_as_a_graph(program):
    _, gradient = engine_gradient(program)
    leaves = [Value(x) for x in program.leaves]
    y = program.build(leaves)[-1]
    swept = adjoints(y)
    repeated = any(i.name == "dot" and len(set(i.operands)) < len(i.operands) for i in program.instructions)
    for x, node, g in zip(leaves, grad_graph(y, leaves), gradient, strict=True):
        if repeated:  # the two sweeps add the contributions of such a dot in different orders
            assert node.data == pytest.approx(g, rel=1e-12, abs=1e-12)
        else:
            assert agree(node.data, g)
        assert agree(node.data, swept.get(x, 0.0))
    assert all(x.grad == 0.0 for x in leaves)


@given(program=strategies.programs(), seed=st.floats(-4.0, 4.0))
def test_seeds_multiply_and_calls_add_up(program, seed):
    _, gradient = engine_gradient(program)
    leaves = [Value(x) for x in program.leaves]
    y = program.build(leaves)[-1]
    y.backward(seed)
    y.backward()
    for x, g in zip(leaves, gradient):
        assert x.grad == pytest.approx((seed + 1.0) * g, rel=1e-9, abs=1e-9 * (1.0 + abs(g)))


@given(program=strategies.programs())
def test_a_refreshed_gradient_graph_is_right_at_another_point(program):
    leaves = [Value(x) for x in program.leaves]
    y = program.build(leaves)[-1]
    nodes = grad_graph(y, leaves)
    moved = Program(tuple(x + 0.0625 for x in program.leaves), program.instructions)
    at = moved.build([float(x) for x in moved.leaves])
    for leaf, x in zip(leaves, moved.leaves):
        leaf.data = x
    y.refresh()
    assert agree(y.data, at[-1])
    _, gradient = engine_gradient(moved)
    for leaf, node, g in zip(leaves, nodes, gradient):
        if node is not leaf:
            node.refresh()
        if math.isfinite(g):
            assert node.data == pytest.approx(g, rel=1e-9, abs=1e-9)


# -- dot and sum against arithmetic written out --------------------------------------------------------------------

numbers = st.lists(st.tuples(st.floats(-10.0, 10.0), st.floats(-10.0, 10.0)), min_size=1, max_size=8)


def written_out(name, xs, ys):
    total = xs[0] * ys[0] if name == "dot" else xs[0].exp() if name == "logsumexp" else xs[0]
    for x, y in zip(xs[1:], ys[1:]):
        total = total + (x * y if name == "dot" else x.exp() if name == "logsumexp" else x)
    return total / len(xs) if name == "mean" else total.log() if name == "logsumexp" else total


@pytest.mark.parametrize("name", ["sum", "mean", "dot", "logsumexp"])
@given(pairs=numbers)
def test_sequences_give_what_written_out_arithmetic_gives(name, pairs):
    gradients = []
    for build in (lambda xs, ys: getattr(autodiff, name)(*([xs, ys] if name == "dot" else [xs])), None):
        xs, ys = ([Value(p[k]) for p in pairs] for k in range(2))
        y = (build(xs, ys) if build else written_out(name, xs, ys)).tanh() + xs[0]
        y.backward()
        gradients.append([y.data, *(v.grad for v in xs + ys)])
    bound = 1e-12 * (1.0 + sum(abs(a * b) + abs(a) for a, b in pairs))
    for a, b in zip(*gradients):
        assert abs(a - b) <= bound * 10.0


# -- The engine's rows of the table --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "derivative"),
    [
        (lambda x: x * x, lambda x: 2 * x),
        (lambda x: x - x, lambda x: 0.0),
        (lambda x: x / x, lambda x: 0.0),
        (lambda x: x**x, lambda x: x**x * (math.log(x) + 1.0)),
        (lambda x: x + x, lambda x: 2.0),
        (lambda x: autodiff.dot([x, x], [x, x]), lambda x: 4 * x),
        (lambda x: autodiff.sum([x, x, x]), lambda x: 3.0),
        (lambda x: autodiff.maximum(x, x), lambda x: 1.0),
        (lambda x: (x * 2) * (x * 3) + (x * 2), lambda x: 12 * x + 2),
    ],
)
def test_one_contribution_per_operand_slot(function, derivative):
    x = Value(3.0)
    y = function(x)
    y.backward()
    assert x.grad == pytest.approx(derivative(3.0), rel=1e-15)
    assert len(list(contributions(y))) == len(y.operands)


def test_backward_twice():
    x = Value(3.0)
    y = x**3
    y.backward()
    assert x.grad == 27.0
    y.backward()
    assert x.grad == 54.0
    assert y.grad == 2.0
    y.zero_grad()
    assert (x.grad, y.grad) == (0.0, 0.0)


def test_backward_of_two_outputs_adds_up():
    x = Value(3.0)
    h = x * x
    y, z = h * 2.0, h.log()
    y.backward()
    z.backward()
    assert x.grad == pytest.approx(12.0 + 2.0 / 3.0, rel=1e-15)
    assert h.grad == pytest.approx(2.0 + 1.0 / 9.0, rel=1e-15)


def test_a_node_used_again_after_backward():
    x = Value(2.0)
    h = x * x
    h.backward()
    y = h * h
    y.backward()
    assert x.grad == 4.0 + 32.0
    assert h.grad == 1.0 + 8.0


def test_backward_of_a_leaf():
    x = Value(2.0)
    x.backward()
    x.backward(3)
    assert x.grad == 4.0


@pytest.mark.parametrize(
    ("condition", "at", "slope"),
    [
        (autodiff.log, 0.0, 3.0),  # -inf, which is not 0
        (autodiff.sqrt, 0.0, 2.0),
        (lambda x: autodiff.acos(x) * autodiff.sqrt(x - 1.0), 1.0, 2.0),
        (lambda x: autodiff.where(autodiff.log(x), autodiff.asin(x - 1.0), x), 0.0, 3.0),
    ],
)
def test_no_gradient_flows_to_a_condition_whatever_its_partials(condition, at, slope):
    def function(x):
        return autodiff.where(condition(x), 3.0 * x, 2.0 * x) + 0.0

    x = Value(at)
    for k in (1.0, 2.0):
        function(x).backward()
        assert x.grad == k * slope
    assert grad_graph(function(x), x).data == slope
    assert autodiff.grad(function)(at) == slope
    assert autodiff.jvp(function, (at,), (1.0,))[1] == slope
    assert autodiff.compile(function).grad(at) == slope


def test_a_condition_that_is_used_elsewhere_has_its_gradient():
    def function(x):
        c = autodiff.sqrt(x)
        return autodiff.where(c, 3.0 * x, 2.0 * x) + c

    for at, slope in ((0.0, math.inf), (4.0, 3.25), (-1.0, math.nan)):
        x = Value(at)
        function(x).backward()
        assert [x.grad, autodiff.grad(function)(at)] == pytest.approx([slope, slope], nan_ok=True, rel=0.0)


@pytest.mark.parametrize("seed", [2, 2.0, True, -0.5])
def test_seed(seed):
    x = Value(3.0)
    (x * x).backward(seed)
    assert x.grad == 6.0 * seed


@pytest.mark.parametrize("seed", ["1", None, 1j])
def test_a_seed_is_a_real_number(seed):
    x = Value(3.0)
    y = x * x
    with pytest.raises(TypeError, match=type(seed).__name__):
        y.backward(seed)
    assert (x.grad, y.grad) == (0.0, 0.0)


@pytest.mark.parametrize("zero", [0, None, 0.0, -0.0])
def test_gradients_that_users_have_set_to_zero(zero):
    x, y = Value(3.0), Value(4.0)
    z = x * y
    z.backward()
    x.grad = zero
    z.backward()
    assert (x.grad, y.grad) == (4.0, 6.0)


@pytest.fixture
def failing():
    """An operation whose rule raises what it is told to."""
    error = [RuntimeError("rule")]

    def rule(y, a):
        raise error[0]

    op = Unary("failing", math.fabs, da=rule, singular=None, doc="For a test.")
    try:
        from autodiff.operators import bind

        bind(op)
        yield op, error
    finally:
        del OPERATIONS["failing"]
        del Value.failing


@pytest.mark.parametrize("error", [RuntimeError("rule"), KeyboardInterrupt(), MemoryError()], ids=repr)
@pytest.mark.parametrize("before", [0.0, 5.0])
def test_an_error_midway_leaves_all_gradients_as_they_were(failing, error, before):
    op, raised = failing
    raised[0] = error
    x, w = Value(3.0), Value(2.0)
    h = x * w
    y = (op(h) + h) * w
    for v in (x, w, h, y):
        v.grad = before
    with pytest.raises(type(error)):
        y.backward()
    assert [v.grad for v in (x, w, h, y)] == [before] * 4
    (h * w).backward()
    assert x.grad == before + 4.0


def test_a_gradient_that_cannot_be_added_to_leaves_the_others_as_they_were():
    x, w = Value(3.0), Value(2.0)
    y = x * w * 4.0
    w.grad = "mine"
    with pytest.raises(TypeError):
        y.backward()
    assert (x.grad, w.grad, y.grad) == (0.0, "mine", 0.0)


def test_adjoints_change_nothing_and_leave_out_what_they_are_told_to():
    x, w = Value(3.0), Value(2.0)
    h = x * w
    y = h * h
    found = adjoints(y, 0.5)
    assert found == {y: 0.5, h: 6.0, w: 18.0, x: 12.0}
    assert set(adjoints(y, wrt=[w])) == {y, h, w}
    assert [v.grad for v in (x, w, h, y)] == [0.0] * 4


def test_independent_graphs_in_threads():
    def work(k):
        x, w = Value(0.1 * k), Value(0.5)
        for _ in range(40):
            y = x
            for _ in range(30):
                y = (y * w + autodiff.dot([x, w], [w, x])).tanh()
            y.backward()
            w.data = w.data - 0.01 * w.grad
            w.grad = x.grad = 0.0
        return w.data

    alone = [work(k) for k in range(8)]
    together: list[object] = [None] * 8

    def run(k):
        try:
            together[k] = work(k)
        except BaseException as e:
            together[k] = e

    threads = [threading.Thread(target=run, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert together == alone


def test_a_stale_graph_changes_no_gradient():
    x, w = Value(3.0), Value(2.0)
    y = (x * w).exp()
    x.grad = 7.0
    w.data = 1.0
    with pytest.raises(StaleGraphError, match="refresh"):
        y.backward()
    assert (x.grad, w.grad, y.grad) == (7.0, 0.0, 0.0)
    with pytest.raises(StaleGraphError):
        adjoints(y)


def test_two_threads_whose_graphs_share_a_leaf_lose_no_gradient():
    w = Value(1.0)

    def work():
        for _ in range(2000):
            (w * 3.0).backward()

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert w.grad == 4 * 2000 * 3.0
