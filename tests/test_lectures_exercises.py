"""What the lectures have beside networks by hand: search, surfaces, the table of operations, comparisons, remedies."""

from __future__ import annotations

import math
import random
import statistics

import operations_page
import pytest

from autodiff import dot
from autodiff.operation import OPERATIONS
from nn import MLP, BatchNorm, Dropout, Neuron, fit, losses, minimize, optim, plots, random_search, schedules
from nn.data import Dataset, line, moons, split


def sigmoid(z):
    return 1.0 / (1.0 + math.exp(-z))


def axes():
    return pytest.importorskip("matplotlib.figure").Figure().subplots()


# -- C ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 10, 30])
def test_c_random_search_against_descent_at_equal_cost(n):
    """Equal cost: a step of descent is the function and a sweep of less than three more; the search gets four tries."""
    rng = random.Random(n)
    truth = [rng.gauss(0.0, 1.0) for _ in range(n)]
    rows = [[rng.gauss(0.0, 1.0) for _ in range(n)] for _ in range(2 * n)]
    answers = [dot(truth, row) for row in rows]
    calls = []

    def loss(w):
        calls.append(w)
        return losses.mse([dot(w, row) for row in rows], answers)

    descent = minimize(loss, [0.0] * n, lr=0.1, stop=None, steps=50)
    assert len(calls) == 51
    search = random_search(loss, [0.0] * n, scale=0.1, steps=4 * 50)
    assert len(calls) == 51 + 201
    assert descent.values[0] == search.values[0]
    assert descent.value < search.value / 5.0


def test_c_linear_regression_on_its_loss_surface():
    """The path ends where least squares says, and lies on the drawn surface."""
    data = line(20, noise=0.3, seed=1)
    xs, ys = [x for (x,) in data.features], data.targets

    def loss(p):
        return losses.mse([p[0] * x + p[1] for x in xs], ys)

    way = minimize(loss, [-1.0, 3.0], lr=0.3, steps=500)
    centre = statistics.fmean(xs), statistics.fmean(ys)
    slope = math.fsum((x - centre[0]) * (y - centre[1]) for x, y in zip(xs, ys))
    slope /= math.fsum((x - centre[0]) ** 2 for x in xs)
    # The gradient is at most 1e-6 long at the end, and the curvature at least 0.7.
    assert way.x == pytest.approx([slope, centre[1] - slope * centre[0]], abs=1e-6 / 0.7)
    ax = plots.plot_landscape(loss, {"descent": way}, axes(), names=("slope", "intercept"))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("slope", "intercept")
    drawn = next(curve for curve in ax.lines if curve.get_label() == "descent")
    assert [list(point) for point in zip(*drawn.get_data())] == way.points


SLOPES = {
    "add": lambda a, b: (1.0, 1.0),
    "sub": lambda a, b: (1.0, -1.0),
    "mul": lambda a, b: (b, a),
    "div": lambda a, b: (1.0 / b, -a / b**2),
    "pow": lambda a, b: (b * a ** (b - 1.0), a**b * math.log(a)),
    "exp": lambda a: (math.exp(a),),
    "log": lambda a: (1.0 / a,),
    "sigmoid": lambda a: (sigmoid(a) * (1.0 - sigmoid(a)),),
    "tanh": lambda a: (1.0 - math.tanh(a) ** 2,),
    "relu": lambda a: (float(a > 0.0),),
}
READ = {
    **{name: getattr(math, name) for name in ("exp", "log", "sqrt")},
    "sech2": lambda a: 1.0 / math.cosh(a) ** 2,
    "step": lambda a: float(a > 0.0),
}


@pytest.mark.parametrize("name", SLOPES)
def test_c_a_table_of_scalar_operations_generated_from_the_code(name):
    """What the page of all operations says of a derivative, read as a formula, is the derivative."""
    op = OPERATIONS[name]
    told = [formula for _, formula in operations_page.derivatives(op)]
    row = next(text for text in operations_page.page().splitlines() if text.startswith(f"| `{name}`"))
    assert all(formula in row for formula in told)
    for at in ((0.7, 1.3), (2.5, -0.4)):
        places = dict(zip("ab", at))
        slopes = SLOPES[name](*at[: len(told)])
        assert [eval(formula, READ, places) for formula in told] == pytest.approx(slopes, rel=1e-14)


METHODS = {
    "mini-batches": lambda p: optim.SGD(p, 0.1),
    "momentum": lambda p: optim.SGD(p, 0.05, momentum=0.8),
    "rmsprop": lambda p: optim.RMSprop(p, 0.05),
    "adam": lambda p: optim.Adam(p, 0.1),
}


