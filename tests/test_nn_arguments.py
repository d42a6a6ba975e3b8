"""Arguments of all that users import from `nn`: NumPy's numbers pass for Python's, and what is wrong is named.

The calls below are the only thing that is written by hand; what is tried follows from the signatures.
"""

from __future__ import annotations

import inspect
import io
import math
import random
import re
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import nn
import nn.checks
from autodiff import Value
from nn import losses, metrics, optim, plots, schedules, stopping
from nn.data import (
    Dataset,
    Standardizer,
    batches,
    blobs,
    circles,
    iris,
    line,
    moons,
    one_hot,
    read_csv,
    spirals,
    split,
    xor,
)
from nn.history import Epoch, History
from nn.minimum import Minimum
from nn.train.finder import LearningRates

np = pytest.importorskip("numpy")
pytest.importorskip("matplotlib")

ROWS = [[0.0, 0.5], [1.0, -0.5], [0.25, 1.0], [1.5, 0.125]]
CLASSES = [0, 1, 1, 0]
NUMBERS = [0.5, 1.5, -1.0, 2.0]


def model(outputs=2):
    return nn.MLP(2, [3, outputs], activation="tanh", seed=0)


def parameters():
    values = [Value(1.0), Value(-2.0)]
    for p in values:
        p.grad = 3.0
    return values


def history():
    return History("accuracy", False, [Epoch(1.0 / k, 0.5, math.nan, math.nan, 0.1, 0.1, 1.0) for k in range(1, 6)], 4)


def fitted(**options):
    trained = options.pop("model", model())
    data = options.pop("training", (ROWS, CLASSES))
    validation = options.pop("validation", None)
    record = nn.fit(trained, data, validation, **{"epochs": 2, "progress": False, **options})
    return trained.state_dict(), [epoch._replace(seconds=0.0) for epoch in record.epochs]


def figure():
    from matplotlib.figure import Figure

    return Figure().subplots()


