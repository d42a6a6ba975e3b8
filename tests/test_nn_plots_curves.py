"""Curves for the learning rate, the optimizer and the layers; what all plots share; saving."""

import itertools
import math
from types import SimpleNamespace

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("numpy")

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from nn import MLP, losses
from nn.data import moons
from nn.flow import gradient_flow
from nn.history import Epoch, History
from nn.plots import PALETTE, plot_gradient_flow, plot_lr_finder, plot_optimizers, save_figure
from nn.train.finder import find_lr


@pytest.fixture
def ax():
    return Figure().subplots()


def finding(losses, suggestion=0.01):
    return SimpleNamespace(rates=[10.0 ** (k - 4) for k in range(len(losses))], losses=losses, suggestion=suggestion)


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_the_finder_shows_losses_and_marks_the_suggestion(ax):
    assert plot_lr_finder(finding([1.0, 0.9, 0.5, 0.2, 0.4]), ax) is ax
    curve, _, mark = ax.lines
    assert np.transpose(curve.get_data()).tolist() == [[1e-4, 1.0], [1e-3, 0.9], [0.01, 0.5], [0.1, 0.2], [1.0, 0.4]]
    assert [list(x) for x in mark.get_data()] == [[0.01], [0.5]]
    assert ax.get_xscale() == "log"
    assert legend(ax) == ["loss", "suggestion (0.01)"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("learning rate (logarithmic)", "loss")


def test_what_find_lr_found_is_drawn_with_its_smoothed_losses(ax):
    model = MLP(2, [8, 2], activation="tanh", init="xavier", seed=0)
    found = find_lr(model, moons(40, seed=0), steps=40)
    plot_lr_finder(found, ax)
    losses, smoothed, _, mark = ax.lines
    assert tuple(losses.get_ydata()) == pytest.approx(found.losses, nan_ok=True)
    assert tuple(smoothed.get_ydata()) == pytest.approx(found.smoothed, nan_ok=True)
    assert mark.get_xdata()[0] == found.suggestion
    assert mark.get_ydata()[0] == found.smoothed[found.rates.index(found.suggestion)]
    assert legend(ax)[:2] == ["loss", "smoothed"]


def test_an_exploding_loss_does_not_flatten_the_curve(ax):
    plot_lr_finder(finding([1.0, 0.9, 0.5, 0.2, 1e9, math.inf, math.nan]), ax)
    low, high = ax.get_ylim()
    assert 0.0 < low < 0.2
    assert 1.0 < high < 2.0


def test_the_finder_may_have_no_suggestion(ax):
    plot_lr_finder(finding([1.0, 1.0, 1.0], suggestion=None), ax)
    assert legend(ax) == ["loss"]


def test_the_finder_refuses(ax):
    with pytest.raises(ValueError, match="1 for 2 rates"):
        plot_lr_finder(SimpleNamespace(rates=[0.1, 0.2], losses=[1.0], suggestion=0.1), ax)
    with pytest.raises(ValueError, match="one finite loss"):
        plot_lr_finder(finding([math.nan, math.inf]), ax)


def test_optimizers_are_compared_by_losses_results_or_histories(ax):
    history = History("accuracy", False, [Epoch(x, 0.0, math.nan, math.nan, 0.1) for x in (9.0, 4.0, 0.02)])
    runs = {"list": [9.0, 3.0, 0.01], "result": SimpleNamespace(values=[9.0, 1.0, 0.001])}
    plot_optimizers(runs, ax)
    assert [(line.get_label(), list(line.get_ydata())) for line in ax.lines] == [
        ("list", [9.0, 3.0, 0.01]),
        ("result", [9.0, 1.0, 0.001]),
    ]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("step", "loss", "log")
    assert all(tick == round(tick) for tick in ax.get_xticks())
    assert legend(ax) == ["list", "result"]
    again = plot_optimizers({"history": history}, Figure().subplots(), y="error")
    assert list(again.lines[0].get_ydata()) == [9.0, 4.0, 0.02]
    assert (again.get_xlabel(), again.get_ylabel()) == ("epoch", "error")


def test_seven_optimizers_are_told_apart_without_colours(ax):
    plot_optimizers({str(k): [k + 1.0, 1.0] for k in range(7)}, ax)
    assert len({line.get_color() for line in ax.lines}) == 7
    assert len({str((line.get_linestyle(), line._dash_pattern)) for line in ax.lines}) == 7
    assert len({line.get_marker() for line in ax.lines}) == 7
    assert ax.get_yscale() == "linear"  # the losses differ by less than a factor of 30


def test_a_loss_of_zero_does_not_prevent_a_logarithmic_scale(ax):
    plot_optimizers({"exact": [100.0, 1.0, 0.0]}, ax)
    assert ax.get_yscale() == "log"


def test_optimizers_refuses(ax):
    with pytest.raises(ValueError, match="1 to 7 runs, got 0"):
        plot_optimizers({}, ax)
    with pytest.raises(ValueError, match="1 to 7 runs, got 8"):
        plot_optimizers({str(k): [1.0] for k in range(8)}, ax)
    with pytest.raises(ValueError, match="run 'a' has no losses"):
        plot_optimizers({"a": []}, ax)


def test_gradient_flow_by_layer(ax):
    layers = {"first": 1e-5, "second": 1e-3, "third": 0.0, "last": 0.1}
    assert plot_gradient_flow(layers, ax) is ax
    (line,) = ax.lines
    assert list(line.get_ydata()) == pytest.approx([1e-5, 1e-3, math.nan, 0.1], nan_ok=True)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == list(layers)
    assert (ax.get_yscale(), ax.get_ylabel()) == ("log", "mean |gradient|")
    assert ax.get_legend() is None


def test_gradient_flows_are_compared_on_the_same_axes(ax):
    plot_gradient_flow([("1", 1e-5), ("2", 1e-3)], ax, label="sigmoid")
    plot_gradient_flow([("1", 0.1), ("2", 0.2)], ax, label="relu")
    assert legend(ax) == ["sigmoid", "relu"]
    first, second = ax.lines
    assert first.get_color() != second.get_color()
    assert first.get_marker() != second.get_marker()


def test_what_gradient_flow_measured_is_drawn(ax):
    model = MLP(2, [3, 1], activation="sigmoid", seed=0)
    measured = gradient_flow(model, [[1.0, 2.0], [0.5, -1.0]], [1.0, 0.0], losses.mse)
    plot_gradient_flow(measured, ax)
    assert list(ax.lines[0].get_ydata()) == [layer.mean_abs for layer in measured]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["layers.0", "layers.1"]


def test_gradient_flow_refuses(ax):
    with pytest.raises(ValueError, match="at least one layer"):
        plot_gradient_flow({}, ax)
    with pytest.raises(ValueError, match=r"got -1\.0 for 'a'"):
        plot_gradient_flow({"a": -1.0}, ax)


# -- Shared ----------------------------------------------------------------------------------------------------------

# G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, "A physiologically-based model for simulation of color vision
# deficiency", IEEE TVCG 15 (2009), for linear RGB and full severity.
SIGHT = {
    "full": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.119192, 0.9503041]]
)
WHITE = np.array([0.95047, 1.0, 1.08883])


