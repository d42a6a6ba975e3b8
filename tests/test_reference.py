"""The reference is checked, too: its closed forms against the formulas, and against mpmath's differences of these."""

from __future__ import annotations

import zlib
from random import Random

import pytest
import reference
import strategies
from reference import mp, mpf

import autodiff
from autodiff.operation import OPERATIONS, Nary


def points(name: str, count: int, moderate: bool):
    """Exact operands: off the ends of the domain if they shall be moderate, else of every size up to 1e9."""
    op, random = OPERATIONS[name], Random(zlib.crc32(name.encode()))

    def number(low: float, high: float) -> float:
        if moderate:
            return random.uniform(max(low + 0.2, -3.0), min(high - 0.2, 3.0))
        x = random.choice([-1.0, 1.0]) * 2.0 ** random.uniform(-60.0, 30.0)
        return x if low <= x <= high else low + abs(x) if high > 1.0 else random.uniform(low, high)

    while count:
        if isinstance(op, Nary):
            size = strategies.SIZES.get(name, 3)
            at = [[number(*domain) for _ in range(size)] for domain in op.domain]
        else:
            at = [number(*domain) for domain in op.domain]
            if op.singular and abs(op.singular(*at)) < (0.1 if moderate else 1e-30):
                continue
        yield [reference.exact(x) for x in at]
        count -= 1


@pytest.mark.parametrize("name", reference.CLOSED)
def test_closed_forms_are_values_of_the_formulas(name):
    for at in points(name, 12, moderate=False):
        true = reference.formula(name)(*at)
        assert abs(reference.CLOSED[name](*at) - true) <= mpf(10) ** -18 * abs(true) + reference.NOTHING


@pytest.mark.parametrize("name", sorted(set(reference.PARTIALS) - {"peak"}))  # which is taken for a constant
def test_closed_forms_of_partials_are_difference_quotients_of_the_formulas(name):
    for at in points(name, 8, moderate=True):
        found = reference.partials(name, *at)
        for t, quotient in zip(found, reference.quotients(reference.VALUES[name], at), strict=True):
            assert abs(t - quotient) <= mpf(10) ** -20


def test_a_formula_that_cancels_gets_as_many_digits_as_it_takes():
    tiny = mpf(2.0**-1074)
    assert reference.formula("expm1")(tiny) == tiny
    assert abs(reference.formula("softplus")(mpf(-700)) / mp.exp(-700) - 1) < mpf(10) ** -40
    assert abs(reference.formula("asinh")(mpf(-1e300)) / mp.asinh(mpf(1e300)) + 1) < mpf(10) ** -40
    assert reference.formula("softplus")(mpf(-1e300)) == 0
    assert reference.formula("sub")(mpf(1), mpf(1)) == 0


def test_what_is_whole_in_a_formula_is_exact():
    assert reference.formula("share")(mpf(1), mpf(1)) == mpf(1) / 2
    assert reference.formula("sigmoid")(mpf(0)) == mpf("0.5")


def test_a_formula_that_no_number_of_digits_saves_is_refused():
    op = autodiff.define("lost", lambda a: 1.0, (None,), formula="(10**2000 + a) - 10**2000")
    try:
        with pytest.raises(ArithmeticError, match="lost"):
            reference.formula(op.name)(mpf(1))
    finally:
        del OPERATIONS["lost"]


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("log", 1e300),
        ("log", 1e-300),
        ("sin", 2.0**155),
        ("sin", 5e-324),
        ("tanh", 300.0),
        ("exp", -700.0),
        ("sqrt", 1e-320),
    ],
)
def test_difference_quotients_are_right_for_operands_of_every_size(name, at):
    (quotient,) = reference.quotients(reference.formula(name), [mpf(at)])
    (closed,) = reference.partials(name, at)
    assert abs(quotient / closed - 1) < mpf(10) ** -25
