"""Gradient clipping: against PyTorch, and where PyTorch overflows against the formula."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import Value
from nn import Neuron, clip_grad_norm_, clip_grad_value_
from nn.optim.clip import grad_norm

RECORDED = json.loads((Path(__file__).parent / "golden" / "training.json").read_text(encoding="utf-8"))
# PyTorch squares: beyond 1e154 and below 1e-162 its norm is inf or 0
EXTREME = (1e200, 1e-200)
NORMS = [c for c in RECORDED["clip_grad_norm"] if c["norm_type"] == 2.0 and c["gradients"][0] not in EXTREME]


def leaves(gradients):
    ps = [Value(0.0) for _ in gradients]
    for p, g in zip(ps, gradients):
        p.grad = g
    return ps


def gradients(ps):
    return [p.grad for p in ps]


@pytest.mark.parametrize("case", NORMS, ids=[f"{len(c['gradients'])} to {c['max_norm']:g}" for c in NORMS])
def test_by_norm_as_pytorch(case):
    ps = leaves(case["gradients"])
    norm = clip_grad_norm_(ps, case["max_norm"])
    assert norm == pytest.approx(case["norm"], rel=1e-14, nan_ok=True)
    assert gradients(ps) == pytest.approx(case["clipped"], rel=1e-14, nan_ok=True)


@pytest.mark.parametrize("case", RECORDED["clip_grad_value"])
def test_by_value_as_pytorch(case):
    ps = leaves(case["gradients"])
    clip_grad_value_(ps, case["clip_value"])
    assert gradients(ps) == pytest.approx(case["clipped"], rel=0.0, abs=0.0, nan_ok=True)


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=6), st.floats(1e-3, 1e3))
def test_by_norm_against_exact_arithmetic(given_, most):
    ps = leaves(given_)
    norm = clip_grad_norm_(ps, most)
    squares = sum(Fraction(g) ** 2 for g in given_)
    # sqrt of an exact rational, by integers: the floor of the root of a number scaled by 2^4000
    exact = Fraction(math.isqrt(squares.numerator * 4**2000 // squares.denominator), 2**2000)
    assert norm == pytest.approx(float(exact), rel=1e-14)
    factor = min(Fraction(1), Fraction(most) / (exact + Fraction(1e-6)))
    assert gradients(ps) == pytest.approx([float(Fraction(g) * factor) for g in given_], rel=1e-13, abs=1e-320)
    assert grad_norm(ps) <= most * (1.0 + 1e-14) or factor == 1


def test_by_norm_keeps_the_direction_and_by_value_does_not():
    ps = leaves([30.0, 4.0])
    assert clip_grad_norm_(ps, 1.0) == pytest.approx(math.sqrt(916.0))
    assert ps[0].grad / ps[1].grad == pytest.approx(7.5)
    ps = leaves([30.0, 4.0, -0.5])
    assert clip_grad_value_(ps, 1.0) == pytest.approx(math.sqrt(916.25))
    assert gradients(ps) == [1.0, 1.0, -0.5]


def test_small_gradients_stay_as_they_are():
    ps = leaves([0.3, -0.4])
    assert clip_grad_norm_(ps, 1.0) == clip_grad_value_(ps, 1.0) == 0.5
    assert gradients(ps) == [0.3, -0.4]


def test_an_infinite_limit_only_measures():
    for clip in (clip_grad_norm_, clip_grad_value_):
        for given_ in ([3.0, -4.0], [math.inf, 1.0]):
            ps = leaves(given_)
            assert clip(ps, math.inf) == math.hypot(*given_)
            assert gradients(ps) == given_


def test_a_nan_is_told():
    assert math.isnan(grad_norm(leaves([math.inf, math.nan])))
    assert math.isnan(clip_grad_value_(leaves([math.nan, 5.0]), 1.0))


def test_gradients_that_are_none_count_as_zero():
    ps = leaves([None, 5.0])
    assert clip_grad_norm_(ps, 2.5) == 5.0
    assert gradients(ps) == pytest.approx([0.0, 2.5], rel=1e-6)
    ps = leaves([None, 5.0])
    assert clip_grad_value_(ps, 2.0) == 5.0
    assert gradients(ps) == [None, 2.0]


def test_the_parameters_may_come_from_a_generator():
    ps = leaves([3.0, 4.0])
    assert clip_grad_norm_((p for p in ps), 1.0) == 5.0
    assert grad_norm(ps) == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("clip", [clip_grad_norm_, clip_grad_value_])
@pytest.mark.parametrize(
    ("parameters", "limit", "error", "told"),
    [
        ([], 1.0, ValueError, "at least one Value, got none"),
        ([1.0], 1.0, TypeError, "takes Values, got float"),
        (Neuron(1), 1.0, TypeError, "takes Values, got Neuron"),
        (leaves([1.0]), -1.0, ValueError, "finite and at least 0, got -1.0"),
        (leaves([1.0]), math.nan, ValueError, "got nan"),
        (leaves([1.0]), "1", TypeError, "got str"),
        (leaves([1.0]), True, TypeError, "got bool"),
    ],
)
def test_bad_input_is_refused(clip, parameters, limit, error, told):
    with pytest.raises(error, match=told):
        clip(parameters, limit)
