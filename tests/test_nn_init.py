"""Initialisers have the distributions that they claim, and names that are found."""

from __future__ import annotations

import math
import random
import statistics

import pytest

from nn import MLP, Layer
from nn.model.init import INITIALISERS, generator, initialiser

NIN, NOUT, COUNT = 8, 5, 20_000

VARIANCES = {
    "micrograd": 1 / 3,
    "he": 2 / NIN,
    "he_uniform": 2 / NIN,
    "xavier": 2 / (NIN + NOUT),
    "xavier_normal": 2 / (NIN + NOUT),
    "zeros": 0.0,
}
BOUNDS = {
    "micrograd": 1.0,
    "he_uniform": math.sqrt(6 / NIN),
    "xavier": math.sqrt(6 / (NIN + NOUT)),
    "zeros": 0.0,
}


def drawn(name: str) -> list[float]:
    rng, draw = random.Random(7), initialiser(name)
    return [draw(rng, NIN, NOUT) for _ in range(COUNT)]


def distribution(name: str, x: float) -> float:
    """The probability of a weight up to x, by the formula."""
    if name in BOUNDS:
        r = BOUNDS[name]
        return min(max((x + r) / (2 * r), 0.0), 1.0)
    return 0.5 * math.erfc(-x / math.sqrt(2 * VARIANCES[name]))


def test_all_are_tested():
    assert set(INITIALISERS) == set(VARIANCES)


@pytest.mark.parametrize("name", VARIANCES)
def test_mean_and_variance(name):
    weights = drawn(name)
    variance = VARIANCES[name]
    # 5 standard errors: of the mean, and of the variance, whose own is at most sqrt(2 / n) for these two families
    assert statistics.fmean(weights) == pytest.approx(0.0, abs=5 * math.sqrt(variance / COUNT))
    assert statistics.pvariance(weights, 0.0) == pytest.approx(variance, rel=5 * math.sqrt(2 / COUNT))


@pytest.mark.parametrize("name", [name for name in VARIANCES if name != "zeros"])
def test_the_whole_distribution(name):
    """The largest distance between the two distribution functions stays under Kolmogorov's bound of one in 10^6."""
    weights = sorted(drawn(name))
    distance = max(
        max(distribution(name, x) - k / COUNT, (k + 1) / COUNT - distribution(name, x)) for k, x in enumerate(weights)
    )
    assert distance < math.sqrt(math.log(2e6) / (2 * COUNT))


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds(name):
    weights = drawn(name)
    assert max(map(abs, weights)) <= BOUNDS[name]
    assert max(map(abs, weights)) >= 0.999 * BOUNDS[name]


@pytest.mark.parametrize(
    ("synonym", "name"),
    [
        ("he_normal", "he"),
        ("kaiming_normal", "he"),
        ("kaiming_uniform", "he_uniform"),
        ("xavier_uniform", "xavier"),
        (None, "micrograd"),
    ],
)
def test_synonyms(synonym, name):
    assert initialiser(synonym) is INITIALISERS[name]


def test_a_layer_hands_on_its_sizes_and_begins_with_no_bias():
    layer = Layer(NIN, NOUT, init="xavier", seed=3)
    rng = random.Random(3)
    r = math.sqrt(6 / (NIN + NOUT))
    assert [w.data for n in layer.neurons for w in n.w] == [rng.uniform(-r, r) for _ in range(NIN * NOUT)]
    assert {n.b.data for n in layer.neurons} == {0.0}


def test_zeros_draw_nothing():
    rng = random.Random(0)
    before = rng.getstate()
    assert {p.data for p in MLP(2, [3, 1], init="zeros", rng=rng).parameters()} == {0.0}
    assert rng.getstate() == before


@pytest.mark.parametrize("depth", [20])
def test_he_keeps_the_size_of_signals_under_relu(depth):
    """Equation 10 of He et al.: the mean square of a layer's weighted sums stays what it was, layer by layer."""
    width = 200
    rng, draw = random.Random(11), initialiser("he")
    x = [rng.gauss(0.0, 1.0) for _ in range(width)]
    sizes = []
    for _ in range(depth):
        z = [math.fsum(draw(rng, width, width) * xi for xi in x) for _ in range(width)]
        sizes.append(statistics.fmean(zi * zi for zi in z))
        x = [max(zi, 0.0) for zi in z]
    # each layer multiplies it by a factor of mean 1 and variance 5 / width, so its logarithm walks by sqrt(5 / width)
    bound = 4 * math.sqrt(5 * depth / width)
    assert all(abs(math.log(size / 2)) < bound + 5 / width * depth for size in sizes)


def test_generators():
    assert generator(None, None) is random
    rng = random.Random(1)
    assert generator(None, rng) is rng
    assert generator(5, None).random() == random.Random(5).random()


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda: initialiser("glorot"), ValueError, "unknown init 'glorot'; known are micrograd, he"),
        (lambda: initialiser(3), TypeError, "init is a name or a function"),
        (lambda: generator(1, random.Random(1)), ValueError, "not both"),
        (lambda: generator(1.5, None), TypeError, "a seed is an integer, got float: 1.5"),
        (lambda: generator(None, 3), TypeError, "rng is a random.Random, got int"),
    ],
)
def test_what_is_refused(call, error, told):
    with pytest.raises(error, match=told):
        call()
