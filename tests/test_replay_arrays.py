"""Arrays of every kind: as the function itself has them, or refused; none loses what it knows without a word."""

from __future__ import annotations

import ctypes
from array import array
from fractions import Fraction

import pytest
from replaying import BACKENDS

from autodiff import Value, compile

numpy = pytest.importorskip("numpy", reason="NumPy is not installed")


def product(x):
    return x * x + 1.0


class Quantity(numpy.ndarray):
    """With a unit, say."""


NUMBERS = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
PLAIN = {
    "floats": numpy.array(NUMBERS),
    "in columns": numpy.asfortranarray(NUMBERS),
    "not in a row": numpy.array(NUMBERS)[:, ::-2],
    "turned": numpy.array(NUMBERS).T,
    "the other way round": numpy.array(NUMBERS).astype(">f8"),
    "halves": numpy.array(NUMBERS, dtype=numpy.float16),
    "singles": numpy.array(NUMBERS, dtype=numpy.float32) / 3,
    "long": numpy.array(NUMBERS, dtype=numpy.longdouble) / 3,
    "integers": numpy.array(NUMBERS, dtype=int),
    "bytes": numpy.array(NUMBERS, dtype=numpy.uint8),
    "large integers": numpy.array([[2**63 + 2048, 2**53 + 2]], dtype=numpy.uint64),
    "truths": numpy.array([[True, False]]),
    "objects": numpy.array([[1, Fraction(1, 3)], [2.5, True]], dtype=object),
    "nothing": numpy.zeros((0, 3)),
    "only to be read": numpy.frombuffer(array("d", [1.0, 2.0]).tobytes()),
    "the same number": numpy.broadcast_to(numpy.array(2.0), (2, 3)),
}


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("backend", BACKENDS)
def test_plain_arrays(name, backend):
    x = PLAIN[name]
    f = compile(product, backend=backend)
    eager = product(numpy.array([Value(v) for v in x.ravel().tolist()], dtype=object).reshape(x.shape))
    for _ in range(2):
        y = f(x)
        assert type(y) is numpy.ndarray
        assert y.shape == x.shape
        assert y.tolist() == numpy.vectorize(float, otypes=[float])(eager).tolist()
    batch = compile(product, in_axes=0, backend=backend)
    assert batch(x).tolist() == y.tolist()


def test_files_as_arrays(tmp_path):
    path = tmp_path / "numbers"
    path.write_bytes(array("d", [1.0, 2.0]).tobytes())
    x = numpy.memmap(path, dtype=float, mode="r")
    assert compile(product)(x).tolist() == [2.0, 5.0]


RULES = {
    "masked": numpy.ma.MaskedArray([1.0, 2.0], mask=[False, True]),
    "masked, nothing": numpy.ma.MaskedArray([1.0, 2.0]),
    "a matrix": numpy.asmatrix([[1.0, 2.0], [3.0, 4.0]]),
    "records": numpy.array([(1.0, 2.0)], dtype=[("a", float), ("b", float)]).view(numpy.recarray),
    "a class of the user's": numpy.array([1.0, 2.0]).view(Quantity),
    "a matrix of objects": numpy.asmatrix([[1, 2]], dtype=object),
}


WAYS = {
    "value": compile(lambda x: x),
    "gradient": compile(lambda x: x[0]).grad,
    "batch": compile(lambda x: x, in_axes=0),
    "inside": lambda x: compile(lambda p: p["x"][0])({"x": [x]}),
    "direction": lambda x: compile(lambda x: x).jvp(([1.0, 2.0],), (x,)),
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("way", WAYS)
def test_arrays_with_rules_of_their_own(name, way):
    with pytest.raises(TypeError, match=r"is a \w+, an array with rules of its own .*pass a plain array"):
        WAYS[way](RULES[name])


def test_the_short_way_is_not_taken_by_them():
    f = compile(product, backend="llvm") if _there("llvmlite") else compile(product)
    x = numpy.array([[1.0, 2.0], [3.0, 4.0]])
    assert f(x).tolist() == f(x).tolist() == [[2.0, 5.0], [10.0, 17.0]]
    with pytest.raises(TypeError, match="rules of its own"):
        f(numpy.asmatrix(x))
    with pytest.raises(TypeError, match="rules of its own"):
        f(numpy.ma.masked_greater(x, 2.0))


def _there(package):
    try:
        return bool(__import__(package))
    except ImportError:
        return False


NO_NUMBERS = {
    "complex": numpy.array([1j]),
    "text": numpy.array(["1.5"]),
    "dates": numpy.array(["2020-01-01"], dtype="M8[D]"),
    "durations": numpy.array([1], dtype="m8[s]"),
    "structures": numpy.array([(1.0, 2.0)], dtype=[("a", float), ("b", float)]),
    "objects that are none": numpy.array([1.0, None], dtype=object),
    "numbers of C the other way round": (ctypes.c_double.__ctype_be__ * 2)(1.0, 2.0),
    "characters": memoryview(b"ab").cast("c"),
}


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_arrays_of_what_is_no_number(name):
    with pytest.raises(TypeError, match=r"argument 0\[1\] is an array of .*, not of numbers"):
        compile(lambda x: x[0])([1.0, NO_NUMBERS[name]])


def test_one_number_is_no_array():
    with pytest.raises(TypeError, match="argument 0 is a ndarray, not a number"):
        compile(product)(numpy.array(3.0))
    assert compile(product)(numpy.float32(3.0)) == 10.0


def test_arrays_of_values_are_recorded_by_others():
    x = Value(3.0)
    y = compile(lambda a: a[0] * a[1])(numpy.array([x, 2.0], dtype=object))
    y.backward()
    assert (y.data, x.grad) == (6.0, 2.0)


RETURNED = {
    "masked": lambda x: numpy.ma.MaskedArray(x, mask=[False, True]),
    "a matrix": numpy.asmatrix,
    "text": lambda x: [x, numpy.array(["1.5"])],
    "complex": lambda x: [x, numpy.array([1j])],
    "dates": lambda x: [x, numpy.array(["2020-01-01"], dtype="M8[D]")],
    "nothing": lambda x: None,
    "a word": lambda x: [x, "word"],
    "a set": lambda x: {1.0},
    "an iterator": lambda x: (v for v in x),
}


@pytest.mark.parametrize("name", RETURNED)
def test_what_cannot_be_returned(name):
    with pytest.raises(TypeError, match=r"a compiled function returns numbers, or lists|a real number"):
        compile(RETURNED[name])(numpy.array([1.0, 2.0]))


def test_an_argument_that_is_returned_is_a_copy():
    f, x = compile(lambda x: x), numpy.array([1.0, 2.0])
    for _ in range(2):
        y = f(x)
        y[0] = 7.0
        assert x.tolist() == [1.0, 2.0]
        assert f(x).tolist() == [1.0, 2.0]
