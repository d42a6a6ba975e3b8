"""Arguments of compiled functions: arrays of every kind are read as the numbers that they hold."""

from __future__ import annotations

from array import array

import pytest

import autodiff
from autodiff.derivatives.structures import NUMBER, Grid, build
from autodiff.replay.forms import Reader

numpy = pytest.importorskip("numpy", reason="numpy is not installed")


def weighted(x):
    """Tells every place of a matrix of two rows and three columns from every other."""
    return sum(10.0**k * v for k, v in enumerate(v for row in x for v in row))


TABLE = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
ARRAYS = [
    numpy.array(TABLE),
    numpy.array(TABLE, order="F"),
    numpy.array(TABLE, dtype="float32"),
    numpy.array(TABLE, dtype="int16"),
    numpy.array(TABLE, dtype=">f8"),
    numpy.array(TABLE, dtype=object),
    numpy.array([[9.0, *row] for row in TABLE])[:, 1:],
    memoryview(array("d", [1, 2, 3, 4, 5, 6])).cast("B").cast("d", (2, 3)),
    memoryview(array("f", [1, 2, 3, 4, 5, 6])).cast("B").cast("f", (2, 3)),
]


@pytest.mark.parametrize("x", ARRAYS, ids=lambda x: f"{type(x).__name__}-{getattr(x, 'dtype', '')}")
def test_an_array_is_read_row_by_row(x):
    f = autodiff.compile(weighted)
    assert f(x) == 654321.0
    assert numpy.array(f.grad(x)).tolist() == [[1.0, 10.0, 100.0], [1e3, 1e4, 1e5]]


def test_arrays_stand_beside_numbers_and_static_arguments():
    f = autodiff.compile(lambda a, name, x, b: (x * {"twice": 2.0}[name]).sum() + a * b, static_argnums=1)
    x = numpy.array(TABLE)
    value, (a, gradient, b) = f.value_and_grad(3.0, "twice", x, 5.0, argnums=(0, 2, 3))
    assert (value, a, b) == (57.0, 5.0, 3.0)
    assert gradient.tolist() == [[2.0] * 3] * 2


def test_an_empty_array_holds_no_number():
    f = autodiff.compile(lambda x, y: y * 2.0)
    assert f(numpy.empty(0), 3.0) == 6.0
    value, gradient = f.value_and_grad(numpy.empty((0, 4)), 3.0)
    assert (value, gradient.shape) == (6.0, (0, 4))


def test_a_gradient_is_not_overwritten_by_the_next_call():
    f = autodiff.compile(lambda x: autodiff.dot(x, x))
    first = f.grad(numpy.ones(500))
    f.grad(numpy.zeros(500))
    assert first.tolist() == [2.0] * 500


def test_numbers_are_taken_apart_and_built_again_in_order():
    reader = Reader()
    x = {"a": [1.0, (2.0, array("d", [3.0, 4.0]))], "b": 5.0}
    form = reader.read(x, None, "argument 0")
    assert form == {"a": [NUMBER, (NUMBER, Grid((2,), numpy=False))], "b": NUMBER}
    assert reader.shared == array("d", [1.0, 2.0, 3.0, 4.0, 5.0])
    assert build(form, reader.shared, lambda form, given: given) == x


class TestTheShortWay:
    """Arrays of floats go straight into the buffers of machine code."""

    @staticmethod
    def compiled():
        pytest.importorskip("llvmlite", reason="llvmlite is not installed")

        def function(a, x, y):
            return {"sum": a * autodiff.dot(x, y), "both": [x[0] + y[0], (x[-1], numpy.array([a, y[-1]]))]}

        return autodiff.compile(function, backend="llvm"), function

    def test_it_is_taken_again_and_again_for_each_length(self):
        f, function = self.compiled()
        for n in (3, 5, 3, 5, 3):
            a, x, y = 0.5 * n, numpy.arange(1.0, n + 1.0), numpy.arange(2.0, n + 2.0)
            got, want = f(a, x, y), function(a, x.tolist(), y.tolist())
            assert got["sum"] == want["sum"]
            assert type(got["sum"]) is float
            assert got["both"][0] == want["both"][0]
            assert got["both"][1][0] == want["both"][1][0]
            assert got["both"][1][1].tolist() == want["both"][1][1].tolist()
        assert len(f._programs.direct["value", None][3]._programs) == 2

    def test_others_go_the_long_way(self):
        f, _ = self.compiled()
        x = numpy.array([1.0, 2.0])
        want = f(2.0, x, x)
        others = [x.astype("float32"), x.astype(int), x.tolist(), array("d", x), numpy.array(x, dtype=object)]
        for other in others:
            assert f(2.0, other, x)["sum"] == want["sum"]
            assert f(2, x, other)["sum"] == want["sum"]
        assert f(2.0, numpy.repeat(x, 2)[::2], x)["sum"] == want["sum"]
        with pytest.raises(TypeError):
            f("2", x, x)

    def test_gradients_are_fresh_arrays_of_the_shapes_of_the_arguments(self):
        pytest.importorskip("llvmlite", reason="llvmlite is not installed")
        f = autodiff.compile(lambda m, a: a * sum(autodiff.dot(row, row) for row in m), backend="llvm", argnums=(0, 1))
        m = numpy.array([[1.0, -2.0, 3.0], [0.5, 0.0, 4.0]])
        calls = [f.value_and_grad(m * k, 2.0) for k in (1.0, 1.0, 3.0)]
        for k, (value, (g, slope)) in zip((1.0, 1.0, 3.0), calls, strict=True):
            assert value == 2.0 * slope == 2.0 * k * k * 30.25
            assert g.tolist() == (4.0 * k * m).tolist()
            assert g.flags.writeable

    def test_values_are_recorded_as_ever(self):
        f, _ = self.compiled()
        x = numpy.array([1.0, 2.0])
        f(2.0, x, x)
        a = autodiff.Value(2.0)
        y = f(a, x, x)["sum"]
        y.backward()
        assert a.grad == 5.0


@pytest.mark.parametrize("axes", [({"a": 0, "b": None},), ([0, None],), ({"a": 0},)])
@pytest.mark.parametrize("nothing", [[], (), {}])
def test_axes_must_fit_what_is_empty_too(axes, nothing):
    with pytest.raises(ValueError, match="in_axes has another structure than argument 0"):
        autodiff.compile(lambda x: x, in_axes=axes)(nothing)


def test_a_decorator_with_options_takes_others_later():
    decorate = autodiff.compile(in_axes=0)
    assert decorate(lambda x: x * 2.0, backend="python")(array("d", [1.0, 2.0])) == array("d", [2.0, 4.0])
