"""The learning-rate finder: what it suggests, what it leaves alone, and what it refuses."""

from __future__ import annotations

import math

import pytest

from nn import MLP, BatchNorm, Dropout, Layer, Neuron, Sequential, find_lr, fit, optim
from nn.data import Dataset, iris, moons
from nn.data.dataset import Standardizer


def test_the_sweep():
    found = find_lr(MLP(2, [4, 2], seed=0), moons(50), start=1e-6, end=1.0, steps=13)
    assert found.rates == pytest.approx([10.0 ** (k / 2 - 6) for k in range(13)])
    assert len(found.losses) == len(found.smoothed) == 13
    assert found.suggestion in found.rates


def test_on_a_parabola_against_the_closed_form():
    """(w x)^2 at x = 1: a step takes w to (1 - 2 rate) w; the loss falls by rate 1/2, and rises from rate 1 on."""
    neuron = Neuron(1, activation="linear", bias=False)
    neuron.w[0].data = 10.0
    found = find_lr(neuron, Dataset([[1.0]], [0.0]), steps=81)
    w, losses = 10.0, []
    for rate in found.rates:
        w *= 1.0 - 2.0 * rate
        losses.append(w * w)
    assert found.losses == pytest.approx(losses, rel=1e-9, abs=1e-300)
    assert 1e-3 < found.suggestion < 0.5
    assert neuron.w[0].data == 10.0


def test_it_ends_where_the_loss_explodes():
    neuron = Neuron(1, activation="linear", bias=False)
    neuron.w[0].data = 10.0
    data = Dataset([[1.0]], [0.0])
    found = find_lr(neuron, data, start=1.6, end=1e300, steps=50)
    assert len(found.rates) == len(found.losses) == 1  # w = -22, whose loss is more than 4 times as large
    assert found.losses[0] == pytest.approx(484.0)
    assert found.suggestion is None
    beyond = find_lr(neuron, data, start=1e200, end=1e300, steps=50)
    assert beyond.losses == (math.inf,)
    assert beyond.suggestion is None
    assert math.isnan(beyond.smoothed[0])


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
def test_the_suggestion_trains_well(kind):
    data = iris()
    data = Dataset(Standardizer.fit(data.features).transform(data.features), data.targets, class_names=data.class_names)
    model = MLP(4, [8, 3], activation="tanh", init="xavier", seed=0)
    found = find_lr(model, data, optimizer=kind(model.parameters(), 1.0), batch_size=16)
    ends = {}
    for factor in (0.01, 1.0):
        model = MLP(4, [8, 3], activation="tanh", init="xavier", seed=0)
        optimizer = kind(model.parameters(), factor * found.suggestion)
        ends[factor] = fit(model, data, epochs=15, batch_size=16, optimizer=optimizer, progress=False).best
    assert ends[1.0].training_loss < 0.3
    assert ends[1.0].training_score > 0.85
    assert ends[1.0].training_loss < 0.5 * ends[0.01].training_loss


def test_model_and_optimizer_are_left_as_they_were():
    model = Sequential(Layer(2, 3, nonlin=False, seed=0), BatchNorm(3), Dropout(0.5, seed=1), Layer(3, 2, nonlin=False))
    optimizer = optim.Adam(model.parameters(), 0.3)
    fit(model, moons(30), epochs=1, batch_size=10, optimizer=optimizer, progress=False)
    graph = model([0.0, 1.0])[0]

    def everything():
        return (
            model.state_dict(),
            optimizer.state_dict(),
            [rng.getstate() for rng in model.generators()],
            [p.grad for p in model.parameters()],
            [module.training for module in model.modules()],
        )

    before = everything()
    for _ in range(2):
        assert find_lr(model, moons(30), optimizer=optimizer, steps=20, batch_size=10).losses
        assert everything() == before
    graph.backward()  # it has not gone stale


def test_the_seed_decides():
    def losses(seed):
        return find_lr(MLP(2, [4, 2], seed=0), moons(50), steps=10, seed=seed).losses

    assert losses(1) == losses(1) != losses(2)


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"start": 0.0}, ValueError, "first rate is finite and above 0"),
        ({"start": 1.0, "end": 1.0}, ValueError, "last rate is finite and above 1"),
        ({"end": math.inf}, ValueError, "last rate"),
        ({"steps": 3}, ValueError, "number of steps is at least 4"),
        ({"batch_size": 0}, ValueError, "batch size is at least 1"),
        ({"seed": "one"}, TypeError, "the seed is a whole number, got str"),
        ({"loss": "mse"}, TypeError, "loss is a function"),
        ({"optimizer": optim.Adam(MLP(2, [2]).parameters())}, ValueError, "no parameter of this model"),
    ],
)
def test_bad_arguments(options, error, told):
    with pytest.raises(error, match=told):
        find_lr(MLP(2, [2]), moons(10), **options)


def test_a_model_without_a_finite_loss():
    neuron = Neuron(1, activation="linear")
    neuron.w[0].data = 1e200
    with pytest.raises(ValueError, match="not finite; standardise"):
        find_lr(neuron, Dataset([[1.0]], [0.0]))
