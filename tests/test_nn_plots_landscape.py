"""Landscapes: the heights are those of the function, the paths those of the descent, the planes as they claim."""

import itertools
import math
import random

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("numpy")

import numpy as np
from matplotlib.figure import Figure

from autodiff import Value
from nn import MLP, Dropout, Sequential, losses
from nn.minimize import minimize
from nn.plots import plot_descent, plot_landscape, plot_loss_landscape, plot_optimizers, weight_plane


@pytest.fixture
def ax():
    return Figure().subplots()


def bowl(x):
    return x[0] ** 2 + 2 * x[1] ** 2


PATH = [[4.0, 3.0], [3.2, 1.8], [2.56, 1.08]]


def drawn_lines(ax):
    """Label to points, of the lines that the legend names."""
    return {line.get_label(): np.transpose(line.get_data()).tolist() for line in ax.lines if line.get_label()[0] != "_"}


def test_the_path_is_drawn_from_ring_to_star(ax):
    assert plot_landscape(bowl, PATH, ax) is ax
    path, ring, star = ax.lines
    assert np.transpose(path.get_data()).tolist() == PATH
    assert [*ring.get_data()[0], *ring.get_data()[1]] == PATH[0]
    assert [*star.get_data()[0], *star.get_data()[1]] == PATH[-1]
    assert (ring.get_marker(), star.get_marker()) == ("o", "*")
    assert ax.get_legend() is None  # a single path needs no name
    left, right = ax.get_xlim()
    assert left == pytest.approx(2.56 - 0.15 * 1.44)
    assert right == pytest.approx(4.0 + 0.15 * 1.44)


def test_shades_lie_at_the_heights_of_the_function(ax):
    plot_landscape(bowl, ax=ax, xlim=(-2, 3), ylim=(-1, 2), resolution=200)
    filled = ax.collections[0]
    assert len(filled.get_paths()) == len(filled.levels) - 1 == 24
    for low, high, path in zip(filled.levels, filled.levels[1:], filled.get_paths()):
        heights = [bowl(point) for point in path.vertices if point.any()]
        assert min(heights) > low - 0.02
        assert max(heights) < high + 0.02


def test_each_shade_covers_the_same_area(ax):
    """Of the ellipses x^2 + 2 y^2 < c inside the picture the area is pi c / sqrt 2."""
    plot_landscape(bowl, ax=ax, xlim=(-1, 1), ylim=(-1, 1), resolution=201)
    inside = [c for c in ax.collections[0].levels if 0.05 < c <= 1.0]
    shares = [math.pi * c / math.sqrt(2.0) / 4.0 for c in inside]
    first = round(24 * shares[0])
    assert shares == pytest.approx([(first + k) / 24 for k in range(len(shares))], abs=0.01)


def test_several_paths_have_names_colours_and_dashes_of_their_own(ax):
    slow = minimize(bowl, [4.0, 3.0], lr=0.05, steps=5)
    plot_landscape(bowl, {"fast": PATH, "slow": slow}, ax, names=("width", "height"))
    assert drawn_lines(ax) == {"fast": PATH, "slow": slow.points}
    fast, slow = (line for line in ax.lines if line.get_label() in ("fast", "slow"))
    assert fast.get_color() != slow.get_color()
    assert fast.get_linestyle() != slow.get_linestyle()
    assert fast.get_marker() != slow.get_marker()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("width", "height")


def test_a_run_looks_the_same_on_the_landscape_and_among_the_optimizers(ax):
    ways = {str(k): minimize(bowl, [4.0, 3.0], lr=0.01 * (k + 1), steps=5, stop=None) for k in range(7)}
    plot_landscape(bowl, ways, ax)
    paths = {line.get_label(): line for line in ax.lines if line.get_label() in ways}
    for curve in plot_optimizers(ways, Figure().subplots()).lines:
        path = paths.pop(curve.get_label())
        assert path.get_color() == curve.get_color()
        assert path.get_linestyle() == curve.get_linestyle()
        assert path.get_marker() == curve.get_marker()
    assert not paths


def test_where_the_function_is_not_finite_the_picture_is_white(ax):
    plot_landscape(lambda x: math.log(x[0]) if x[0] > 0 else math.nan, ax=ax, xlim=(-1, 1), ylim=(0, 1))
    for path in ax.collections[0].get_paths():
        assert all(x > 0.0 for x, _ in path.vertices)


@pytest.mark.parametrize("height", [0.0, 3.5, -1e300])
def test_a_plain_is_a_landscape_too(ax, height):
    plot_landscape(lambda x: height, PATH, ax)
    assert ax.collections[0].levels[0] <= height <= ax.collections[0].levels[-1]