SIZED = {"nin": 3, "nonlin": True, "activation": "tanh", "init": "he", "bias": True, "expand": False, "seed": 3}
CALLS: dict[Any, list[dict[str, Any]]] = {
    nn.Neuron: [SIZED],
    nn.Layer: [{**SIZED, "nout": 2}],
    nn.MLP: [{"nin": 3, "nouts": [4, 2], "activation": "relu", "init": "xavier", "expand": False, "seed": 1}],
    nn.Dropout: [{"p": 0.25, "seed": 1}],
    nn.BatchNorm: [{"n": 3, "eps": 1e-4, "momentum": 0.25, "affine": True}],
    nn.Residual: [{"module": nn.Elementwise("relu")}],
    nn.Elementwise: [{"activation": "relu"}],
    moons: [{"n_samples": 6, "noise": 0.25, "seed": 1}],
    circles: [{"n_samples": 6, "noise": 0.25, "factor": 0.5, "seed": 1}],
    spirals: [{"n_samples": 6, "noise": 0.25, "turns": 1.5, "arms": 3, "seed": 1}],
    blobs: [
        {"n_samples": 6, "centers": 2, "cluster_std": 0.5, "seed": 1},
        {"n_samples": 6, "centers": [[0.0, 1.0], [5.0, 5.0]], "cluster_std": 0.5, "seed": 1},
    ],
    xor: [{"n_samples": 6, "noise": 0.25, "seed": 1}],
    line: [{"n_samples": 6, "noise": 0.25, "slope": 2.0, "intercept": 1.0, "seed": 1}],
    split: [{"dataset": iris(), "fraction": 0.25, "seed": 1, "stratify": True}],
    batches: [{"n": 7, "batch_size": 3, "rng": lambda: random.Random(0)}],
    one_hot: [{"labels": [0, 2, 1], "num_classes": 4}],
    Dataset: [
        {"features": ROWS, "targets": NUMBERS},
        {"features": ROWS, "targets": CLASSES, "class_names": ("no", "yes")},
    ],
    Standardizer.fit: [{"rows": ROWS}],
    read_csv: [{"path": Path(nn.data.__file__).with_name("iris.csv"), "target": "classes", "header": True}],
    optim.SGD: [
        {
            "parameters": parameters,
            "lr": 0.5,
            "momentum": 0.5,
            "dampening": 0.25,
            "weight_decay": 0.125,
            "nesterov": False,
        },
        {"parameters": parameters, "lr": 0.5, "momentum": 0.5, "averaged": True},
    ],
    optim.RMSprop: [
        {
            "parameters": parameters,
            "lr": 0.5,
            "alpha": 0.5,
            "eps": 0.25,
            "weight_decay": 0.25,
            "momentum": 0.5,
            "centered": True,
        }
    ],
    optim.Adam: [{"parameters": parameters, "lr": 0.5, "betas": [0.5, 0.25], "eps": 0.25, "weight_decay": 0.25}],
    optim.AdamW: [{"parameters": parameters, "lr": 0.5, "betas": [0.5, 0.25], "eps": 0.25, "weight_decay": 0.25}],
    optim.named: [{"name": "sgd", "parameters": parameters, "lr": 0.5, "weight_decay": 0.25}],
    nn.clip_grad_norm_: [{"parameters": parameters, "max_norm": 0.5}],
    nn.clip_grad_value_: [{"parameters": parameters, "clip_value": 0.5}],
    schedules.constant: [{"lr": 0.5}],
    schedules.step: [{"lr": 0.5, "size": 3, "gamma": 0.3}],
    schedules.exponential: [{"lr": 0.5, "gamma": 0.3}],
    schedules.cosine: [{"lr": 0.5, "steps": 10, "lr_min": 0.125}],
    schedules.inverse: [{"lr": 0.5, "decay": 0.3}],
    schedules.warmup: [{"schedule": schedules.constant(0.5), "steps": 3, "start": 0.3}],
    schedules.named: [{"name": "cosine", "lr": 0.5, "steps": 3}],
    stopping.GradientNorm: [{"tolerance": 0.5}],
    stopping.StepSize: [{"tolerance": 0.5}],
    stopping.ValueChange: [{"tolerance": 0.5}],
    stopping.Steps: [{"steps": 5}],
    nn.minimize: [
        {"f": lambda w: (w - 6.0) ** 2, "x0": 23.0, "method": "gd", "lr": 0.25, "stop": None, "steps": 5},
        {"f": lambda w: (w[0] - 6.0) ** 2 + w[1] ** 2, "x0": [23.0, 1.0], "lr": 0.25, "steps": 5},
    ],
    nn.random_search: [
        {"f": lambda w: (w - 6.0) ** 2, "x0": 23.0, "scale": 0.5, "steps": 5, "seed": 1},
        {"f": lambda w: (w - 6.0) ** 2, "bounds": [0.0, 4.0], "steps": 5, "seed": 1},
        {"f": lambda w: (w[0] - 6.0) ** 2 + w[1] ** 2, "bounds": [[0.0, 4.0], [1.0, 2.0]], "steps": 5, "seed": 1},
    ],
    nn.fit: [
        {
            "model": model,
            "training": (ROWS, CLASSES),
            "validation": 0.5,
            "loss": losses.cross_entropy,
            "metric": metrics.accuracy,
            "epochs": 2,
            "batch_size": 2,
            "seed": 3,
            "schedule": schedules.constant(0.5),
            "clip_norm": 0.5,
            "clip_value": 0.25,
            "l1": 0.125,
            "l2": 0.25,
            "weights": [1.0, 0.5, 1.0, 0.5],
            "patience": 3,
            "resume": False,
            "callbacks": [],
            "eager": True,
            "progress": False,
        },
        {
            "model": lambda: model(1),
            "training": (ROWS, NUMBERS),
            "validation": (ROWS, NUMBERS),
            "epochs": 1,
            "progress": False,
        },
    ],
    nn.find_lr: [
        {
            "model": model,
            "data": (ROWS, CLASSES),
            "loss": losses.cross_entropy,
            "start": 0.001,
            "end": 0.5,
            "steps": 6,
            "batch_size": 2,
            "seed": 3,
        }
    ],
    nn.gradient_flow: [{"model": lambda: model(1), "rows": ROWS, "targets": NUMBERS, "loss": losses.mse}],
    nn.diagnose_gradients: [{"flow": nn.gradient_flow(model(1), ROWS, NUMBERS, losses.mse)}],
    nn.diagnose: [{"history": history()}],
    losses.mse: [{"predictions": NUMBERS, "targets": NUMBERS[::-1], "weights": [1.0, 2.0, 0.5, 1.0]}],
    losses.mae: [{"predictions": NUMBERS, "targets": NUMBERS[::-1], "weights": [1.0, 2.0, 0.5, 1.0]}],
    losses.binary_cross_entropy: [{"logits": NUMBERS, "targets": CLASSES, "weights": [1.0, 2.0, 0.5, 1.0]}],
    losses.cross_entropy: [{"logits": ROWS, "labels": CLASSES, "weights": [1.0, 2.0, 0.5, 1.0]}],
    losses.hinge: [{"scores": NUMBERS, "targets": [1, -1, 1, -1], "weights": [1.0, 2.0, 0.5, 1.0]}],
    losses.l1: [{"parameters": parameters, "strength": 0.5}],
    losses.l2: [{"parameters": parameters, "strength": 0.5}],
    metrics.accuracy: [{"outputs": ROWS, "targets": CLASSES}],
    metrics.r2: [{"outputs": NUMBERS, "targets": NUMBERS[::-1]}],
    metrics.predicted_class: [{"output": [0.5, 1.0]}],
    plots.plot_learning_curve: [{"history": history(), "quantity": "loss"}],
    plots.learning_curve_figure: [{"history": history()}],
    plots.plot_lr_finder: [{"result": LearningRates((0.1, 0.2), (1.0, 0.5), (1.0, 0.5), 0.1)}],
    plots.plot_optimizers: [{"runs": {"a": [1.0, 0.5]}, "y": "loss"}],
    plots.plot_gradient_flow: [{"layers": {"one": 0.5, "two": 1.0}, "label": "net"}],
    plots.plot_decision_boundary: [
        {
            "model": model,
            "X": ROWS,
            "y": CLASSES,
            "feature_names": ("a", "b"),
            "class_names": ("no", "yes"),
            "resolution": 4,
        }
    ],
    plots.plot_landscape: [
        {
            "f": lambda x: x[0] ** 2 + x[1] ** 2,
            "paths": [[1.0, 2.0], [0.5, 0.25]],
            "xlim": (-1.0, 2.0),
            "ylim": (-1.0, 2.0),
            "resolution": 4,
            "names": ("a", "b"),
            "height": "f",
        }
    ],
    plots.plot_descent: [
        {"f": lambda x: x * x, "paths": [2.0, 1.0], "xlim": (-1.0, 2.0), "resolution": 5, "names": ("x", "y")}
    ],
    plots.plot_loss_landscape: [
        {
            "model": lambda: model(1),
            "rows": ROWS,
            "targets": NUMBERS,
            "loss": losses.mse,
            "trajectory": (),
            "directions": "random",
            "radius": 0.5,
            "resolution": 3,
            "seed": 1,
        }
    ],
    plots.weight_plane: [{"origin": [0.0, 1.0, 2.0], "trajectory": (), "directions": "random", "seed": 1}],
}
"""What users call, with arguments that work; models, parameters and generators are made anew for each call."""


