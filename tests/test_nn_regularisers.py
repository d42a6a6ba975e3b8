"""L1 and L2: their numbers, their gradients, and what they refuse."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import Value, jvp
from nn import MLP, losses
from nn.losses.functions import l1, l2

numbers = st.lists(st.floats(-100, 100), min_size=1, max_size=6)
strengths = st.floats(0, 10)


@given(numbers, strengths)
def test_l1(xs, strength):
    ps = [Value(x) for x in xs]
    penalty = l1(ps, strength)
    penalty.backward()
    assert penalty.data == pytest.approx(strength * math.fsum(map(abs, xs)), rel=1e-14)
    assert [p.grad for p in ps] == [strength * ((x > 0) - (x < 0)) for x in xs]


@given(numbers, strengths)
def test_l2(xs, strength):
    ps = [Value(x) for x in xs]
    penalty = l2(ps, strength)
    penalty.backward()
    assert penalty.data == pytest.approx(strength * math.fsum(x * x for x in xs), rel=1e-13)
    assert [p.grad for p in ps] == pytest.approx([2 * strength * x for x in xs], rel=1e-14)


def test_they_are_added_to_a_loss():
    model = MLP(2, [2, 1], activation="tanh", seed=0)
    loss = losses.mse([model([1.0, 2.0])], [0.5])
    loss.backward()
    plain = [p.grad for p in model.parameters()]
    model.zero_grad()
    total = (
        losses.mse([model([1.0, 2.0])], [0.5])
        + losses.l1(model.parameters(), 0.1)
        + losses.l2(model.parameters(), 0.01)
    )
    total.backward()
    for p, g in zip(model.parameters(), plain):
        assert p.grad == pytest.approx(g + 0.1 * ((p.data > 0) - (p.data < 0)) + 0.02 * p.data, rel=1e-12)


def test_shrinking_by_l2_is_weight_decay():
    """Gradient descent with rate r takes the share 2 r strength of each parameter away."""
    p = Value(5.0)
    l2([p], 0.25).backward()
    assert p.data - 0.1 * p.grad == pytest.approx(5.0 * (1 - 2 * 0.1 * 0.25), rel=1e-15)


def test_floats_duals_iterators_and_none_at_all():
    assert l1([1.0, -2.0], 0.5) == 1.5
    assert l2((x for x in (1.0, -2.0)), 0.5) == 2.5
    assert l1([], 1.0) == l2([], 1.0) == 0.0
    assert jvp(lambda x: l1([x, -2.0], 3.0) + l2([x], 0.5), (2.0,), (1.0,)) == (12.0 + 2.0, 3.0 + 2.0)


@pytest.mark.parametrize("penalty", [l1, l2])
@pytest.mark.parametrize(
    ("strength", "error"), [(-0.1, ValueError), (math.nan, ValueError), (math.inf, ValueError), ("1", TypeError)]
)
def test_a_bad_strength_is_refused(penalty, strength, error):
    with pytest.raises(error, match="the strength is"):
        penalty([Value(1.0)], strength)
