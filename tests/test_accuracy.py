"""Every value and partial within its bar of 50-digit arithmetic: a sample here, and the record of the deep run."""

from __future__ import annotations

import math

import pytest
import reference
from deep import accuracy, bars
from reference import mp, mpf

from autodiff.operation import OPERATIONS

POINTS = 250
DEEP = 100_000
OVERFLOWING = {("power_slope", 0), ("power_slope", 1), ("power_log", 0), ("power_log", 1), ("part", 0), ("part", 1)}
OVERFLOWING |= {("turn", 0), ("turn", 1), ("direction", 0), ("direction", 1), ("dot", "value"), ("pow", 0)}


def worst(row):
    return [row["value"], *row["partials"]]


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_sample_is_within_the_bar(name):
    row = accuracy.measure(name, POINTS, seed="sample")
    assert all(w <= bar for w, bar in zip(worst(row), row["bar"], strict=True)), row


def test_the_deep_run_covers_every_operation_and_holds_the_bars():
    rows = accuracy.recorded()
    assert set(rows) == set(OPERATIONS), "python tests/deep/accuracy.py measures what is missing"
    for name, row in rows.items():
        assert row["points"] >= DEEP
        keys = ["value", *range(OPERATIONS[name].arity or 1)]
        allowed = [bars.EXCEPTIONS.get((name, k), bars.ORDINARY).bar for k in keys]
        assert row["bar"] == allowed, "the bars have changed since: measure again with --again"
        assert all(w <= bar for w, bar in zip(worst(row), allowed, strict=True)), row
        for k, spoiled in zip(keys, row["spoiled"], strict=True):
            assert spoiled == 0 or ((name, k) in OVERFLOWING and spoiled < 0.1 * DEEP), row


@pytest.mark.parametrize("name", ["sin", "hypot", "sigmoid", "silu", "mean"])
def test_the_record_was_made_with_this_code(name):
    """The worst value, computed again where it was found, is as bad (by another C library, nearly so)."""
    row = accuracy.recorded()[name]
    at = row["at"][0]
    error = accuracy.error_in_ulp(OPERATIONS[name].value(*at), reference.value(name, *at))
    assert abs(error - row["value"]) <= 0.6


class TestTheMeasure:
    def test_ulps(self):
        assert accuracy.error_in_ulp(1.0, mpf(1)) == 0.0
        assert accuracy.error_in_ulp(math.nextafter(1.0, 2.0), mpf(1)) == 1.0
        assert accuracy.error_in_ulp(1.0, mpf(1) + mpf(2) ** -54) == 0.25
        assert accuracy.error_in_ulp(0.0, 3 * mpf(2) ** -1074) == 3.0
        assert accuracy.error_in_ulp(5e-324, mpf(0)) == 1.0

    def test_at_the_threshold_of_overflow(self):
        top = mpf(2) ** 1024
        assert accuracy.error_in_ulp(math.inf, top - 3 * mpf(2) ** 971) == 3.0
        assert accuracy.error_in_ulp(math.inf, top / 2) > 1e15
        assert accuracy.error_in_ulp(math.inf, mpf(10) ** 400) == 0.0
        assert accuracy.error_in_ulp(-math.inf, mpf(10) ** 400) > 1e15
        assert accuracy.error_in_ulp(1e308, mpf(10) ** 400) > 1e15

    def test_nan_is_right_only_where_there_is_no_real_answer(self):
        assert accuracy.error_in_ulp(math.nan, mpf(1)) == math.inf
        assert accuracy.error_in_ulp(math.nan, mp.log(-1)) == 0.0
        assert accuracy.error_in_ulp(-1.0, mp.log(-1)) == math.inf

    def test_a_wrong_value_and_a_wrong_partial_are_seen(self, monkeypatch):
        monkeypatch.setattr(OPERATIONS["exp"], "value", lambda a: math.expm1(a) + 1.0 if a < 700.0 else math.inf)
        monkeypatch.setattr(OPERATIONS["sin"], "da", lambda y, a: math.sqrt(1.0 - y * y))
        assert accuracy.measure("exp", 100)["value"] > bars.BAR
        assert accuracy.measure("sin", 100)["partials"][0] > bars.BAR

    def test_every_exception_has_a_reason_and_belongs_to_an_operation(self):
        for (name, slot), allowance in bars.EXCEPTIONS.items():
            assert allowance.why
            assert slot == "value" or slot in range(OPERATIONS[name].arity or 1)

    @pytest.mark.parametrize("key", list(bars.EXCEPTIONS), ids=lambda key: f"{key[0]}-{key[1]}")
    def test_every_exception_is_needed(self, key, monkeypatch):
        """Without it some point is over the bar: an exception that nothing needs any more is to be taken away."""
        monkeypatch.setattr(bars, "EXCEPTIONS", {k: a for k, a in bars.EXCEPTIONS.items() if k != key})
        name, slot = key
        samples = (accuracy.measure(name, 250, seed=f"needed {k}") for k in range(40))
        assert any(worst(row)[0 if slot == "value" else 1 + slot] > bars.BAR for row in samples)
