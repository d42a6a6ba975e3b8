"""Rules of the user's own operations in a program: they compute what they do, or it is said why not."""

from __future__ import annotations

import contextlib
import math
from array import array

import pytest
from replaying import BACKENDS

import autodiff
from autodiff import TraceError, Value, compile, where
from autodiff.operation import OPERATIONS

AT = [-2.0, -0.0, 0.0, 0.5, 1.0, 2.0, math.inf]


@contextlib.contextmanager
def defined(*rules):
    """An operation with such rules, for a while; its value is of no importance."""
    op = autodiff.define("ruled", (lambda a: 2.0 * a) if len(rules) == 1 else (lambda a, b: a + 2.0 * b), list(rules))
    try:
        yield op
    finally:
        del OPERATIONS["ruled"]


RECORDED = {
    "more": lambda y, a: where(a > 0.5, a, -a),
    "no less": lambda y, a: where(a >= 0.5, a * a, 3.0),
    "less": lambda y, a: where(a < y, a, 5.0),
    "no more": lambda y, a: where(0.5 <= a, 1.0, 2.0) * where(a <= 0, a, 1.0),  # noqa: SIM300
    "equal": lambda y, a: where(a == 0.5, 7.0, a),
    "not equal": lambda y, a: where(a != 0, 7.0, a),
    "the other way round": lambda y, a: where(0.5 > a, 1.0, 2.0) + where(1 == a, 3.0, y),  # noqa: SIM300
    "of itself": lambda y, a: where(a == a, 1.0, 2.0) + where(a > a, 1.0, 2.0),
    "as a number": lambda y, a: (a > 0) * 2.0 + 1.0,
    "both": lambda y, a: where(where(a > 0, a < 2.0, 0.0), 1.0, a),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", RECORDED)
def test_comparisons_are_recorded(name, backend):
    with defined(RECORDED[name]) as op:
        f = compile(lambda x: op(x) * x, backend=backend)
        expected = [autodiff.grad(lambda x: op(x) * x)(x) for x in AT]
        assert [f.grad(x) for x in AT] == pytest.approx(expected, nan_ok=True)
        batch = compile(lambda x: op(x) * x, in_axes=0, backend=backend)
        assert batch.grad(array("d", AT)).tolist() == pytest.approx(expected, nan_ok=True)


REFUSED = {
    "if": (lambda y, a: 1.0 if a > 0 else 2.0, "it branches on a number"),
    "if it is true": (lambda y, a: 1.0 if a else 2.0, "it branches on a number"),
    "and": (lambda y, a: where(a > 0 and a < 1, 1.0, 2.0), "it branches on a number"),
    "not": (lambda y, a: where(not a > 0, 1.0, 2.0), "it branches on a number"),
    "in between": (lambda y, a: 1.0 if 0 < a < 1 else 2.0, "it branches on a number"),
    "equal": (lambda y, a: 1.0 if a == 0.5 else 2.0, "it branches on a number"),
    "among": (lambda y, a: 1.0 if a in (0.5, 1.0) else 2.0, "it branches on a number"),
    "the largest": (lambda y, a: max(a, 0.0), "it branches on a number"),
    "in order": (lambda y, a: sorted([a, 0.0])[0], "it branches on a number"),
    "math": (lambda y, a: math.exp(a), "it takes a number out of the graph"),
    "float": (lambda y, a: float(a), "it takes a number out of the graph"),
    "int": (lambda y, a: int(a), "int"),
    "round": (lambda y, a: round(a), "round"),
    "floor": (lambda y, a: math.floor(a), "it takes a number out of the graph|real number"),
    "remainder": (lambda y, a: a % 2, "unsupported operand"),
    "floor division": (lambda y, a: a // 2, "unsupported operand"),
    "a table": (lambda y, a: {0.5: 1.0}.get(a, 2.0), "unhashable"),
    "a place": (lambda y, a: [1.0, 2.0][a], "indices must be integers"),
    "complex": (lambda y, a: a * 1j, "complex"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_rules_that_branch_are_refused(name):
    rule, why = REFUSED[name]
    with defined(rule) as op:
        f = compile(lambda x: op(x) * x)
        assert f(0.5) == 0.5
        for how in (f.grad, f.value_and_grad, compile(lambda x: op(x), in_axes=0).grad):
            x = array("d", [0.5]) if how.__self__ is not f else 0.5
            with pytest.raises(
                TraceError, match=rf"the rule for a derivative of ruled cannot be recorded: .*({why}).*where\(a > 0"
            ):
                how(x)


def test_of_two_operands_only_the_rule_that_is_needed():
    with defined(lambda y, a, b: 1.0, lambda y, a, b: 2.0 if b > 0 else 3.0) as op:
        f = compile(lambda x, y: op(x, y))
        assert f.grad(1.0, 2.0) == 1.0
        with pytest.raises(TraceError, match="ruled cannot be recorded"):
            f.grad(1.0, 2.0, argnums=1)
        assert compile(lambda x: op(x, 2.0) * x).grad(3.0) == 10.0, "a number that is constant may be asked"


def test_by_graphs_the_branch_is_taken():
    with defined(lambda y, a: 1.0 if a > 0 else 2.0) as op:
        x = Value(-1.0)
        op(x).backward()
        assert x.grad == autodiff.grad(op)(-1.0) == 2.0
