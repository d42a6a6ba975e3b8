"""What the lectures apply: landscapes, blame, a trading rule, and exercises that end in a picture."""

import math
import random
from dataclasses import replace

import pytest

import nn
from autodiff import Value, explain, grad, hessian, mean, sqrt, tanh
from nn.data import Standardizer, iris, split, xor
from nn.metrics import predicted_class
from nn.optim import SGD

# -- A: landscapes and blame -----------------------------------------------------------------------------------------


def two_valleys(x):
    """Minima at (-1, 0) and (1, 0), the latter lower by 1/2; a saddle between them; flat for large y."""
    a, b = x
    return (a * a - 1) ** 2 - a * (3 - a * a) / 8 + tanh(b * b)


def eigenvalues(matrix):
    (a, b), (_, d) = matrix
    middle, spread = (a + d) / 2.0, math.hypot((a - d) / 2.0, b)
    return middle - spread, middle + spread


@pytest.mark.parametrize(
    ("at", "value", "kind"),
    [((1.0, 0.0), -0.25, "minimum"), ((-1.0, 0.0), 0.25, "minimum"), ((-3.0 / 32.0, 0.0), None, "saddle")],
)
def test_a2_minima_and_saddle_points(at, value, kind):
    """With respect to the first coordinate the derivative is (a^2 - 1) (4 a + 3 / 8)."""
    assert grad(two_valleys)(at) == pytest.approx((0.0, 0.0), abs=1e-14)
    low, high = eigenvalues(hessian(two_valleys)(at))
    assert (low > 0.0) == (kind == "minimum")
    assert high > 0.0
    if value is not None:
        assert two_valleys(at) == pytest.approx(value)


def test_a2_descent_finds_the_valley_that_it_starts_in_and_creeps_on_a_plateau():
    lower = nn.minimize(two_valleys, [0.5, 0.5], lr=0.05)
    higher = nn.minimize(two_valleys, [-0.5, 0.5], lr=0.05)
    assert lower.x == pytest.approx([1.0, 0.0], abs=1e-5)
    assert higher.x == pytest.approx([-1.0, 0.0], abs=1e-5)
    assert higher.value == pytest.approx(lower.value + 0.5)
    plateau = nn.minimize(two_valleys, [1.0, 4.0], lr=0.05, steps=100)
    assert plateau.x == pytest.approx([1.0, 4.0], abs=1e-3)
    assert plateau.value > lower.value + 0.99


def test_a2_a_slice_is_drawn_with_the_descent_on_it():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    found = nn.minimize(two_valleys, [0.2, 1.0], lr=0.05, steps=200)
    ax = nn.plots.plot_landscape(two_valleys, {"descent": found}, figure.subplots(), xlim=(-2, 2), ylim=(-1, 2))
    drawn = next(line for line in ax.lines if line.get_label() == "descent")
    assert [list(point) for point in zip(*drawn.get_data())] == found.points


def test_a6_which_weight_is_to_blame_and_along_which_path():
    """The 2-1-1 network of A.4: one path to each weight, and the second is to blame twice as much, as its input is."""
    w, v = (Value(0.5), Value(0.5)), Value(0.5)
    hidden = (w[0] * 1.0 + w[1] * 2.0).sigmoid()
    loss = (1 - (v * hidden).sigmoid()) ** 2
    products = []
    for weight in (*w, v):
        (path,) = explain(loss, weight).paths
        assert math.prod(path.partials) == pytest.approx(path.product)
        products.append(path.product)
    assert products == pytest.approx([-0.0142800, -0.0285600, -0.1565570], abs=5e-8)


# -- A.9: a trading rule ---------------------------------------------------------------------------------------------


def sharpe(profits):
    m = mean(profits)
    return m / sqrt(mean([(x - m) ** 2 for x in profits]))


def market(days=200):
    """Returns, and two features of each evening that tell a little about the next day."""
    rng = random.Random(1)
    hints = [(rng.gauss(0.0, 1.0), rng.gauss(0.0, 1.0)) for _ in range(days)]
    return hints, [0.3 * a - 0.2 * b + rng.gauss(0.0, 1.0) for a, b in hints]


def moments(hints, returns):
    """Mean and covariance of the daily profits of the two features alone."""
    rows = [[f * r for f in row] for row, r in zip(hints, returns)]
    mu = [math.fsum(column) / len(rows) for column in zip(*rows)]
    sigma = [
        [math.fsum((row[i] - mu[i]) * (row[j] - mu[j]) for row in rows) / len(rows) for j in (0, 1)] for i in (0, 1)
    ]
    return mu, sigma


