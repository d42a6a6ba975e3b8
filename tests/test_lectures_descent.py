"""The numbers of the lectures on descent: rates, stopping rules, schedules, momentum, noise."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from functools import partial

import pytest

import autodiff
from autodiff import Value, hessian
from nn import minimize, schedules
from nn.optim import SGD
from nn.stopping import GradientNorm, StepSize, ValueChange


def near(x: float, digits: int) -> object:
    """Equal to a number that is given with so many decimals."""
    return pytest.approx(x, abs=0.5000001 * 10.0**-digits)


def square(x):
    return x**2


def parabola(w):
    return (w - 6) ** 2


def valley(v):
    return v[0] ** 2 + 10 * v[1] ** 2


def ravine(v):
    return v[0] ** 2 + 100 * v[1] ** 2


# -- A ---------------------------------------------------------------------------------------------------------


def test_a1_the_update_rule():
    way = minimize(square, 3.0, lr=0.25, stop=None, steps=1)
    assert way.points == [[3.0], [3.0 - 0.25 * 6.0]]


@pytest.mark.parametrize(
    ("lr", "ends"),
    [
        (0.0, 10.0),  # zero: it stays
        (0.001, 10.0 * 0.998**20),  # too small: hardly away
        (0.3, 10.0 * 0.4**20),  # right
        (0.95, 10.0 * 0.9**20),  # nearly too large: from side to side, slowly inwards
        (1.0, 10.0),  # from side to side for ever
        (1.1, 10.0 * 1.2**20),  # too large: away
    ],
)
def test_a1_learning_rates_zero_small_right_and_large(lr, ends):
    """On x^2 a step multiplies by 1 - 2 lr."""
    way = minimize(square, 10.0, lr=lr, stop=None, steps=20)
    assert way.x == pytest.approx(ends, rel=1e-12)
    signs = [math.copysign(1.0, x) for (x,) in way.points]
    assert (signs == [(-1.0) ** k for k in range(21)]) == (lr > 0.5)


def swings(values):
    """How often a loss turns from falling to rising or back."""
    rises = [b > a for a, b in itertools.pairwise(values)]
    return sum(a != b for a, b in itertools.pairwise(rises))


def test_a10_an_oscillating_loss_and_its_remedies():
    """A valley with ripples across it: the rate that is right along the valley is too large for the ripples."""

    def loss(v):
        return 0.5 * (v[0] ** 2 + 50.0 * v[1] ** 2 + autodiff.sin(20.0 * v[1]))

    start = [5.0, 1.0]
    shaking = minimize(loss, start, lr=0.04, stop=None, steps=100)
    smaller = minimize(loss, start, lr=0.004, stop=None, steps=100)
    schedule = minimize(loss, start, lr=schedules.exponential(0.04, 0.95), stop=None, steps=100)
    adam = minimize(loss, start, "adam", lr=schedules.cosine(0.3, 100), stop=None, steps=100)
    rms = minimize(loss, start, "rmsprop", lr=schedules.cosine(0.3, 100), stop=None, steps=100)
    assert swings(shaking.values[50:]) > 20
    for calm in (smaller, schedule, adam, rms):
        assert swings(calm.values[50:]) < 0.5 * swings(shaking.values[50:])
    assert adam.value < shaking.value
    assert rms.value < shaking.value


def test_a10_normalised_features():
    """A feature a hundred times larger makes a ravine; standardised, the same rate serves both weights."""
    rng = random.Random(0)
    small, large = ([rng.gauss(0.0, s) for _ in range(50)] for s in (1.0, 100.0))
    targets = [2.0 * a + 0.03 * b for a, b in zip(small, large)]

    def loss(rows):
        return lambda v: autodiff.mean([(v[0] * a + v[1] * b - t) ** 2 for (a, b), t in zip(rows, targets)])

    raw = list(zip(small, large))
    spread = [statistics.pstdev(column) for column in (small, large)]
    scaled = [(a / spread[0], b / spread[1]) for a, b in raw]
    assert minimize(loss(raw), [0.0, 0.0], lr=0.3, steps=100).diverged
    far = minimize(loss(raw), [0.0, 0.0], lr=9e-5, steps=100)
    good = minimize(loss(scaled), [0.0, 0.0], lr=0.3, steps=100)
    assert good.stopped == "gradient norm at most 1e-06"
    assert [w / s for w, s in zip(good.x, spread)] == pytest.approx([2.0, 0.03], abs=1e-6)
    assert abs(far.x[0] - 2.0) > 1.0


# -- B ---------------------------------------------------------------------------------------------------------


def test_b1_the_first_steps():
    way = minimize(parabola, 23.0, lr=0.1, steps=5)
    assert [x for (x,) in way.points[1:]] == pytest.approx([19.6, 16.88, 14.704, 12.9632, 11.57056], rel=1e-14)


@pytest.mark.parametrize(("rule", "steps"), [(GradientNorm, 78), (StepSize, 69), (ValueChange, 43)])
def test_b1_three_stopping_rules(rule, steps):
    way = minimize(parabola, 23.0, lr=0.1, stop=rule(1e-6))
    assert (way.steps, way.rule) == (steps, rule(1e-6))
    assert way.x == pytest.approx(6.0, abs=1e-2)
    together = minimize(parabola, 23.0, lr=0.1, stop=[GradientNorm(1e-6), StepSize(1e-6), rule(1e-6)])
    assert together.steps == min(steps, 69)


def test_b2_overshooting():
    """A short gradient does not make a short step if the rate is long."""
    way = minimize(lambda w: 0.1 * w, 0.0, lr=1000.0, stop=None, steps=1)
    assert way.gradient_norms[0] == 0.1
    assert way.points[1] == [pytest.approx(-100.0, rel=1e-15)]


@pytest.mark.parametrize("gamma", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("at", [-2.0, 0.5, 3.0])
def test_b2_a_step_minimises_the_linear_model_with_a_quadratic_penalty(gamma, at):
    """f(x) + f'(x) (w - x) + lambda (w - x)^2 with lambda = 1 / (2 gamma) is lowest at x - gamma f'(x)."""

    def f(x):
        return x**4 - 3 * x**2 + x

    x = Value(at)
    height = f(x)
    height.backward()
    strength = 1.0 / (2.0 * gamma)

    def model(w):
        return height.data + x.grad * (w - at) + strength * (w - at) ** 2

    lowest = minimize(model, at, lr=0.4 / strength, stop=GradientNorm(1e-10))
    step = minimize(f, at, lr=gamma, stop=None, steps=1)
    assert lowest.x == pytest.approx(step.x, abs=1e-9)


def test_b2_the_model_bounds_the_function_while_gamma_is_below_one_over_the_curvature():
    curvature = hessian(square)(1.0)
    assert curvature == 2.0
    for gamma, descends in ((0.9 / curvature, True), (1.9 / curvature, True), (2.1 / curvature, False)):
        way = minimize(square, 1.0, lr=gamma, stop=None, steps=1)
        assert (way.values[1] < way.values[0]) == descends
        model = 1.0 - gamma * 2.0**2 / 2.0  # at its lowest point
        assert (way.values[1] <= model) == (gamma <= 1.0 / curvature)


def test_b3_decay_by_each_schedule():
    n = 10
    rates = {name: [schedules.named(name, 1.0, n)(k) for k in range(n)] for name in schedules.SCHEDULES}
    assert rates["constant"] == [1.0] * n
    assert rates["step"] == pytest.approx([0.1 ** (k // 4) for k in range(n)])
    assert rates["exponential"] == pytest.approx([0.01 ** (k / n) for k in range(n)])
    assert rates["cosine"] == pytest.approx([(1 + math.cos(math.pi * k / n)) / 2 for k in range(n)])
    assert rates["inverse"] == pytest.approx([1 / (1 + 0.9 * k) for k in range(n)])
    rise = schedules.warmup(schedules.constant(1.0), 5, start=0.0)
    assert [rise(k) for k in range(7)] == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


def test_b7_with_a_fixed_rate_sgd_keeps_jumping():
    """On (w - xi)^2 / 2 with noise of variance s^2 the variance of w settles at lr s^2 / (2 - lr)."""
    rng = random.Random(0)
    lr, spread = 0.2, 3.0
    way = minimize(lambda w: 0.5 * (w - rng.gauss(0.0, spread)) ** 2, 0.0, lr=lr, stop=None, steps=20_000)
    settled = [x for (x,) in way.points[1000:]]
    assert statistics.pvariance(settled) == pytest.approx(lr * spread**2 / (2.0 - lr), rel=0.1)


def test_b7_with_the_one_over_t_rule_it_settles():
    """The rate 1 / (k + 1) makes w the mean of all samples seen so far."""
    rng = random.Random(0)
    samples = [rng.gauss(5.0, 3.0) for _ in range(1000)]
    draw = iter([*samples, 0.0])
    way = minimize(lambda w: 0.5 * (w - next(draw)) ** 2, 0.0, lr=schedules.inverse(1.0, 1.0), stop=None, steps=1000)
    for k in (1, 10, 1000):
        assert way.points[k][0] == pytest.approx(statistics.fmean(samples[:k]), rel=1e-12)


def two_wells(w):
    """A poor minimum on the right, at 0.879, and the deep one on the left, at -1.088."""
    return (w**2 - 1) ** 2 + 0.8 * w


def test_b7_sgd_can_leave_a_poor_local_minimum():
    """One sample tilts the wells to the left, the other to the right; their mean is the plain function."""
    slope = autodiff.grad(two_wells)
    assert slope(0.8788852) == pytest.approx(0.0, abs=1e-6)
    assert slope(-1.0880340) == pytest.approx(0.0, abs=1e-6)
    assert two_wells(-1.0880340) < two_wells(0.8788852)

    assert minimize(two_wells, 1.2, lr=0.05).x == pytest.approx(0.8788852, abs=1e-5)
    left = 0
    for seed in range(20):
        draw = random.Random(seed).choice
        tilted = partial(lambda draw, w: two_wells(w) + draw((-4.0, 4.0)) * w, draw)
        way = minimize(tilted, 1.2, lr=schedules.cosine(0.1, 300), stop=None, steps=300)
        settled = minimize(two_wells, way.x, lr=0.05)
        left += settled.x == pytest.approx(-1.0880340, abs=1e-5)
    assert left >= 17


# -- D ---------------------------------------------------------------------------------------------------------


def test_d1_one_dimension():
    way = minimize(square, 5.0, lr=0.1, stop=None, steps=20)
    assert [x for (x,) in way.points[1:6]] == pytest.approx([4.0, 3.2, 2.56, 2.048, 1.6384], rel=1e-14)
    assert way.x == near(0.057646, 6)
    assert way.value == near(0.003323, 6)


def test_d1_two_dimensions():
    way = minimize(lambda v: v[0] ** 2 + 2 * v[1] ** 2, [4.0, 3.0], lr=0.1, stop=None, steps=15)
    assert way.values[1:4] == [near(16.72, 4), near(8.8864, 4), near(5.0341, 4)]
    assert way.value == near(0.0198, 4)


@pytest.mark.parametrize(
    ("method", "lr", "ends"),
    [
        ("gd", 0.05, 0.002656),
        (partial(SGD, momentum=0.9, averaged=True), 0.05, 0.386138),
        ("momentum", 0.005, 0.386138),  # the heavy ball at a tenth of the rate is the same thing
    ],
    ids=["plain", "averaged", "heavy ball"],
)
def test_d4_averaging_shrinks_the_rate_tenfold(method, lr, ends):
    way = minimize(valley, [10.0, 1.0], method, lr=lr, stop=None, steps=50)
    assert way.value == near(ends, 6)


def steps_down(momentum, lr, nesterov):
    """After how many steps the ravine is below 1e-6: at the points where the gradients are taken, and at x itself.

    Nesterov's gradients are taken ahead, at y = x - lr momentum v, which is what PyTorch and this project keep.
    """
    ys = [Value(10.0), Value(1.0)]
    optimizer = SGD(ys, lr, momentum=momentum, nesterov=nesterov)
    ahead = itself = None
    while (ahead is None or itself is None) and optimizer.steps < 2000:
        optimizer.zero_grad()
        ravine(ys).backward()
        optimizer.step()
        y = [p.data for p in ys]
        x = [p + nesterov * lr * momentum * v for p, v in zip(y, optimizer.state["velocity"])]
        ahead = optimizer.steps if ahead is None and ravine(y) <= 1e-6 else ahead
        itself = optimizer.steps if itself is None and ravine(x) <= 1e-6 else itself
    return ahead, itself


def test_d4_heavy_ball_and_nesterov():
    assert steps_down(0.9, 0.005, nesterov=False) == (164, 164)
    assert steps_down(0.9, 0.005, nesterov=True) == (133, 134)  # the lecture counts x itself
    plain = minimize(ravine, [10.0, 1.0], lr=0.005, stop=lambda way: way.values[-1] <= 1e-6, steps=5000)
    assert plain.steps > 800


def test_d4_nesterov_diverges_where_the_heavy_ball_does_not():
    """With curvature L the limits are 2 (1 + beta) / ((1 + 2 beta) L) and 2 (1 + beta) / L."""
    limit = 2 * (1 + 0.9) / (1 + 2 * 0.9) / 200.0
    assert limit == near(0.00679, 5)
    for lr, diverges in ((0.009, True), (1.001 * limit, True), (0.999 * limit, False)):
        way = minimize(ravine, [10.0, 1.0], "nesterov", lr=lr, stop=None, steps=3000)
        assert (way.value > 1.0) == diverges
    assert minimize(ravine, [10.0, 1.0], "momentum", lr=0.009, stop=None, steps=3000).value < 1e-6


@pytest.mark.parametrize(("lr", "ends"), [(0.01, 44.5700), (0.1, 0.0133), (0.5, 0.0), (1.1, 146977.1568)])
def test_d5_four_rates(lr, ends):
    way = minimize(square, 10.0, lr=lr, stop=None, steps=20)
    assert way.value == near(ends, 4)
    assert (way.value > way.values[0]) == (lr == 1.1), "the last diverges"