def test_diverging_paths_do_not_flatten_the_picture(ax):
    plot_landscape(bowl, [*PATH, [math.inf, 0.0]], ax)
    assert ax.get_xlim()[1] < 5.0
    assert np.transpose(ax.lines[0].get_data()).tolist() == PATH


def test_an_empty_path_is_no_path(ax, recwarn):
    plot_landscape(bowl, {"nothing yet": []}, ax, xlim=(0, 1), ylim=(0, 1), resolution=3)
    assert ax.get_legend() is None
    assert not recwarn.list


def test_where_python_raises_there_is_no_height(ax):
    plot_descent(lambda x: x**2, [1e200, -1e100, 1.0], ax)
    xs, ys = ax.lines[0].get_data()
    assert all(math.isnan(y) == (abs(x) > 1.3407e154) for x, y in zip(xs, ys))
    assert np.transpose(ax.lines[1].get_data()).tolist() == [[-1e100, 1e200], [1.0, 1.0]]
    plot_landscape(lambda x: 1.0 / (x[0] - x[1]), ax=Figure().subplots(), xlim=(0, 1), ylim=(0, 1), resolution=3)


def test_functions_of_values_are_taken(ax):
    plot_landscape(lambda x: (Value(x[0]) * x[1]).exp(), PATH, ax, resolution=5)
    plot_descent(lambda x: Value(x).tanh(), [1.0, 0.5], Figure().subplots())


@pytest.mark.parametrize(
    ("paths", "options", "message"),
    [
        (None, {}, "give xlim"),
        (None, {"xlim": (0, 1)}, "give ylim"),
        (PATH, {"xlim": (1, 0)}, r"two rising numbers as xlim, got \(1, 0\)"),
        (PATH, {"ylim": (0, math.inf)}, "two rising numbers as ylim"),
        (PATH, {"resolution": 1}, "resolution of at least 2, got 1"),
        ([[1.0, 2.0], [1.0]], {}, r"expected 2 number\(s\) in point 1 of the path \'\', got 1"),
        ({str(k): PATH for k in range(8)}, {}, "7 paths at the most, got 8"),
        ([[math.nan, 0.0]], {}, "give xlim"),
    ],
)
def test_landscape_refuses(ax, paths, options, message):
    with pytest.raises(ValueError, match=message):
        plot_landscape(bowl, paths, ax, **options)
    assert not ax.collections


def test_a_function_that_is_nowhere_finite_is_refused(ax):
    with pytest.raises(ValueError, match="nowhere finite"):
        plot_landscape(lambda x: math.nan, PATH, ax)


def test_descents_lie_on_the_curve(ax):
    found = minimize(lambda x: x**2, 5.0, lr=0.1, steps=5)
    plot_descent(lambda x: x**2, {"rate 0.1": found, "rate 0.5": [5.0, 0.0]}, ax, names=("w", "loss"))
    points = drawn_lines(ax)
    assert [x for x, _ in points["rate 0.1"]] == pytest.approx([5.0, 4.0, 3.2, 2.56, 2.048, 1.6384])
    assert all(y == pytest.approx(x * x) for x, y in points["rate 0.1"] + points["rate 0.5"])
    xs, ys = ax.lines[0].get_data()
    assert ys == pytest.approx([x * x for x in xs])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("w", "loss")


# -- Models ----------------------------------------------------------------------------------------------------------


def flat(*points):
    return [list(map(float, point)) for point in points]


def test_random_directions_are_orthonormal_and_seeded():
    origin = [1.0, -2.0, 0.5, 3.0]
    plane = weight_plane(origin, seed=3)
    dot = lambda a, b: math.fsum(x * y for x, y in zip(a, b))  # noqa: E731
    assert dot(plane.first, plane.first) == pytest.approx(1.0)
    assert dot(plane.second, plane.second) == pytest.approx(1.0)
    assert dot(plane.first, plane.second) == pytest.approx(0.0, abs=1e-12)
    assert plane == weight_plane(origin, seed=3) != weight_plane(origin, seed=4)
    assert plane.place(plane.point(0.3, -2.0)) == pytest.approx([0.3, -2.0])
    assert plane.point(0.0, 0.0) == origin