@pytest.mark.parametrize("w", [(1.0, 0.0), (0.3, -0.7), (-2.0, 5.0)])
def test_a9_the_gradient_of_the_sharpe_ratio_has_a_closed_form(w):
    """For positions w . f the ratio is w.mu / s with s^2 = w.Sigma w; its gradient mu / s - (w.mu) Sigma w / s^3."""
    hints, returns = market()
    mu, sigma = moments(hints, returns)
    image = [sigma[i][0] * w[0] + sigma[i][1] * w[1] for i in (0, 1)]
    s, gain = math.sqrt(w[0] * image[0] + w[1] * image[1]), w[0] * mu[0] + w[1] * mu[1]

    def ratio(w):
        return sharpe([(w[0] * a + w[1] * b) * r for (a, b), r in zip(hints, returns)])

    assert ratio(w) == pytest.approx(gain / s, rel=1e-12)
    assert grad(ratio)(w) == pytest.approx([m / s - gain * x / s**3 for m, x in zip(mu, image)], rel=1e-9, abs=1e-12)


def test_a9_descent_on_the_negative_ratio_finds_the_best_rule():
    """The best linear rule is known: w along Sigma^-1 mu, with the ratio sqrt(mu . Sigma^-1 mu)."""
    hints, returns = market()
    mu, ((a, b), (_, d)) = moments(hints, returns)
    best = [(d * mu[0] - b * mu[1]) / (a * d - b * b), (a * mu[1] - b * mu[0]) / (a * d - b * b)]

    def loss(w):
        return -sharpe([(w[0] * x + w[1] * y) * r for (x, y), r in zip(hints, returns)])

    found = nn.minimize(loss, [1.0, 1.0], lr=2.0, steps=400)
    assert -found.value == pytest.approx(math.sqrt(best[0] * mu[0] + best[1] * mu[1]), rel=1e-9)
    assert found.x[1] / found.x[0] == pytest.approx(best[1] / best[0], rel=1e-4)


@pytest.mark.parametrize("days_ahead", [0, 2])
def test_a9_the_gradient_tells_of_a_look_ahead(days_ahead):
    _, returns = market(30)
    days = [Value(r) for r in returns]
    tanh(mean(days[20 - 4 : 20 + 1 + days_ahead])).backward()
    assert [k for k, day in enumerate(days) if day.grad != 0.0] == list(range(16, 21 + days_ahead))


def test_a9_the_cost_of_trading_has_a_corner_and_a_smooth_substitute():
    def slope(size, change):
        x = Value(change)
        size(x).backward()
        return x.grad

    def smooth(x, width=0.1):
        return sqrt(x * x + width * width) - width

    assert [slope(abs, x) for x in (-1e-9, 0.0, 1e-9)] == [-1.0, 0.0, 1.0]
    for x in (-3.0, -0.05, 0.0, 0.02, 1.0):
        assert slope(smooth, x) == pytest.approx(x / math.hypot(x, 0.1))
        assert 0.0 <= abs(x) - smooth(x) <= 0.1 + 1e-15


# -- D: exercises ----------------------------------------------------------------------------------------------------


def fit(model, data, lr, **options):
    return nn.fit(model, data, optimizer=SGD(model.parameters(), lr=lr), progress=False, **options)


def test_d9_clipping_saves_a_training_whose_rate_is_too_large():
    training, _ = split(iris(), 0.5, seed=0)
    training = replace(training, features=Standardizer.fit(training.features).transform(training.features))
    outcomes = {}
    for bound in (None, 0.1):
        model = nn.MLP(4, [16, 8, 3], activation="relu", init="he", seed=2)
        outcomes[bound] = fit(model, training, lr=2.0, epochs=10, batch_size=16, clip_norm=bound)
    assert outcomes[None].best.training_loss > 0.4 > 0.2 > outcomes[0.1].best.training_loss


def test_d9_xor_is_solved_by_four_hidden_neurons_and_its_boundary_drawn():
    solved = 0
    for seed in range(20):
        model = nn.MLP(2, [4, 1], activation="tanh", init="xavier", seed=seed)
        fit(model, xor(), lr=1.0, epochs=200, batch_size=4)
        solved += [predicted_class(model(row)) for row in xor().features] == [0, 1, 1, 0]
    assert solved >= 18
    figure = pytest.importorskip("matplotlib.figure").Figure()
    ax = nn.plots.plot_decision_boundary(model, xor().features, xor().targets, figure.subplots())
    regions = [c for c in ax.collections if len(c.get_facecolor()) and c.get_facecolor()[0][3] == 0.25]
    for row, kind in zip(xor().features, xor().targets):
        inside = [any(path.contains_point(row) for path in region.get_paths()) for region in regions]
        assert inside == [kind == 0, kind == 1]
