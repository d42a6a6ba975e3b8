"""Dropout: what it drops, that it keeps expectations, and that its choices can be repeated."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autodiff
from autodiff import Value
from nn import BatchNorm, Dropout, Layer, Residual, Sequential

inputs = st.floats(-3, 3)


def data(y):
    return [v.data if isinstance(v, Value) else v for v in (y if isinstance(y, list) else [y])]


@given(st.lists(inputs, min_size=1, max_size=6), st.floats(0.0, 0.95), st.integers(0, 2**32))
def test_dropout_keeps_by_its_generator_and_scales(x, p, seed):
    rng = random.Random(seed)
    expected = [xi * (1 / (1 - p)) if rng.random() >= p else 0.0 for xi in x] if p else x
    leaves = [Value(xi) for xi in x]
    out = Dropout(p, seed=seed)(leaves)
    assert data(out) == expected


def test_dropout_keeps_the_expectation():
    """Over every choice of what to drop, by its probability: exactly the inputs."""
    x, p = [1.0, -2.0, 3.5], 0.25

    class Scripted(random.Random):
        def random(self):
            return self.script.pop(0)

    total = [0.0] * len(x)
    for kept in itertools.product([False, True], repeat=len(x)):
        rng = Scripted()
        rng.script = [p if keep else math.nextafter(p, 0.0) for keep in kept]
        probability = math.prod(1 - p if keep else p for keep in kept)
        total = [t + probability * y for t, y in zip(total, Dropout(p, rng=rng)(x))]
    assert total == pytest.approx(x, rel=1e-15)


def test_dropout_drops_the_share_that_it_is_told():
    out = Dropout(0.3, seed=5)([1.0] * 20_000)
    assert out.count(0.0) / 20_000 == pytest.approx(0.3, abs=5 * math.sqrt(0.3 * 0.7 / 20_000))


def test_dropped_numbers_stay_in_the_graph_with_no_gradient():
    x = [Value(1.0), Value(2.0)]
    out = Dropout(1.0)(x)
    assert data(out) == [0.0, 0.0]
    autodiff.sum(out).backward()
    assert [v.grad for v in x] == [0.0, 0.0]
    kept = Value(3.0)
    Dropout(0.5, seed=0)([kept]).backward()
    assert kept.grad == 2.0


def test_evaluation_is_the_identity_and_draws_nothing():
    dropout = Dropout(0.5, seed=0).eval()
    before, x = dropout.rng.getstate(), [Value(1.0), Value(2.0)]
    assert dropout(x) == x
    assert dropout(x[0]) is x[0]
    assert dropout.rng.getstate() == before
    assert Dropout(0.0, seed=0)(x) == x


def test_the_global_generator_governs_a_dropout_without_a_seed():
    random.seed(3)
    a = Dropout()([1.0] * 50)
    random.seed(3)
    dropout = Dropout()
    before = random.getstate()
    assert dropout([1.0] * 50) == a
    assert random.getstate() == before


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_goes_on_with_the_same_choices(duplicate):
    model = Sequential(Layer(2, 8, seed=0), Dropout(), BatchNorm(8), Dropout(0.2, seed=4))
    rows = [[1.0, 2.0], [3.0, 4.0]]
    model.forward_batch(rows)
    twin = duplicate(model)
    assert [data(y) for y in model.forward_batch(rows)] == [data(y) for y in twin.forward_batch(rows)]
    assert model.state_dict() == twin.state_dict()


def test_generators_come_once_and_in_order_and_bring_back_the_choices():
    rng = random.Random(1)
    model = Sequential(Dropout(rng=rng), Residual(Sequential(Dropout(seed=2), Dropout(rng=rng))))
    assert model.generators() == [rng, model[1].module[0].rng]
    states = [g.getstate() for g in model.generators()]
    first = model([1.0] * 30)
    for g, state in zip(model.generators(), states):
        g.setstate(state)
    assert model([1.0] * 30) == first


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda: Dropout("0.5"), TypeError, "the probability p is a real number, got str"),
        (lambda: Dropout(0.5, seed="x"), TypeError, "a seed is an integer"),
        (lambda: Dropout(0.5)(["a"]), TypeError, "real number, got str"),
        (lambda: Dropout(1.5), ValueError, "the probability p is finite and at least 0 and at most 1, got 1.5"),
        (lambda: Dropout(math.nan), ValueError, "the probability p is finite"),
        (lambda: Dropout(0.5, seed=0, rng=random.Random(0)), ValueError, "not both"),
    ],
)
def test_what_is_refused(call, error, told):
    with pytest.raises(error, match=told):
        call()