def test_principal_directions_of_a_path_with_known_ones():
    """Points on an ellipse with the half axes 3 and 1 in a turned plane: squared distances as 9 to 1."""
    u, v = [0.6, 0.8, 0.0, 0.0], [0.0, 0.0, 0.6, -0.8]
    angles = [2.0 * math.pi * k / 12 for k in range(12)]
    path = [[1.0 + 3.0 * math.cos(t) * a + math.sin(t) * b for a, b in zip(u, v)] for t in angles]
    plane = weight_plane([1.0] * 4, path, "pca")
    assert plane.names == ("principal direction 1 (90.0% of the path)", "principal direction 2 (10.0% of the path)")
    assert [abs(x) for x in plane.first] == pytest.approx([abs(x) for x in u], abs=1e-12)
    assert [abs(x) for x in plane.second] == pytest.approx([abs(x) for x in v], abs=1e-12)
    assert plane.place(path[0]) == pytest.approx([3.0, 0.0], abs=1e-12)  # the furthest point is on the positive side


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0, 0.0], [], "best"), '"pca" or "random", got \'best\''),
        (([0.0], []), "two weights at least for a plane, got 1"),
        (([0.0, 0.0], [[1.0]]), "2 weights in entry 0 of the trajectory, got 1"),
        (([0.0, 0.0], flat([1, 1], [2, 2]), "pca"), "two directions or more"),
        (([0.0, 0.0], flat([1, 1]), "pca"), "two directions or more"),
        (([0.0, 0.0], [], "pca"), "two directions or more"),
    ],
)
def test_weight_plane_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        weight_plane(*arguments)


def problem():
    model = MLP(2, [3, 1], activation="tanh", seed=2)
    rows, targets = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
    return model, rows, targets


def test_the_loss_landscape_is_that_of_the_model_and_leaves_it_as_it_was(ax, monkeypatch):
    model, rows, targets = problem()
    before = [p.data for p in model.parameters()]
    seen = {}

    def capture(f, *args, **options):
        seen.update(f=f, names=options["names"])
        return plot_landscape(f, *args, **options)

    monkeypatch.setattr("nn.plots.weights.plot_landscape", capture)
    assert plot_loss_landscape(model, rows, targets, losses.binary_cross_entropy, ax, resolution=3, seed=5) is ax
    assert [p.data for p in model.parameters()] == before
    assert ax.get_xlim() == (-1.0, 1.0)

    plane = weight_plane(before, seed=5)
    other = MLP(2, [3, 1], activation="tanh", seed=0)
    for a, b in ((0.0, 0.0), (0.5, -1.0)):
        for p, w in zip(other.parameters(), plane.point(a, b)):
            p.data = w
        logits = [other(row).data for row in rows]
        expected = sum(math.log1p(math.exp(-z if t else z)) for z, t in zip(logits, targets)) / 4
        assert seen["f"]([a, b]) == pytest.approx(expected, rel=1e-12)
    assert seen["names"] == ("random direction 1", "random direction 2")


def test_the_trajectory_ends_at_the_origin_of_its_principal_plane(ax):
    model, rows, targets = problem()
    rng, trajectory = random.Random(0), []
    for _ in range(6):
        trajectory.append([p.data for p in model.parameters()])
        for p in model.parameters():
            p.data += rng.gauss(0.0, 0.3)
    trajectory.append([p.data for p in model.parameters()])
    plot_loss_landscape(model, rows, targets, losses.binary_cross_entropy, ax, trajectory=trajectory, resolution=4)
    points = drawn_lines(ax)["training"]
    assert len(points) == 7
    assert points[-1] == [0.0, 0.0]
    assert "principal direction 1" in ax.get_xlabel()


def test_weights_are_put_back_after_an_error(ax):
    model, rows, targets = problem()
    before = [p.data for p in model.parameters()]
    with pytest.raises(ValueError, match="targets"):
        plot_loss_landscape(model, rows, targets[:2], losses.binary_cross_entropy, ax)
    assert [p.data for p in model.parameters()] == before
    with pytest.raises(ValueError, match="radius above 0, got -1"):
        plot_loss_landscape(model, rows, targets, losses.binary_cross_entropy, ax, radius=-1.0)


def test_models_are_drawn_in_evaluation_mode(ax):
    model = Sequential(MLP(2, [3, 1], seed=2), Dropout(0.5, seed=0)).train()
    modes = []

    def loss(outputs, targets):
        modes.append([module.training for module in model.modules()])
        return losses.binary_cross_entropy(outputs, targets)

    plot_loss_landscape(model, [[0.0, 1.0]], [1], loss, ax, resolution=2)
    assert len(modes) == 4
    assert not any(itertools.chain(*modes))
    assert all(module.training for module in model.modules())