class Wrong(NamedTuple):
    """An argument that stands for itself."""

    what: Any


def built(arguments):
    """The arguments themselves, made anew where they change."""
    made = {}
    for name, x in arguments.items():
        if isinstance(x, Wrong):
            made[name] = x.what
        else:
            made[name] = x() if name in ("model", "rng", "parameters") else x
    return made


def outcome(function, arguments):
    """What a call gives, and what it changes, as text: equal for equal numbers of any kind."""
    random.seed(0)
    made = built(arguments)
    if "ax" in inspect.signature(function).parameters:
        made["ax"] = figure()
    result = function(**made)
    changed = [p.grad for p in made["parameters"]] if "parameters" in made else []
    if isinstance(result, nn.Module):
        inputs = [0.5] * 3
        result = repr(result), result.state_dict(), vars(result).get("eps"), vars(result).get("momentum"), inputs
        return repr(result)
    if isinstance(result, optim.Optimizer):
        result.step()
        return repr((result.state_dict(), [p.data for p in result.parameters]))
    if isinstance(result, History):
        state = made["model"].state_dict()
        return repr(([epoch._replace(seconds=0.0) for epoch in result.epochs], result.metric, state))
    if isinstance(result, Minimum):
        return repr((result.points, result.values, result.rates, result.stopped))
    if hasattr(result, "get_xlim"):
        return repr((result.get_xlim(), [line.get_xydata().tolist() for line in result.lines], result.get_title()))
    if hasattr(result, "savefig"):
        return "figure"
    if isinstance(result, Dataset):
        rows = [[float(x) for x in row] for row in result.features]
        return repr((rows, [float(t) for t in result.targets], result.class_names))
    if callable(result) and not isinstance(result, type):  # a schedule
        return repr((result, [result(k) for k in range(6)]))
    return repr((result, changed))


