"""What may change between two calls of a compiled function is no constant of its program, or somebody says so."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from autodiff import Value, exp, sin
from autodiff.replay.tracer import Tracer


def traced(function, lanes=(False,), kind="one"):
    """The tracing of a function of as many numbers as there are lanes."""
    tracer = Tracer(lanes)
    tracer.want([tracer.trace(function, *tracer.leaves)], kind)
    return tracer


class TestTheSameTracing:
    """`Tracer.same` tells a function that records the same at each call from one that does not."""

    captured = Value(3.0)

    @pytest.mark.parametrize(
        "function",
        [
            lambda x: x * x + 1.0,
            lambda x: x * TestTheSameTracing.captured,
            lambda x: x * Value(2.0),
            lambda x: x * math.nan,
            lambda x: x + 0.0 * random.random() * 0.0,
            lambda x: (x * random.random(), exp(x))[1],
        ],
        ids=["plain", "captured", "made inside", "nan", "noise times zero", "noise that nothing needs"],
    )
    def test_same(self, function):
        assert traced(function).same(traced(function))

    def test_different(self):
        count = itertools.count()
        different = {
            "noise": lambda x: x * random.random(),
            "a Value with noise": lambda x: x * Value(random.random()),
            "the sign of zero": lambda x: x + (0.0, -0.0)[next(count) % 2],
            "another Value": lambda x: x * fresh[next(count) % 2],
            "another operation": lambda x: (sin, exp)[next(count) % 2](x),
            "another length": lambda x: sum([x] * next(count), x),
            "a number that counts": lambda x: x * float(next(count)),
        }
        fresh = [Value(1.0), Value(1.0)]
        for what, function in different.items():
            assert not traced(function).same(traced(function)), what

    def test_inputs_and_outputs_count(self):
        first, second = (lambda x, y: x), (lambda x, y: y)
        assert not traced(first, (False, False)).same(traced(second, (False, False)))
        assert not traced(first, (True, False)).same(traced(first, (False, False)))
        assert not traced(first, (True, True), "each").same(traced(first, (True, True), "sum"))
