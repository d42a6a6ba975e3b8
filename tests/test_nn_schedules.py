"""Learning rates by step: against PyTorch, and at their ends."""

from __future__ import annotations

import json
import math
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import Value
from nn import optim, schedules

RECORDED = json.loads((Path(__file__).parent / "golden" / "training.json").read_text(encoding="utf-8"))["schedules"]

MADE = {
    "ConstantLR": lambda lr, a: schedules.constant(lr),
    "StepLR": lambda lr, a: schedules.step(lr, a["step_size"], a["gamma"]),
    "ExponentialLR": lambda lr, a: schedules.exponential(lr, a["gamma"]),
    "CosineAnnealingLR": lambda lr, a: schedules.cosine(lr, a["T_max"], a.get("eta_min", 0.0)),
    "LambdaLR": lambda lr, a: schedules.inverse(lr, a["k"]),
}


@pytest.mark.parametrize("case", RECORDED, ids=[case["name"] for case in RECORDED])
def test_rates_are_those_of_pytorch(case):
    schedule = MADE[case["class"]](case["lr"], case["arguments"])
    if case["warmup"]:
        schedule = schedules.warmup(schedule, case["warmup"]["total_iters"], case["warmup"]["start_factor"])
    rates = [schedule(k) for k in range(len(case["rates"]))]
    assert rates == pytest.approx(case["rates"], rel=1e-12, abs=1e-15)


def test_every_schedule_is_recorded():
    assert {case["class"] for case in RECORDED} == set(MADE)
    assert len(MADE) == len(schedules.SCHEDULES)


def test_the_end_of_the_cosine_keeps_its_digits():
    """One step before the end of a million the rate is lr pi^2 / (4 n^2), of which 1 + cos would keep five digits."""
    n = 10**6
    assert schedules.cosine(1.0, n)(n - 1) == pytest.approx(math.pi**2 / (4.0 * n**2), rel=1e-10)


def test_far_along_nothing_raises():
    far = 10**9
    assert schedules.exponential(0.1, 0.9)(far) == 0.0
    assert schedules.exponential(0.1, 1.1)(far) == math.inf
    assert schedules.step(0.1, 1)(far) == 0.0
    assert schedules.inverse(0.1, 1.0)(far) == pytest.approx(1e-10)


@given(
    st.floats(1e-6, 10.0),
    st.integers(1, 1000),
    st.floats(0.0, 1.0),
    st.sampled_from(list(schedules.SCHEDULES)),
    st.integers(1, 500),
)
def test_a_warm_up_leads_straight_to_what_follows(lr, steps, start, name, length):
    after = schedules.named(name, lr, length)
    rate = schedules.warmup(after, steps, start)
    assert rate(0) == pytest.approx(start * after(0))
    assert [rate(steps + k) for k in range(5)] == [after(k) for k in range(5)]
    rises = [rate(k + 1) - rate(k) for k in range(steps)]
    assert rises == pytest.approx([after(0) * (1.0 - start) / steps] * steps, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "ends"),
    [("constant", 0.5), ("step", 0.005), ("exponential", 0.005), ("cosine", 0.0), ("inverse", 0.05)],
)
@pytest.mark.parametrize("steps", [1, 2, 3, 100])
def test_named_ones_fit_the_training(name, ends, steps):
    rate = schedules.named(name, 0.5, steps)
    assert rate(0) == 0.5
    assert all(rate(k + 1) <= rate(k) for k in range(steps))
    if steps == 100:
        assert rate(100 if name != "step" else 99) == pytest.approx(ends)


def test_they_tell_what_they_are_and_compare():
    rate = schedules.warmup(schedules.step(0.1, 30), 5, start=0.25)
    assert repr(rate) == "warmup(schedule=step(lr=0.1, size=30, gamma=0.1), steps=5, start=0.25)"
    assert rate == schedules.warmup(schedules.step(0.1, 30), 5, start=0.25)
    assert rate != schedules.warmup(schedules.step(0.1, 31), 5, start=0.25)
    assert pickle.loads(pickle.dumps(rate)) == rate
    assert len({schedules.constant(0.1), schedules.constant(0.1), schedules.inverse(0.1, 0.0)}) == 2


def test_an_optimizer_follows():
    w = Value(0.0)
    descent = optim.SGD([w], lr=0.0)
    rate = schedules.exponential(1.0, 0.5)
    for k in range(10):
        descent.lr = rate(k)
        w.grad = -1.0
        descent.step()
    assert w.data == 2.0 - 2.0**-9


@pytest.mark.parametrize(
    ("make", "error", "told"),
    [
        (lambda: schedules.constant(-0.1), ValueError, "learning rate"),
        (lambda: schedules.constant(math.nan), ValueError, "learning rate"),
        (lambda: schedules.constant("0.1"), TypeError, "got str"),
        (lambda: schedules.constant(True), TypeError, "got bool"),
        (lambda: schedules.step(0.1, 0), ValueError, "at least 1, got 0"),
        (lambda: schedules.step(0.1, 2.5), TypeError, "whole number, got float"),
        (lambda: schedules.step(0.1, 2, gamma=0.0), ValueError, "gamma is finite and above 0"),
        (lambda: schedules.exponential(0.1, -0.9), ValueError, "gamma"),
        (lambda: schedules.cosine(0.1, True), TypeError, "whole number, got bool"),
        (lambda: schedules.cosine(0.1, 10, -1.0), ValueError, "smallest learning rate"),
        (lambda: schedules.inverse(0.1, -1.0), ValueError, "the decay"),
        (lambda: schedules.warmup(0.1, 5), TypeError, "function from step to learning rate"),
        (lambda: schedules.warmup(schedules.constant(0.1), 0), ValueError, "number of steps"),
        (lambda: schedules.warmup(schedules.constant(0.1), 5, 1.5), ValueError, "start"),
        (lambda: schedules.named("cosin", 0.1, 10), ValueError, "known are constant, step, exponential, cosine, inv"),
        (lambda: schedules.named(None, 0.1, 10), ValueError, "unknown schedule None"),
        (lambda: schedules.named("cosine", 0.1, 0), ValueError, "number of steps"),
    ],
)
def test_bad_input_is_refused(make, error, told):
    with pytest.raises(error, match=told):
        make()
