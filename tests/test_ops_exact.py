"""Every operation at fixed points: fast, so that mutation testing can ask it thousands of times."""

from __future__ import annotations

import itertools

import exact
import pytest

from autodiff import Value, grad_graph, ops
from autodiff.operation import OPERATIONS


@pytest.mark.parametrize("name", OPERATIONS)
def test_values_and_partials_lie_between_their_bounds(name):
    op = OPERATIONS[name]
    for answer in exact.answers(name):
        y = op.value(*answer.operands)
        low, high = answer.value
        assert low <= y <= high, answer
        flat = answer.operands if op.arity else [x for xs in answer.operands for x in xs]
        found = op.partials(y, flat, [True] * len(flat))
        for k, (p, b) in enumerate(zip(found, answer.partials)):
            if b is not None:
                assert b[0] <= (0.0 if p is None else p) <= b[1], (k, p, answer)


@pytest.mark.parametrize("name", exact.DOMAINS)
def test_domains(name):
    assert OPERATIONS[name].domain == exact.DOMAINS[name]


@pytest.mark.parametrize("name", exact.SINGULAR)
def test_singular_functions_are_zero_at_singular_points_only_and_change_sign_there(name):
    numbers = [-3.0, -2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 2.0, 3.0]
    for point in itertools.product(numbers, repeat=OPERATIONS[name].arity):
        found = OPERATIONS[name].singular(*point)
        assert (found > 0.0) - (found < 0.0) == exact.SINGULAR[name](*point), point


def test_parameters_have_defaults():
    """Those of PyTorch."""
    assert OPERATIONS["leaky_relu"].default == 0.01
    assert OPERATIONS["elu"].default == 1.0


@pytest.mark.parametrize("n", [3.0, 0.5, -1.0, -0.5, -2.0, 4.25, 1000.0])
def test_the_gradient_of_a_constant_power_is_a_multiple_of_a_power(n):
    x = Value(1.5)
    g = grad_graph(x**n, x)
    assert g.op is OPERATIONS["mul"]
    factor, power = g.operands
    assert factor == n
    assert power.op is OPERATIONS["pow"]
    assert power.operands == (x, n - 1.0)


@pytest.mark.parametrize("n", [1e-20, -1e-17, 1 / 3, 1e17, Value(3.0), Value(2.0), Value(1.0)])
def test_but_not_where_the_exponent_is_rounded_or_may_change(n):
    x = Value(1.5)
    g = grad_graph(x**n, x)
    assert g.op is OPERATIONS["power_slope"]
    assert g.operands == (x, n)


def test_the_gradients_of_a_square_and_of_lower_powers_are_plainer_still():
    x = Value(1.5)
    square = grad_graph(x**2.0, x)
    assert square.op is OPERATIONS["mul"]
    assert square.operands == (2.0, x)
    for n in (0.0, 1.0):
        g = grad_graph(x**n, x)
        assert (g.data, g.op) == (n, None)


@pytest.mark.parametrize("n", [3.0, -1.0, 0.7, 4.25, -2.9, 30.0])
def test_it_is_the_same_number_whether_the_exponent_may_change_or_not(n):
    for x in map(Value, (0.1, 1.3, 1.7, 5.1)):
        changing, constant = grad_graph(x ** Value(n), x), grad_graph(x**n, x)
        assert changing.data == constant.data


def test_an_import_of_everything_gives_what_users_call():
    assert ops.__all__ == ops.PUBLIC
    assert {"add", "clip", "log_softmax", "relu", "softmax", "where"} <= set(ops.PUBLIC)
    assert not {"sech2", "step", "power_slope", "numerics", "math"} & set(ops.PUBLIC)


@pytest.mark.parametrize("n", range(1, 12))
def test_partials_of_a_product_are_products(n):
    """Of two numbers at a time, or up to 8 factors of all others at once; where no product is needed there is none."""
    xs = [Value(1.0 + k) for k in range(n)]
    found = OPERATIONS["prod"].partials(None, xs, [True] * n)
    if n < 3:
        assert found == ([xs[1], xs[0]] if n == 2 else [1.0])
    else:
        assert {p.op.name for p in found} == {"prod" if 4 <= n <= 8 else "mul"}


def test_the_only_logit_has_all_the_probability():
    assert ops.softmax([3.0]) == [1.0]
