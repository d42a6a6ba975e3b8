"""Gradient descent steps."""

from __future__ import annotations

import math

import pytest

from autodiff import Value
from nn import Neuron
from nn.optim import SGD


def descend(f, start, lr, steps):
    """The data of all parameters after each step of descent on f."""
    ps = [Value(x) for x in start]
    descent = SGD(ps, lr)
    path = []
    for _ in range(steps):
        descent.zero_grad()
        f(*ps).backward()
        descent.step()
        path.append([p.data for p in ps])
    return path


def test_a_parabola():
    path = descend(lambda x: x**2, [5.0], 0.1, 20)
    assert [x for (x,) in path[:5]] == pytest.approx([4, 3.2, 2.56, 2.048, 1.6384], rel=1e-14)
    assert path[-1][0] == pytest.approx(0.057646, abs=5e-7)
    assert path[-1][0] ** 2 == pytest.approx(0.003323, abs=5e-7)


def test_a_bowl_of_two_variables():
    path = descend(lambda x, y: x**2 + 2 * y**2, [4.0, 3.0], 0.1, 15)
    heights = [x * x + 2 * y * y for x, y in path]
    assert heights[:3] == pytest.approx([16.72, 8.8864, 5.0341], abs=5e-5)
    assert heights[14] == pytest.approx(0.0198, abs=5e-5)


def test_descent_to_six():
    path = descend(lambda w: (w - 6) ** 2, [23.0], 0.1, 5)
    assert [w for (w,) in path] == pytest.approx([19.6, 16.88, 14.704, 12.9632, 11.57056], rel=1e-14)


@pytest.mark.parametrize(("lr", "loss"), [(0.01, 44.5700), (0.1, 0.0133), (0.5, 0.0), (1.1, 146977.1568)])
def test_learning_rates(lr, loss):
    (x,) = descend(lambda x: x**2, [10.0], lr, 20)[-1]
    assert x * x == pytest.approx(loss, abs=5e-5)


def test_a_rate_of_zero_changes_nothing():
    assert descend(lambda x: x**2, [5.0], 0, 3) == [[5.0]] * 3


def test_the_rate_may_be_changed_on_the_way():
    w = Value(1.0)
    descent = SGD([w], lr=0.5)
    w.grad = 1.0
    descent.step()
    descent.lr = 0.25
    assert descent.lr == 0.25
    descent.step()
    assert w.data == 0.25


def test_a_forgotten_zero_grad_adds_up():
    w = Value(1.0)
    for _ in range(2):
        (3 * w).backward()
    assert w.grad == 6.0
    SGD([w], 0.1).zero_grad()
    assert w.grad == 0.0


@pytest.mark.parametrize("lr", [-0.1, math.nan, math.inf])
def test_a_rate_out_of_range_is_refused(lr):
    descent = SGD([Value(1.0)], 0.5)
    with pytest.raises(ValueError, match="finite and at least 0"):
        SGD([Value(1.0)], lr)
    with pytest.raises(ValueError, match="finite and at least 0"):
        descent.lr = lr
    assert descent.lr == 0.5


@pytest.mark.parametrize(
    ("parameters", "error", "told"),
    [
        ([], ValueError, "no parameters"),
        ([1.0], TypeError, "got float"),
        (Value(1.0), TypeError, "list of Values"),
        (Neuron(1), TypeError, r"model\.parameters\(\)"),
        ([Value(1.0) * 2], ValueError, "computed by 'mul'"),
        ([Value(1.0)] * 2, ValueError, "twice"),
    ],
)
def test_what_cannot_be_trained_is_refused(parameters, error, told):
    with pytest.raises(error, match=told):
        SGD(parameters, 0.1)


def test_a_rate_that_is_no_number_is_refused():
    with pytest.raises(TypeError, match="real number"):
        SGD([Value(1.0)], "0.1")
