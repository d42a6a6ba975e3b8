"""Plots: what they show and say, and that they leave pyplot alone."""

import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("matplotlib")

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from nn import MLP, losses, plots
from nn.history import Epoch, History
from nn.plots import PALETTE, learning_curve_figure, plot_decision_boundary, plot_learning_curve

ROOT = Path(__file__).parent.parent


@pytest.fixture
def ax():
    return Figure().subplots()


def history(validated=True):
    epochs = [Epoch(1.0, 0.3, 1.1, 0.2, 0.1), Epoch(0.5, 0.6, 0.7, 0.5, 0.1), Epoch(0.01, 0.9, 0.8, 0.6, 0.1)]
    return History("accuracy", validated, epochs, best_epoch=1)


def lines(ax):
    return {line.get_label(): [list(map(float, xy)) for xy in line.get_data()] for line in ax.get_lines()}


def test_learning_curve_shows_both_parts_and_the_best_epoch(ax):
    assert plot_learning_curve(history(), ax) is ax
    assert lines(ax)["training"] == [[0.0, 1.0, 2.0], [1.0, 0.5, 0.01]]
    assert lines(ax)["validation"] == [[0.0, 1.0, 2.0], [1.1, 0.7, 0.8]]
    assert lines(ax)["best epoch (1)"][0] == [1.0, 1.0]
    assert (ax.get_ylabel(), ax.get_yscale()) == ("loss", "log")
    assert "epoch" in ax.get_xlabel()
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["training", "validation", "best epoch (1)"]


def test_learning_curve_of_the_score_without_validation(ax):
    plot_learning_curve(history(validated=False), ax, "score")
    assert lines(ax)["training"][1] == [0.3, 0.6, 0.9]
    assert "validation" not in lines(ax)
    assert (ax.get_ylabel(), ax.get_yscale()) == ("accuracy (share of samples)", "linear")


def test_learning_rates_and_gradient_norms_have_one_curve(ax):
    rates = [math.nan, 0.1, 0.01, 0.001]
    epochs = [Epoch(1.0, 0.3, 1.1, 0.2, 0.1, rate, 5.0) for rate in rates]
    plot_learning_curve(History("accuracy", True, epochs, 1), ax, "learning_rate")
    assert lines(ax)["learning rate"][1] == pytest.approx(rates, nan_ok=True)
    assert (ax.get_ylabel(), ax.get_yscale()) == ("learning rate", "log")
    other = plot_learning_curve(History("accuracy", True, epochs, 1), Figure().subplots(), "gradient_norm")
    assert (other.get_ylabel(), other.get_yscale()) == ("gradient norm", "linear")


def test_a_single_epoch_can_be_seen(ax):
    plot_learning_curve(History("r2", False, [Epoch(1.0, 0.0, math.nan, math.nan, 0.1)]), ax)
    assert ax.lines[0].get_marker() == "."


def test_learning_curve_refuses(ax):
    with pytest.raises(ValueError, match="quantity"):
        plot_learning_curve(history(), ax, "time")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no epoch"):
        plot_learning_curve(History("accuracy", True), ax)


def test_nan_losses_are_no_obstacle(ax):
    plot_learning_curve(History("r2", True, [Epoch(1.0, 0.0, math.inf, math.nan, 0.1)]), ax)
    assert ax.get_yscale() == "linear"


def corner(row):
    """Class 0 where both coordinates are small, else the class of the larger one."""
    return [1.0, row[0], row[1]]


def colour_at(ax, x, y):
    """The colours of the regions that hold a point."""
    found = []
    for collection in ax.collections:
        faces = collection.get_facecolor()
        if len(faces) == 1 and faces[0][3] == 0.25 and any(p.contains_point((x, y)) for p in collection.get_paths()):
            found.append(to_hex(faces[0]))
    return found


def test_each_class_has_its_region_and_points(ax):
    X, y = [[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]], [0, 1, 2]
    names = ["low", "right", "up"]
    assert plot_decision_boundary(corner, X, y, ax, class_names=names, feature_names=["width", "height"]) is ax
    for row, kind in zip(X, y):
        assert colour_at(ax, *row) == [PALETTE[kind].lower()]
    assert colour_at(ax, 2.0, 1.9) == [PALETTE[1].lower()]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("width", "height")
    assert [t.get_text() for t in ax.get_legend().get_texts()] == names
    scattered = [c.get_offsets().tolist() for c in ax.collections if c.get_label() in names]
    assert scattered == [[row] for row in X]
    front = [c.get_zorder() for c in ax.collections if c.get_label() in names]
    assert min(front) > max(c.get_zorder() for c in ax.collections if c.get_label() not in names)