def disguised(x):
    """The same in NumPy's kinds: numbers and bools of several widths, lists of numbers as arrays."""
    if isinstance(x, bool):
        return [np.bool_(x)]
    if isinstance(x, int):
        return [np.int64(x), np.int8(x), np.uint16(x) if x >= 0 else np.int16(x)]
    if isinstance(x, float):
        return [np.float64(x), np.float32(x)] if float(np.float32(x)) == x else [np.float64(x)]
    if isinstance(x, (list, tuple)) and x and not isinstance(x[0], (str, Value)):
        if isinstance(x, tuple) and len(x) == 2 and isinstance(x[0], list):  # (X, y)
            return [(np.array(x[0]), np.array(x[1])), (x[0], [disguised(y)[0] for y in x[1]])]
        if all(isinstance(y, (int, float, list)) for y in x):
            return [np.array(x), [disguised(y)[0] for y in x]]
    return []


def name_of(function):
    return getattr(function, "__qualname__", str(function))


NUMERIC = [
    pytest.param(function, arguments, name, id=f"{name_of(function)}-{k}-{name}")
    for function, calls in CALLS.items()
    for k, arguments in enumerate(calls)
    for name, x in arguments.items()
    if disguised(x)
]


@pytest.mark.parametrize(("function", "arguments", "name"), NUMERIC)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_numbers_of_numpy_pass_for_those_of_python(function, arguments, name):
    whole = outcome(function, arguments)
    for other in disguised(arguments[name]):
        assert outcome(function, {**arguments, name: other}) == whole, repr(other)


def public():
    """Every function and class that users import from nn's rooms."""
    rooms = [nn, nn.data, losses, optim, plots, schedules, stopping]
    for room in rooms:
        for name in room.__all__:
            thing = getattr(room, name)
            if callable(thing) and getattr(thing, "__module__", "").startswith(("nn.", "autodiff.")):
                yield thing


ELSEWHERE = {
    iris, nn.Module, nn.Sequential, nn.save, nn.load, nn.parameter, nn.History, nn.Diagnosis, Standardizer,
    optim.Optimizer,
    plots.save_figure, plots.require_matplotlib, stopping.Rule, stopping.AnyOf, stopping.rules,
}  # fmt: skip
"""What takes no numbers, or has tests of its own."""


def test_nothing_public_is_left_out():
    assert [name_of(thing) for thing in public() if thing not in CALLS and thing not in ELSEWHERE] == []


def test_every_argument_is_tried():
    left = {"ax", "rng", "checkpoint", "optimizer", "places", "feature_names", "class_names", "target_name", "source"}
    for function, calls in CALLS.items():
        parameters = inspect.signature(function).parameters
        tried = {name for arguments in calls for name in arguments}
        assert set(parameters) - tried <= left, name_of(function)


# -- What is wrong -----------------------------------------------------------------------------------------------------

WRONG = [None, 3, 0.5, "text", b"bytes", object(), [None], {"a": None}, np.array(3.0), [[["deep"]]], print, True]
RAW = (
    "has no attribute|object is not|unsupported operand|not supported between|must be a string or a real|unhashable|"
    "could not convert|not iterable|object of type|positional argument|cannot be interpreted|only .* arrays can|"
    "ambiguous|invalid literal|unexpected keyword|not subscriptable|must be real number|expected str, bytes|0-d array"
)
ALL = [
    pytest.param(function, calls, name, id=f"{name_of(function)}-{name}")
    for function, calls in CALLS.items()
    for name in calls[0]
]