@pytest.mark.parametrize("name", METHODS)
def test_c_mini_batches_momentum_rmsprop_and_adam(name):
    """Each finds the line that goes through all points, from mini-batches of eight, with a falling rate."""
    neuron = Neuron(1, activation="linear", seed=0)
    optimizer = METHODS[name](neuron.parameters())
    rate = schedules.cosine(optimizer.lr, 80 * 5)
    fit(neuron, line(40, noise=0.0), optimizer=optimizer, schedule=rate, epochs=80, batch_size=8, progress=False)
    assert [neuron.w[0].data, neuron.b.data] == pytest.approx([2.0, 1.0], abs=1e-4)


# -- D.7, D.9 --------------------------------------------------------------------------------------------------------


def test_d7_the_plot_of_a_history_shows_both_parts_and_the_best_epoch():
    training, validation = split(moons(60, 0.1), 0.3)
    model = MLP(2, [6, 2], activation="tanh", seed=0)
    history = fit(model, training, validation, epochs=8, progress=False)
    ax = plots.plot_learning_curve(history, ax=axes())
    drawn = {curve.get_label(): list(curve.get_ydata()) for curve in ax.lines}
    assert drawn["training"] == history.column("training_loss")
    assert drawn["validation"] == history.column("validation_loss")
    assert any(str(history.best_epoch) in str(label) and "best" in str(label) for label in drawn)


def ravine(v):
    return v[0] ** 2 + 100 * v[1] ** 2


def test_d9_momentum_variants_compared():
    """At one rate, in a ravine: averaging is as slow as plain descent, the other two are far ahead; and all drawn."""
    methods = {
        "plain": optim.SGD,
        "averaged": lambda p, lr: optim.SGD(p, lr, momentum=0.9, averaged=True),
        "heavy ball": lambda p, lr: optim.SGD(p, lr, momentum=0.9),
        "Nesterov": lambda p, lr: optim.SGD(p, lr, momentum=0.9, nesterov=True),
    }
    runs = {name: minimize(ravine, [10.0, 1.0], rule, lr=0.005, stop=None, steps=130) for name, rule in methods.items()}
    assert runs["Nesterov"].value < runs["heavy ball"].value < 1e-4 * runs["plain"].value
    assert runs["averaged"].value > 0.5 * runs["plain"].value
    ax = plots.plot_optimizers(runs, axes())
    drawn = {curve.get_label(): list(curve.get_ydata()) for curve in ax.lines}
    assert drawn == {name: run.values for name, run in runs.items()}


# -- D.10 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "strength"), [("l1", 0.0), ("l1", 0.4), ("l1", 9.0), ("l2", 0.4), ("l2", 9.0)])
def test_d10_l1_and_l2_pull_a_weight_to_the_closed_form(kind, strength):
    """min mean((w x - y)^2) + penalty: L2 makes the denominator larger, L1 the numerator smaller, but not below 0."""
    xs, ys = [0.5, -1.0, 1.5, 2.0], [1.2, -1.5, 3.5, 3.0]
    square, product = statistics.fmean(x * x for x in xs), statistics.fmean(x * y for x, y in zip(xs, ys))
    best = product / (square + strength) if kind == "l2" else max(product - strength / 2, 0.0) / square
    neuron, path = Neuron(1, activation="linear", bias=False, seed=0), []
    options = {kind: strength, "epochs": 500, "batch_size": 4, "progress": False}
    options["optimizer"] = optim.SGD(neuron.parameters(), 0.02)
    fit(neuron, Dataset([[x] for x in xs], ys), callbacks=[lambda at: path.append(neuron.w[0].data)], **options)
    # At 0 the L1 penalty has a corner, and a step across it is as long as the rate times its slope.
    assert path[-1] == pytest.approx(best, abs=1e-6 if best else 0.02 * strength)


def test_d10_dropout_keeps_the_mean_and_is_gone_in_evaluation():
    drop = Dropout(0.25, seed=0)
    drawn = [float(x) for _ in range(1000) for x in drop([1.0, 1.0, 1.0, 1.0])]
    assert set(drawn) == {0.0, 1.0 / 0.75}
    assert statistics.fmean(drawn) == pytest.approx(1.0, abs=4.0 * math.sqrt((1.0 / 0.75 - 1.0) / len(drawn)))
    drop.eval()
    assert [float(x) for x in drop([1.0, 2.0, 3.0, 4.0])] == [1.0, 2.0, 3.0, 4.0]


def test_d10_batch_normalisation_gives_mean_0_and_variance_1():
    rng = random.Random(0)
    rows = [[rng.gauss(3.0, 5.0), rng.gauss(-100.0, 0.5)] for _ in range(20)]
    for column in zip(*BatchNorm(2, eps=0.0).forward_batch(rows)):
        numbers = [float(x) for x in column]
        assert statistics.fmean(numbers) == pytest.approx(0.0, abs=1e-12)
        assert statistics.pvariance(numbers) == pytest.approx(1.0, rel=1e-12)
