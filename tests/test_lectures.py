"""The numbers of the lectures, computed with Values, to the digits that are given for them."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

import autodiff
from autodiff import Value, grad_graph
from autodiff.reverse import contributions


def near(x: float, digits: int) -> object:
    """Equal to a number that is given with so many decimals."""
    return pytest.approx(x, abs=0.5000001 * 10.0**-digits)


def descend(f: Callable[..., Value], start: tuple[float, ...], rate: float):
    """Gradient descent: yields the point, the loss, the gradient and the point after the step, forever."""
    xs = [Value(x) for x in start]
    while True:
        at = [x.data for x in xs]
        loss = f(*xs)
        loss.backward()
        gradient = [x.grad for x in xs]
        for x in xs:
            x.data -= rate * x.grad
            x.grad = 0.0
        yield at, loss.data, gradient, [x.data for x in xs]


# -- A ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [-2.0, 0.0, 0.5, 3.0])
def test_a3_the_chain_rule_traced(at):
    x = Value(at)
    inner = 3 * x
    shifted = inner + 2
    y = shifted**2
    y.backward()
    assert x.grad == 6 * (3 * at + 2)
    steps = [next(contributions(v))[1] for v in (y, shifted, inner)]
    assert steps == [2 * (3 * at + 2), 1.0, 3.0]
    assert math.prod(steps) == x.grad
    assert grad_graph(grad_graph(y, x), x).data == 18.0


def network_2_1_1():
    """The worked network: its parameters, and a function that runs it and returns all its quantities."""
    p = {name: Value(x) for name, x in {"w1": 0.5, "w2": 0.5, "b1": 0.0, "v": 0.5, "b2": 0.0}.items()}

    def run():
        z1 = p["w1"] * 1.0 + p["w2"] * 2.0 + p["b1"]
        a1 = z1.sigmoid()
        z2 = p["v"] * a1 + p["b2"]
        a2 = z2.sigmoid()
        return z1, a1, z2, a2, (1.0 - a2) ** 2

    return p, run


def test_a4_the_worked_network():
    p, run = network_2_1_1()
    z1, a1, z2, a2, loss = run()
    assert [v.data for v in (z1, a1, z2, a2, loss)] == [
        near(1.5, 7),
        near(0.8175745, 7),
        near(0.4087872, 7),
        near(0.6007970, 7),
        near(0.1593630, 7),
    ]
    loss.backward()
    assert a2.grad == near(-0.7984059, 7)
    assert dict(contributions(a2))[z2] == near(0.2398400, 7)
    assert z2.grad == near(-0.1914896, 7)
    assert p["v"].grad == near(-0.1565570, 7)
    assert dict(contributions(a1))[z1] == near(0.1491465, 7)
    assert z1.grad == near(-0.0142800, 7)
    assert [p["w1"].grad, p["w2"].grad] == [near(-0.0142800, 7), near(-0.0285600, 7)]
    assert p["b1"].grad == z1.grad
    assert p["b2"].grad == z2.grad
    assert [g.data for g in grad_graph(loss, list(p.values()))] == [w.grad for w in p.values()]


def test_a4_the_update():
    p, run = network_2_1_1()
    run()[-1].backward()
    for name in ("w1", "w2", "v"):
        p[name].data -= 0.5 * p[name].grad
    assert p["v"].data == near(0.5782785, 7)
    assert [p["w1"].data, p["w2"].data] == [near(0.5071400, 7), near(0.5142800, 7)]
    assert run()[-1].data == near(0.146871, 6)
    for name in ("b1", "b2"):
        p[name].data -= 0.5 * p[name].grad
    assert run()[-1].data == near(0.130130, 6)


def test_a4_the_general_formula_belongs_to_half_the_squared_error():
    _, run = network_2_1_1()
    _, _, z2, a2, _ = run()
    half = 0.5 * (1.0 - a2) ** 2
    half.backward()
    slope = a2.data * (1.0 - a2.data)
    assert z2.grad == pytest.approx((a2.data - 1.0) * slope, rel=1e-14)


def test_a5_deltas_and_an_update():
    a, f = Value(1.0), Value(0.2)  # the error is a factor of -2, the slope of the activation 0.2
    (-2.0 * f * a).backward()
    assert a.grad == pytest.approx(-0.4, rel=1e-15)
    w = Value(1.5)
    (0.3 * w).backward()
    w.data -= 0.1 * w.grad
    assert w.data == pytest.approx(1.47, rel=1e-15)


# -- B ---------------------------------------------------------------------------------------------------------


def parabola(w):
    return (w - 6) ** 2


def test_b1_the_first_steps():
    steps = descend(parabola, (23.0,), 0.1)
    assert [next(steps)[3][0] for _ in range(5)] == pytest.approx([19.6, 16.88, 14.704, 12.9632, 11.57056], rel=1e-14)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (lambda before, after: abs(before[2][0]) <= 1e-6, 78),  # the gradient, at a point reached by so many steps
        (lambda before, after: abs(before[3][0] - before[0][0]) <= 1e-6, 69),  # the step just made
        (lambda before, after: abs(after[1] - before[1]) <= 1e-6, 43),  # the change of the loss by it
    ],
    ids=["gradient", "step", "loss"],
)
def test_b1_three_stopping_rules(rule, expected):
    steps = descend(parabola, (23.0,), 0.1)
    before = next(steps)
    made = 0
    while True:
        made += 1
        after = next(steps)
        if rule(after if expected == 78 else before, after):
            break
        before = after
    assert made == expected
    assert after[0][0] == pytest.approx(6.0, abs=1e-2)


# -- D ---------------------------------------------------------------------------------------------------------


def test_d1_one_dimension():
    steps = descend(lambda x: x**2, (5.0,), 0.1)
    points = [next(steps)[3][0] for _ in range(20)]
    assert points[:5] == pytest.approx([4, 3.2, 2.56, 2.048, 1.6384], rel=1e-14)
    assert points[-1] == near(0.057646, 6)
    assert next(steps)[1] == near(0.003323, 6)


def test_d1_two_dimensions():
    steps = descend(lambda x, y: x**2 + 2 * y**2, (4.0, 3.0), 0.1)
    losses = [next(steps)[1] for _ in range(16)]
    assert losses[0] == 34.0
    assert losses[1:4] == [near(16.72, 4), near(8.8864, 4), near(5.0341, 4)]
    assert losses[15] == near(0.0198, 4)


def test_d2_a_dense_layer_forward_and_backward():
    """ReLU(W x + b) and its gradients against the matrix formulas."""
    x, b = [Value(1.0), Value(-2.0), Value(0.5)], [Value(0.25), Value(-1.0)]
    w = [[Value(0.5), Value(-0.25), Value(1.0)], [Value(0.75), Value(0.5), Value(-1.0)]]
    z = [autodiff.dot(row, x) + c for row, c in zip(w, b)]
    a = [v.relu() for v in z]
    assert [v.data for v in z] == [1.75, -1.75]
    assert [v.data for v in a] == [1.75, 0.0]
    upstream = [3.0, 5.0]
    autodiff.dot(a, upstream).backward()
    delta = [3.0, 0.0]
    assert [v.grad for v in b] == delta
    assert [[v.grad for v in row] for row in w] == [[d * v.data for v in x] for d in delta]
    assert [v.grad for v in x] == [sum(d * row[k].data for d, row in zip(delta, w)) for k in range(3)]


def test_d2_relu():
    xs = [Value(x) for x in (-2.0, -0.5, 0.0, 0.5, 2.0)]
    autodiff.sum([x.relu() for x in xs]).backward()
    assert [x.relu().data for x in xs] == [0.0, 0.0, 0.0, 0.5, 2.0]
    assert [x.grad for x in xs] == [0.0, 0.0, 0.0, 1.0, 1.0]


def test_d2_softmax():
    p = autodiff.softmax([Value(x) for x in (1.0, 2.0, 3.0)])
    powers = [math.exp(x) for x in (1.0, 2.0, 3.0)]
    assert [v.data for v in p] == pytest.approx([e / sum(powers) for e in powers], rel=1e-15)


@pytest.mark.parametrize("target", [0, 1, 2])
@pytest.mark.parametrize("logits", [(2.0, 1.0, 0.1), (0.0, 0.0, 0.0), (-30.0, 5.0, 1.0)])
def test_d2_softmax_with_cross_entropy_has_the_gradient_p_minus_y(target, logits):
    powers = [math.exp(x - max(logits)) for x in logits]
    expected = [e / sum(powers) - (k == target) for k, e in enumerate(powers)]
    zs = [Value(x) for x in logits]
    (autodiff.logsumexp(zs) - zs[target]).backward()
    assert [z.grad for z in zs] == pytest.approx(expected, rel=1e-13, abs=1e-15)
    zs = [Value(x) for x in logits]
    (-autodiff.softmax(zs)[target].log()).backward()
    assert [z.grad for z in zs] == pytest.approx(expected, rel=1e-13, abs=1e-15)


# -- E ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [-3.0, 0.0, 0.5, 4.0])
def test_e3_the_derivative_of_the_sigmoid(at):
    z = Value(at)
    s = z.sigmoid()
    s.backward()
    assert z.grad == pytest.approx(s.data * (1.0 - s.data), rel=1e-13)


def test_e3_at_ten_it_is_small_but_not_zero():
    z = Value(10.0)
    z.sigmoid().backward()
    assert f"{z.grad:.2e}" == "4.54e-05"
