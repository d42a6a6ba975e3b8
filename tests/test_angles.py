"""Sine, cosine and tangent of huge angles, also next to multiples of pi/2: eager, their derivatives, every backend."""

from __future__ import annotations

import math
from array import array
from random import Random

import pytest
import reference
import strategies
from deep.accuracy import error_in_ulp
from deep.sampling import next_to_multiples
from hypothesis import given
from hypothesis import strategies as st
from reference import mp, mpf
from replaying import BACKENDS, needing, same
from test_program_primitives import COLUMNS, Primitive

import autodiff
from autodiff import Value, grad, jvp, numerics
from autodiff.program.program import LANES, Output, padded
from autodiff.program.tape import Tape
from autodiff.replay.backends import angles

NAMES = angles.ANGLES
DIGITS = 400


def multiples(random, count):
    """The floats next to multiples of pi/2 of any size; nearly all are an ulp away, and at an ordinary distance."""
    with mp.workdps(DIGITS):
        return [float(mp.floor(mpf(2) ** random.uniform(26.0, 1023.0)) * mp.pi / 2) for _ in range(count)]


KNOWN = [563416747700.2246, 6381956970095103 * 2.0**797, 1.5986289000543612e74, 1.9279533298731694e174]
KNOWN += [1.2853022199154463e174, 2.331386745148063e283, 1e22, 1.7976931348623157e308, 1e8, 99999999.99999999]
HARD = [s * x for x in [*KNOWN, *(x for e in range(-30, 971, 29) for x in next_to_multiples(e))] for s in (1.0, -1.0)]
ANY = [*HARD, *multiples(Random(1), 60), *(2.0 ** Random(k).uniform(-20.0, 1024.0) for k in range(60))]
SPECIAL = [0.0, -0.0, 5e-324, -5e-324, 2.0**-1022, -1e-310, math.inf, -math.inf, math.nan]


def truth(name, x):
    with mp.workdps(DIGITS):
        return getattr(mp, name)(mpf(x))


def test_the_digits_are_those_of_two_over_pi():
    with mp.workdps(DIGITS):
        assert int(mp.floor(mp.ldexp(2 / mp.pi, 1200))) == numerics.TWO_OVER_PI
        assert abs(mp.fsum(map(mpf, angles.pieces())) / mpf(2) ** 120 - 2 / mp.pi) < mpf(2) ** -1150


def test_the_points_are_hard():
    """Next to a multiple of pi/2, some nearer than 2**-60; so near to 0 that the C library may be wrong there."""
    sizes = [min(abs(truth("sin", x)), abs(truth("cos", x))) for x in HARD]
    assert sum(size < 1e-12 for size in sizes) > 0.8 * len(sizes)
    assert min(sizes) < 2.0**-60


@pytest.mark.parametrize("name", NAMES)
class TestEager:
    def test_values(self, name):
        """Far better than the promised 4 ulp."""
        for x in ANY:
            assert error_in_ulp(getattr(autodiff, name)(x), truth(name, x)) <= 0.7, x

    def test_partials(self, name):
        for x in ANY:
            v = Value(x)
            getattr(v, name)().backward()
            with mp.workdps(DIGITS):
                slope = {"sin": mp.cos, "cos": lambda a: -mp.sin(a), "tan": lambda a: mp.sec(a) ** 2}[name](mpf(x))
            assert error_in_ulp(v.grad, slope) <= 4.0, x
            assert same(v.grad, grad(getattr(autodiff, name))(x))
            assert same(v.grad, jvp(getattr(autodiff, name), (x,), (1.0,))[1])

    def test_second_derivatives(self, name):
        for x in ANY:
            with mp.workdps(DIGITS):
                a = mpf(x)
                bends = {"sin": -mp.sin(a), "cos": -mp.cos(a), "tan": 2 * mp.tan(a) * mp.sec(a) ** 2}
                bend = +bends[name]
            assert error_in_ulp(grad(grad(getattr(autodiff, name)))(x), bend) <= (8.0 if name == "tan" else 4.0), x

    @given(st.one_of(strategies.scaled(20, 1023), strategies.scaled()))
    def test_any_size(self, name, x):
        y = getattr(numerics, name)(x)
        assert error_in_ulp(y, truth(name, x)) <= 4.0
        assert same(getattr(numerics, name)(-x), y if name == "cos" else -y)

    def test_special_numbers(self, name):
        f = getattr(numerics, name)
        for x in SPECIAL:
            assert same(f(x), getattr(math, name)(x) if math.isfinite(x) else math.nan), x