@pytest.mark.parametrize(("function", "calls", "name"), ALL)
def test_what_is_wrong_is_told_in_words(function, calls, name, monkeypatch):
    """Any wrong argument works after all, or is refused in a line: no message from inside of Python."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    for wrong in WRONG:
        default = inspect.signature(function).parameters[name].default
        if (wrong is None and default is None) or (callable(wrong) and callable(calls[0][name])):
            continue  # a function of the user's own complains as it likes
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                outcome(function, {**calls[0], name: Wrong(wrong)})
            except (TypeError, ValueError) as error:
                told = str(error)
                assert "\n" not in told, f"{wrong!r}: {told}"
                assert not re.search(RAW, told), f"{wrong!r}: {told}"
                assert len(told) < 500


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (
            lambda: nn.minimize(lambda x: x * x, np.array(3.0)),
            TypeError,
            r"^x0 is a number.*got ndarray: array\(3\.\).*item",
        ),
        (lambda: nn.minimize(3, 1.0), TypeError, "^f is a function of a number, or of a list of them, got int: 3"),
        (lambda: nn.random_search(None, 1.0), TypeError, "^f is a function"),
        (lambda: fitted(checkpoint=3), TypeError, "^checkpoint is the path of a file, or left out, got int: 3"),
        (lambda: nn.load(3), TypeError, "^path is a str or a Path, got int: 3"),
        (lambda: nn.save(model(), None), TypeError, "^path is a str or a Path, got NoneType: None"),
        (lambda: history().to_csv(None), TypeError, "^path is a str or a Path, got NoneType: None"),
        (lambda: fitted(checkpoint=["c.json"]), TypeError, "^checkpoint is the path of a file"),
        (lambda: fitted(callbacks=3), TypeError, "^callbacks is a list, got int: 3"),
        (lambda: fitted(resume="no"), TypeError, "^resume is True or False, got str: 'no'"),
        (lambda: fitted(eager=1), TypeError, "^eager is True or False, got int: 1"),
        (lambda: fitted(weights=3.0), TypeError, "^weights holds a weight for each sample, got float: 3"),
        (lambda: nn.Layer(2, 1, bias="no"), TypeError, "^bias is True or False, got str: 'no'"),
        (lambda: nn.MLP(2, [1], expand=None), TypeError, "^expand is True or False, got NoneType: None"),
        (lambda: moons(noise=None), TypeError, "^noise is a real number, got NoneType: None"),
        (lambda: moons(seed="x"), TypeError, "^the seed is a whole number, got str: 'x'"),
        (lambda: split(iris(), stratify="yes"), TypeError, "^stratify is True or False"),
        (lambda: plots.plot_learning_curve(None), TypeError, "^history is what nn.fit returns, got NoneType"),
        (
            lambda: plots.plot_learning_curve(history(), 3),
            TypeError,
            "^ax are Axes of matplotlib, or left out, got int: 3",
        ),
        (lambda: plots.save_figure(None, "a.png"), TypeError, "^picture is a Figure, or Axes of one, got NoneType"),
        (lambda: plots.save_figure(figure(), 3), TypeError, "^path is a str or a Path, got int: 3"),
        (lambda: plots.plot_landscape(None, [[0, 0]]), TypeError, "^f is a function, got NoneType"),
        (lambda: plots.plot_landscape(sum, 3), TypeError, "^paths is a list of points"),
        (lambda: plots.plot_landscape(sum, [[0, 1]], xlim=3), TypeError, "^xlim is a pair of numbers, got int: 3"),
        (
            lambda: plots.plot_landscape(sum, [[0, 1]], names=3),
            TypeError,
            "^names are the names of two axes, got int: 3",
        ),
        (lambda: plots.plot_loss_landscape(len, [], [], len), TypeError, "^model is an nn.Module"),
        (
            lambda: plots.plot_landscape(sum, [[0, 1]], resolution=10**13),
            MemoryError,
            "a grid of 10,000,000,000,000 points a",
        ),
    ],
)
def test_what_is_wrong_is_named(call, error, told):
    with pytest.raises(error, match=told):
        call()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: nn.MLP(2, [10**9, 1]), "the 4,000,000,001 parameters of this MLP would need 1,200.0 GB at the least"),
        (lambda: nn.MLP(2, [3, np.int64(10**15)]), "parameters of this MLP"),
        (lambda: nn.Layer(10**6, 10**6), "the 1,000,000,000,000 parameters of this Layer"),
        (lambda: nn.Neuron(10**12), "of this Neuron"),
        (lambda: nn.BatchNorm(10**12), "of 1,000,000,000,000 features"),
        (lambda: moons(10**12), "1,000,000,000,000 points"),
        (lambda: one_hot([0, 10**12]), "2 vectors of 1,000,000,000,001 numbers"),
    ],
)
def test_what_does_not_fit_in_memory_is_refused_before_it_is_made(call, told, monkeypatch):
    with pytest.raises(MemoryError, match=told):
        call()
    monkeypatch.setenv("NN_MEMORY", "1e300")
    assert nn.checks.free_memory() == 1e300


def test_how_much_memory_may_be_used_is_asked_of_the_system_or_the_user(monkeypatch):
    assert 1e8 < nn.checks.free_memory() < 1e15
    monkeypatch.setenv("NN_MEMORY", "2e8")
    with pytest.raises(MemoryError, match=r"and 0\.2 GB are free"):
        nn.Layer(1000, 1000)
    monkeypatch.setenv("NN_MEMORY", "inf")
    nn.checks.affordable(1e30, 1.0, "nothing")
