"""The lectures' part D, training from scratch: each item as a user of `nn` would do it, with the lecture's numbers."""

from __future__ import annotations

import math
import random

import pytest

from autodiff import GradientError, Value, check_grads, define
from autodiff.operation import OPERATIONS
from nn import MLP, Neuron, clip_grad_norm_, clip_grad_value_, diagnose, find_lr, fit, losses, optim
from nn.callbacks import Callback
from nn.data import Dataset, Standardizer, batches, iris, moons, spirals, split, xor
from nn.history import Epoch, History
from nn.metrics import predicted_class


def iris_parts(seed):
    training, validation = split(iris(), 0.3, seed)
    scale = Standardizer.fit(training.features)
    return (
        Dataset(scale.transform(part.features), part.targets, part.feature_names, part.class_names)
        for part in (training, validation)
    )


def classifier(seed, sizes=(16, 8, 3), nin=4):
    return MLP(nin, sizes, activation="tanh", init="xavier", seed=seed)


# -- D.3 -----------------------------------------------------------------------------------------------------------


def test_d3_batches_of_32_from_100_samples():
    chosen = batches(100, 32, random.Random(0))
    assert [len(batch) for batch in chosen] == [32, 32, 32, 4]
    assert sorted(k for batch in chosen for k in batch) == list(range(100))


def test_d3_fit_takes_them():
    sizes = []

    def loss(outputs, targets):
        if outputs[0].operands:
            sizes.append(len(outputs))
        return losses.mse(outputs, targets)

    data = Dataset([[k / 100] for k in range(100)], [k / 50 for k in range(100)])
    fit(Neuron(1, activation="linear"), data, loss=loss, epochs=2, batch_size=32, progress=False)
    assert sizes == [32, 32, 32, 4] * 2


# -- D.6, D.7 ------------------------------------------------------------------------------------------------------


def told(training, validation=None):
    aside = validation or [math.nan] * len(training)
    return diagnose(
        History("accuracy", validation is not None, [Epoch(a, 0.9, b, 0.9, 0.1) for a, b in zip(training, aside)])
    )


def test_d6_a_diagnosis_for_each_curve():
    falls = [1.1 * 0.8**k for k in range(20)]
    settles = [0.2 + 0.9 * 0.5**k for k in range(20)]
    line = [1.1 - 0.04 * k for k in range(20)]
    valley = [0.5 + 0.01 * (k - 9) ** 2 for k in range(20)]
    assert told([1.1 * 1.5**k for k in range(20)]).kind == "diverging"
    assert told(falls, valley).kind == "overfitting"
    assert told(falls, valley).best_epoch == 9
    assert told(settles, settles).kind == "converged"
    assert told(line, line).kind == "still improving"
    flat = History("accuracy", False, [Epoch(1.09, 0.4, math.nan, math.nan, 0.1)] * 20)
    assert diagnose(flat).kind == "underfitting"


@pytest.mark.parametrize("slope", [0.03, 1e-3, 1e-6])
def test_d6_a_worsening_validation_loss_is_never_called_converged(slope):
    settles = [0.2 + 0.9 * 0.5**k for k in range(30)]
    assert told(settles, [x + slope * k for k, x in enumerate(settles)]).kind == "overfitting"


def test_d7_the_history_of_a_training():
    training, validation = split(moons(60, 0.1), 0.3)
    model = classifier(0, (6, 2), 2)
    history = fit(model, training, validation, epochs=8, optimizer=optim.Adam(model.parameters(), 0.05), progress=False)
    for name in ("training_loss", "training_score", "validation_loss", "validation_score", "seconds"):
        assert len(history.column(name)) == 9
    assert history.column("learning_rate")[1:] == [0.05] * 8
    assert all(norm > 0.0 for norm in history.column("gradient_norm")[1:])
    aside = history.column("validation_loss")
    assert aside[history.best_epoch] == min(aside)
    assert f"best epoch: {history.best_epoch}" in history.summary()
    assert f"{min(aside):.4f}" in history.summary()


# -- D.8 -----------------------------------------------------------------------------------------------------------


def test_d8_a_softmax_classifier_of_iris():
    """[4, 16, 8, 3], with the settings of ``python -m nn`` but less than half the epochs."""
    training, validation = iris_parts(0)
    model = classifier(0)
    optimizer = optim.SGD(model.parameters(), lr=0.2)
    history = fit(model, training, validation, optimizer=optimizer, epochs=40, batch_size=16, progress=False)
    assert history.best.validation_score >= 0.95
    assert history.best.validation_loss < 0.2


def test_d8_iris_over_ten_seeds():
    """What `python -m nn --seed k` does, for k from 0 to 9."""
    scores = []
    for seed in range(10):
        training, validation = iris_parts(seed)
        model = classifier(seed)
        optimizer = optim.SGD(model.parameters(), lr=0.2)
        history = fit(model, training, validation, optimizer=optimizer, seed=seed, batch_size=16, progress=False)
        scores.append(history.best.validation_score)
    assert math.fsum(scores) / 10 >= 0.95


def test_d8_random_labels_cannot_be_learned():
    """Three classes by lot: the training loss falls far under log 3 = 1.0986, the validation loss rises above it."""
    rng = random.Random(0)
    rows = [[rng.gauss(0.0, 1.0) for _ in range(4)] for _ in range(100)]
    data = Dataset(rows, [rng.randrange(3) for _ in rows], class_names=("a", "b", "c"))
    model = classifier(0)
    history = fit(
        model, data, 0.2, optimizer=optim.Adam(model.parameters(), 0.02), epochs=40, batch_size=16, progress=False
    )
    last = history.epochs[-1]
    assert last.training_loss < 0.95 < math.log(3) < 1.23 < last.validation_loss
    assert diagnose(history).kind == "overfitting"
    assert history.best.validation_loss < last.validation_loss