def test_ordinary_angles_have_the_bits_of_the_c_library():
    random = Random(2)
    for x in (random.uniform(-1.0, 1.0) * 10.0 ** random.uniform(-3.0, 8.0) for _ in range(3000)):
        assert [getattr(numerics, name)(x) for name in NAMES] == [math.sin(x), math.cos(x), math.tan(x)]


# -- Programs --------------------------------------------------------------------------------------------------------


def in_a_column(column, lane, numbers, folder):
    """The three of each number, by a program of primitives."""
    tape = Tape()
    x = tape.input(lane)
    outputs = [Output(tape.write(name, [x]), "each" if lane else "one") for name in NAMES]
    run = COLUMNS[column](Primitive(tape, [x], outputs), folder)
    if not lane:
        out, nothing = array("d", bytes(8 * len(NAMES))), array("d", [0.0])
        return [run(0, 0, array("d", [x]), nothing, out, nothing) or out[:] for x in numbers]
    stride = padded(len(numbers))
    samples, out = array("d", [*numbers, *[0.0] * (stride - len(numbers))]), array("d", bytes(8 * stride * len(NAMES)))
    run(len(numbers), stride, array("d", [0.0]), samples, array("d", [0.0]), out)
    return list(zip(*(out[k * stride : k * stride + len(numbers)] for k in range(len(NAMES)))))


@pytest.mark.parametrize(
    ("column", "lane"),
    [
        ("c", False),
        ("c", True),
        *(pytest.param(name, lane, marks=needing(name).marks) for name in ("llvm", "numpy") for lane in (False, True)),
        pytest.param("interpreter", False, marks=needing("llvm").marks),
    ],
)
def test_every_column_is_right(column, lane, tmp_path):
    numbers = [*ANY, *SPECIAL]
    for x, results in zip(numbers, in_a_column(column, lane, numbers, tmp_path), strict=True):
        for name, got in zip(NAMES, results, strict=True):
            if math.isfinite(x):
                assert error_in_ulp(got, truth(name, x)) <= 2.0, (name, x)
            if x == 0.0 or x != x:
                assert same(got, getattr(numerics, name)(x)), (name, x)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", NAMES)
def test_compiled_functions_and_their_derivatives(backend, name):
    f = autodiff.compile(getattr(autodiff, name), in_axes=0, backend=backend)
    each = autodiff.compile(getattr(autodiff, name), backend=backend)
    numbers = [*ANY[::3], *SPECIAL]
    for x, y in zip(numbers, f(array("d", numbers)), strict=True):
        values, slope = each.value_and_grad(x)
        eager = getattr(autodiff, name)(x)
        for got, expected, ulps in (
            (y, eager, 3.0),
            (values, eager, 3.0),
            (slope, grad(getattr(autodiff, name))(x), 8.0),
        ):
            assert same(got, expected) or abs(got - expected) <= ulps * math.ulp(expected), x


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_huge_angle_does_not_change_its_neighbours(backend):
    f = autodiff.compile(lambda x: (autodiff.sin(x), autodiff.cos(x), autodiff.tan(x)), in_axes=0, backend=backend)
    ordinary = [0.1 * k - 1.0 for k in range(3 * LANES)]
    mixed = [*ordinary]
    mixed[5], mixed[LANES], mixed[-1] = KNOWN[0], math.inf, -KNOWN[1]
    for alone, among in zip(f(array("d", ordinary)), f(array("d", mixed)), strict=True):
        assert [a for k, a in enumerate(alone) if mixed[k] == ordinary[k]] == [
            a for k, a in enumerate(among) if mixed[k] == ordinary[k]
        ]


def test_reference_agrees_at_huge_angles():
    """The reference of the other tests, which has fewer digits."""
    for x in HARD[::7]:
        for name in NAMES:
            assert abs(reference.value(name, x) / truth(name, x) - 1) < mpf(10) ** -30