def lab(colour, sight):
    """CIE L*a*b* of a colour as somebody with this sight sees it."""
    channels = np.array(to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    t = TO_XYZ @ np.clip(SIGHT[sight] @ linear, 0.0, 1.0) / WHITE
    x, y, z = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("sight", SIGHT)
def test_the_colours_differ_for_every_sight(sight):
    """A difference of 2.3 can just be noticed; these are 15 apart at least."""
    for a, b in itertools.combinations(PALETTE, 2):
        assert np.linalg.norm(lab(a, sight) - lab(b, sight)) > 15.0, (a, b)


@pytest.mark.parametrize(("name", "magic"), [("a.png", b"\x89PNG"), ("a.SVG", b"<?xml"), ("a.pdf", b"%PDF")])
def test_figures_are_saved_whole(ax, tmp_path, name, magic):
    path = tmp_path / name
    path.write_bytes(b"old")
    save_figure(ax, path)
    assert path.read_bytes().startswith(magic)
    save_figure(ax.figure, path)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_saving_refuses_what_it_cannot_write(ax, tmp_path):
    with pytest.raises(ValueError, match=r"a\.xyz: expected a name that ends in one of .*\.png"):
        save_figure(ax, tmp_path / "a.xyz")
    with pytest.raises(OSError, match="nowhere"):
        save_figure(ax, tmp_path / "nowhere" / "a.png")
    assert not list(tmp_path.iterdir())