# -- D.9 -----------------------------------------------------------------------------------------------------------


def test_d9_gradient_checking():
    """Of a whole network's loss, in all of its weights; and of an operation with a wrong rule, which is found out."""
    rng = random.Random(0)
    numbers = [rng.uniform(-1.0, 1.0) for _ in range(12)]

    def loss(*weights):
        hidden = [(0.3 * weights[k] - 0.8 * weights[3 + k]).tanh() for k in range(3)]
        return losses.cross_entropy([sum(h * weights[6 + 3 * j + k] for k, h in enumerate(hidden)) for j in (0, 1)], 1)

    rows = check_grads(loss, *numbers, order=1).rows
    assert len(rows) == 12
    assert not any(row.skipped for row in rows)
    wrong = define("wrong_square", lambda a: a * a, partials=lambda y, a: 3 * a)
    try:
        with pytest.raises(GradientError, match="wrong_square"):
            check_grads(lambda x: wrong(x), 0.5)
    finally:
        del OPERATIONS["wrong_square"]


def test_d9_the_learning_rate_finder():
    """Exponentially from 1e-7; the steepest descent lies well under where it explodes, and far above the start."""
    training, _ = iris_parts(0)
    found = find_lr(classifier(0), training, start=1e-7, end=100.0, batch_size=16)
    ratios = [b / a for a, b in zip(found.rates, found.rates[1:])]
    assert found.rates[0] == 1e-7
    assert ratios == pytest.approx([ratios[0]] * len(ratios))
    lowest = found.rates[min(range(len(found.losses)), key=found.smoothed.__getitem__)]
    assert 1e-3 < found.suggestion < lowest


@pytest.mark.parametrize("size", [1, 8, 32, 128, 10**6])
def test_d9_batch_sizes(size):
    """Loss, time an epoch and accuracy are in the history; small batches make more steps."""
    training, validation = iris_parts(0)
    model, steps = classifier(0, (3,)), []

    class Counting(Callback):
        def on_step(self, training):
            steps.append(training.step)

    optimizer = optim.SGD(model.parameters(), lr=0.05)
    options = {"epochs": 2, "batch_size": size, "callbacks": [Counting()], "progress": False}
    history = fit(model, training, validation, optimizer=optimizer, **options)
    assert len(steps) == 2 * math.ceil(105 / size)
    assert history.epochs[2].training_loss < history.epochs[0].training_loss
    assert history.epochs[2].seconds > 0.0
    assert 0.0 <= history.epochs[2].validation_score <= 1.0


def test_d9_early_stopping_restores_the_best_epoch_exactly():
    training, validation = split(moons(60, 0.3, seed=1), 0.3)
    model, kept = classifier(0, (8, 2), 2), []
    options = {"epochs": 300, "batch_size": 8, "patience": 10, "progress": False}
    options["callbacks"] = [lambda at: kept.append(at.model.state_dict())]
    history = fit(model, training, validation, optimizer=optim.Adam(model.parameters(), 0.1), **options)
    assert history.stopped == "patience"
    assert len(history.epochs) == history.best_epoch + 10 + 1
    assert model.state_dict() == kept[history.best_epoch] != kept[-1]


def test_d9_clipping_by_value_and_by_norm():
    values = [Value(0.0), Value(0.0)]

    def gradients(clip, bound):
        values[0].grad, values[1].grad = 3.0, -4.0
        return clip(values, bound), [p.grad for p in values]

    assert gradients(clip_grad_value_, 3.5) == (5.0, [3.0, -3.5])
    norm, clipped = gradients(clip_grad_norm_, 1.0)
    assert norm == 5.0
    assert clipped == pytest.approx([0.6, -0.8], rel=1e-6)
    model = Neuron(1, activation="linear", bias=False)
    model.w[0].data = 5.0  # (w)^2: the gradient 10 is cut to 1
    history = fit(model, Dataset([[1.0]], [0.0]), epochs=1, clip_norm=1.0, progress=False)
    assert model.w[0].data == pytest.approx(4.9, rel=1e-6)
    assert history.epochs[1].gradient_norm == pytest.approx(10.0)


@pytest.mark.parametrize("seed", range(4))
def test_d9_xor_with_2_4_1(seed):
    model = MLP(2, [4, 1], activation="tanh", seed=seed)
    fit(model, xor(), optimizer=optim.Adam(model.parameters(), 0.1), epochs=150, batch_size=4, progress=False)
    assert [predicted_class(model(row)) for row in xor().features] == [0, 1, 1, 0]


# -- Beyond the lectures: how well the toys are learned -------------------------------------------------------------


def best_scores(problem, sizes, lr, epochs, **options):
    """Validation accuracies, for five seeds of the data, of the weights and of the order of samples."""
    for seed in range(5):
        training, validation = split(problem(seed), 0.3, seed)
        model = MLP(2, sizes, seed=seed, **options)
        optimizer = optim.Adam(model.parameters(), lr=lr)
        history = fit(
            model, training, validation, optimizer=optimizer, seed=seed, epochs=epochs, batch_size=16, progress=False
        )
        yield history.best.validation_score


def test_moons_are_told_apart():
    scores = list(best_scores(lambda seed: moons(150, 0.1, seed), [8, 2], 0.03, 60, activation="tanh", init="xavier"))
    assert math.fsum(scores) / 5 >= 0.99


def test_spirals_take_two_hidden_layers():
    scores = list(best_scores(lambda seed: spirals(150, seed=seed), [12, 12, 2], 0.02, 80, init="he"))
    assert math.fsum(scores) / 5 >= 0.98
    (straight, *_) = best_scores(lambda seed: spirals(150, seed=seed), [2], 0.02, 80)
    assert straight < 0.8