@pytest.mark.parametrize("model", [lambda row: row[0] - 1.0, lambda row: [row[0] - 1.0]], ids=["number", "list"])
def test_a_single_logit_is_that_of_class_one(ax, model):
    plot_decision_boundary(model, [[0.0, 0.0], [2.0, 1.0]], [0, 1], ax)
    assert colour_at(ax, 0.5, 0.5) == [PALETTE[0].lower()]
    assert colour_at(ax, 1.5, 0.5) == [PALETTE[1].lower()]


def test_arrays_are_taken(ax):
    np = pytest.importorskip("numpy")
    X, y = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]]), np.array([0, 1, 2])
    plot_decision_boundary(lambda row: np.array(corner(row)), X, y, ax)
    assert colour_at(ax, 3.0, 0.0) == [PALETTE[1].lower()]


def test_a_class_that_is_chosen_nowhere(ax):
    plot_decision_boundary(lambda row: [1.0, 0.0], [[0.0, 0.0], [2.0, 1.0]], [0, 1], ax)
    assert colour_at(ax, 0.5, 0.5) == [PALETTE[0].lower()]


def test_no_graph_is_recorded(ax):
    model, seen = MLP(2, [3, 2], seed=0), []
    plot_decision_boundary(lambda row: seen.append(model(row)) or seen[-1], [[0.0, 0.0], [1.0, 1.0]], [0, 1], ax)
    assert len(seen) == 3600
    assert all(z.operands == () for z in seen[0])


@pytest.mark.parametrize(
    ("X", "y", "options", "message"),
    [
        ([], [], {}, "no points"),
        ([[1.0, 2.0, 3.0]], [0], {}, "two features"),
        ([[1.0, 2.0]], [0, 1], {}, "2 for 1 points"),
        ([[1.0, 2.0]], [3], {}, r"from 0 to 2, got \[3\]"),
        ([[1.0, 2.0]], [0], {"resolution": 1}, "resolution"),
        ([[1.0, math.nan]], [0], {}, "finite numbers"),
        ([[1.0, 2.0]], [0], {"class_names": ["a", "b"]}, "each of 3 classes, got 2"),
    ],
)
def test_decision_boundary_refuses(ax, X, y, options, message):
    with pytest.raises(ValueError, match=message):
        plot_decision_boundary(corner, X, y, ax, **options)
    assert not ax.collections


PLOTS = {
    "learning curve": lambda ax: plots.plot_learning_curve(history(), ax),
    "decision boundary": lambda ax: plots.plot_decision_boundary(corner, [[0.0, 0.0]], [0], ax, resolution=5),
    "landscape": lambda ax: plots.plot_landscape(lambda x: x[0] * x[1], [[1.0, 2.0], [0.5, 0.5]], ax, resolution=5),
    "descent": lambda ax: plots.plot_descent(lambda x: x * x, [1.0, 0.5], ax),
    "loss landscape": lambda ax: plots.plot_loss_landscape(
        MLP(2, [1], seed=0), [[0.0, 1.0]], [1.0], losses.mse, ax, resolution=3
    ),
    "optimizers": lambda ax: plots.plot_optimizers({"a": [2.0, 1.0]}, ax),
    "gradient flow": lambda ax: plots.plot_gradient_flow({"first": 0.1, "second": 0.2}, ax),
    "finder": lambda ax: plots.plot_lr_finder(SimpleNamespace(rates=[0.1, 1.0], losses=[1.0, 0.5], suggestion=0.5), ax),
}


@pytest.mark.parametrize("draw", PLOTS.values(), ids=PLOTS)
def test_each_plot_names_its_axes_and_leaves_pyplot_alone(draw, ax, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: pytest.fail("a plot was shown"))
    settings, figures = dict(mpl.rcParams), plt.get_fignums()
    assert draw(ax) is ax
    assert ax.get_xlabel()
    assert ax.get_title()
    for each in ax.figure.axes:  # the colour bar is one, too
        assert each.get_ylabel()
    assert plt.get_fignums() == figures
    assert dict(mpl.rcParams) == settings


@pytest.mark.parametrize("draw", PLOTS.values(), ids=PLOTS)
def test_each_plot_makes_a_figure_where_no_axes_are_given(draw):
    backend = mpl.get_backend()
    plt.switch_backend("agg")
    try:
        assert draw(None).figure is plt.gcf()
    finally:
        plt.close("all")
        plt.switch_backend(backend)


def test_the_figure_of_learning_curves_is_unknown_to_pyplot():
    figures = plt.get_fignums()
    loss, score = learning_curve_figure(history()).axes
    assert (loss.get_ylabel(), score.get_ylabel()) == ("loss", "accuracy (share of samples)")
    assert plt.get_fignums() == figures


def test_missing_matplotlib_names_the_command():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from nn.history import Epoch, History\nfrom nn.plots import plot_learning_curve\n"
        "plot_learning_curve(History('accuracy', False, [Epoch(1, 1, 1, 1, 1)]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert "ImportError: plots need matplotlib; run: pip install matplotlib" in done.stderr
