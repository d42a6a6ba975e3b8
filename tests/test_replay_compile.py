"""`compile`: arguments and results of all kinds, batches, the cache, what is refused, threads, missing packages."""

from __future__ import annotations

import copy
import itertools
import math
import subprocess
import sys
import textwrap
import threading
from array import array
from collections import namedtuple
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
import replaying
from hypothesis import given, settings
from hypothesis import strategies as st
from replaying import BACKENDS, flattened

import autodiff
from autodiff import GraphError, TraceError, Value, compile, recording
from autodiff.replay.shortcut import _unknown

Point = namedtuple("Point", "x y")


def counted(function):
    """The function, and a list with an item for each time that it is recorded, for which it is called twice."""
    calls, times = [], itertools.count()

    def recorded(*args):
        if next(times) % 2:
            calls.append(args)
        return function(*args)

    return recorded, calls


def mixed(w, x):
    """What samples share, what they do not, a sum in order, and a kink."""
    hidden = [autodiff.tanh(w[0] * x[0] + w[1] * x[1] + autodiff.exp(w[2])), autodiff.relu(x[0] - w[1])]
    return autodiff.logsumexp([*hidden, x[1]]) * autodiff.dot(hidden, x) - w[0] ** 2 / 3.0


class TestScalars:
    @pytest.mark.parametrize("backend", BACKENDS)
    def test_all_modes_are_those_of_eager(self, backend):
        f = compile(mixed, argnums=(0, 1), backend=backend)
        at = ([0.5, -1.5, 0.25], [1.5, 2.5])
        direction = ([1.0, 0.0, -2.0], [0.5, 0.0])
        for got, expected in (
            (f(*at), mixed(*at)),
            (f.value_and_grad(*at), autodiff.value_and_grad(mixed, (0, 1))(*at)),
            (f.grad(*at), autodiff.grad(mixed, (0, 1))(*at)),
            (f.jvp(at, direction), autodiff.jvp(mixed, at, direction)),
            (f.hessian(*at), autodiff.hessian(mixed, (0, 1))(*at)),
        ):
            assert flattened(got) == pytest.approx(flattened(expected), rel=1e-14)
            assert shape(got) == shape(expected)

    def test_kinds_of_numbers(self):
        f = compile(lambda x: x * x)
        for x in (3, True, Fraction(1, 3), 2.5):
            assert f(x) == float(x) * float(x)
            assert type(f(x)) is float
        assert f.grad(Fraction(1, 2)) == 1.0

    def test_numpy_scalars(self):
        np = pytest.importorskip("numpy", reason="NumPy is not installed")
        f = compile(lambda x: x * x)
        assert [f(x) for x in (np.float64(1.5), np.float32(0.5), np.int32(3))] == [2.25, 0.25, 9.0]

    @pytest.mark.parametrize("bad", ["a", None, 1j, Decimal(1), {1.0}, range(2), b"ab", bytearray(b"ab"), iter([1.0])])
    def test_what_is_no_number_is_named(self, bad):
        with pytest.raises(TypeError, match=f"argument 1 is a {type(bad).__name__}, not a number.*static_argnums"):
            compile(lambda x, y: x * y)(1.0, bad)

    def test_too_large_for_a_float(self):
        with pytest.raises(OverflowError):
            compile(lambda x: x * x)(10**400)

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_results_in_any_structure(self, backend):
        def function(x, y):
            return {"in": x, "twice": [x, x], "deep": {"p": Point(x * y, (y, 2, Fraction(1, 2)))}, "constant": 3.0}

        expected = {"in": 2.0, "twice": [2.0, 2.0], "deep": {"p": Point(6.0, (3.0, 2.0, 0.5))}, "constant": 3.0}
        got = compile(function, backend=backend)(2.0, 3.0)
        assert got == expected
        assert shape(got) == shape(expected)
        assert isinstance(got["deep"]["p"], Point)

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_arguments_in_any_structure(self, backend):
        def function(p, q):
            return p["a"] * p["b"][0] - q.x / q.y

        at = {"a": 2.0, "b": [3.0, 7.0]}, Point(1.0, 4.0)
        f = compile(function, argnums=(0, 1), backend=backend)
        assert f(*at) == 5.75
        gradient = f.grad(*at)
        assert gradient == ({"a": 3.0, "b": [2.0, 0.0]}, Point(-0.25, 0.0625))
        assert isinstance(gradient[1], Point)

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_what_does_not_depend_on_an_input(self, backend):
        f = compile(lambda x, y: x * x, argnums=(0, 1), backend=backend)
        assert f.value_and_grad(3.0, 5.0) == (9.0, (6.0, 0.0))
        assert f.hessian(3.0, 5.0) == ((2.0, 0.0), (0.0, 0.0))
        constant = compile(lambda x: 7.0, backend=backend)
        assert (constant(1.0), constant.value_and_grad(1.0)) == (7.0, (7.0, 0.0))
        itself = compile(lambda x: x, backend=backend)
        assert (itself(-0.0), itself.value_and_grad(4.0), itself.hessian(4.0)) == (-0.0, (4.0, 1.0), 0.0)
        nothing = compile(lambda x: [], backend=backend)
        assert nothing(1.0) == []
        assert compile(lambda: Value(3.0) * 2.0, backend=backend)() == 6.0

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_gradients_are_never_minus_zero(self, backend):
        f = compile(lambda x, y: -(x * y), argnums=(0, 1), backend=backend)
        assert [math.copysign(1.0, g) for g in f.grad(0.0, 0.0)] == [1.0, 1.0]
        assert math.copysign(1.0, f(0.0, 0.0)) == -1.0

    def test_argnums(self):
        f = compile(lambda x, y: x * y, argnums=1)
        assert f.grad(2.0, 3.0) == 2.0
        assert f.grad(2.0, 3.0, argnums=0) == 3.0
        assert f.grad(2.0, 3.0, argnums=-2) == 3.0
        assert f.value_and_grad(2.0, 3.0, argnums=[1, 0]) == (6.0, (2.0, 3.0))
        assert f.grad(2.0, 3.0, argnums=()) == ()
        assert f.hessian(2.0, 3.0, argnums=(0, 1)) == ((0.0, 1.0), (1.0, 0.0))
        for argnums, message in (
            (5, "no such argument"),
            (-3, "no such argument"),
            ((0, 0), "twice"),
            ((0, -2), "twice"),
        ):
            with pytest.raises(ValueError, match=message):
                f.grad(2.0, 3.0, argnums=argnums)

    def test_only_a_number_has_a_gradient(self):
        f = compile(lambda x: [x, x])
        for derived in (f.grad, f.value_and_grad, f.hessian):
            with pytest.raises(TypeError, match="a function that returns a number, got list"):
                derived(1.0)

    @pytest.mark.parametrize("result", ["a", None, {1.0}, range(2), b"a"])
    def test_what_cannot_be_returned(self, result):
        with pytest.raises(
            TypeError, match=f"returns numbers, or lists, tuples and dicts of them, got {type(result).__name__}"
        ):
            compile(lambda x: result)(1.0)

    def test_jvp_takes_sequences(self):
        f = compile(lambda x: x * x)
        assert f.jvp([3.0], [1.0]) == (9.0, 6.0)
        for primals, tangents in ((1.0, (1.0,)), ((1.0,), 1.0)):
            with pytest.raises(TypeError, match="must be a tuple or list"):
                f.jvp(primals, tangents)
        with pytest.raises(ValueError, match="structure"):
            f.jvp((1.0,), (1.0, 2.0))

    def test_it_looks_like_the_function(self):
        @compile
        def parabola(x):
            """A parabola."""
            return x * x

        @compile(argnums=1, backend="python")
        def product(x, y):
            return x * y

        assert (parabola.__name__, parabola.__doc__, parabola(3.0)) == ("parabola", "A parabola.", 9.0)
        assert product.grad(2.0, 3.0) == 2.0

    def test_nesting(self):
        """Inside another transform, or given Values, it is the function itself."""
        f = compile(lambda x: x**3)
        assert autodiff.grad(f)(2.0) == 12.0
        assert autodiff.grad(f.grad)(2.0) == 12.0
        assert autodiff.jvp(f, (2.0,), (1.0,)) == (8.0, 12.0)
        assert compile(lambda x: f(x) + f.grad(x)).value_and_grad(2.0) == (20.0, 24.0)
        assert compile(autodiff.grad(f)).grad(2.0) == 12.0
        x = Value(2.0)
        f(x).backward()
        assert x.grad == 12.0
        assert f.hessian(x).data == 12.0
        assert f.jvp((x,), (1.0,))[1].data == 12.0
        assert f.value_and_grad(x)[1].data == 12.0
        with pytest.raises(TypeError, match="a batch"):
            compile(lambda x: x, in_axes=0)(x)

    def test_bad_options(self):
        with pytest.raises(TypeError, match="takes a function, got int"):
            compile(3)
        with pytest.raises(ValueError, match="no backend 'cuda'; there are auto, llvm, numpy, python"):
            compile(abs, backend="cuda")
        with pytest.raises(ValueError, match="at least 1, got 0"):
            compile(abs, cache_size=0)
        for axes in (1, -1, "x", True, (0, 2), {"a": 1.5}):
            with pytest.raises(ValueError, match="in_axes holds 0"):
                compile(abs, in_axes=axes)

    @given(x=st.floats(), y=st.floats())
    @settings(max_examples=100)
    def test_any_floats(self, x, y):
        for backend in ("auto", "python"):
            value, gradient = PLAIN[backend].value_and_grad(x, y)
            expected, slopes = autodiff.value_and_grad(plain, (0, 1))(x, y)
            assert replaying.same(value, expected)
            assert all(map(replaying.same, gradient, slopes))


def plain(x, y):
    return autodiff.maximum(x, y) * autodiff.where(y, x, 2.0) - abs(y)


PLAIN = {b: compile(plain, argnums=(0, 1), backend=b) for b in ("auto", "python")}


def shape(tree):
    """The structure of a result, with its types."""
    if isinstance(tree, dict):
        return dict, {k: shape(v) for k, v in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree), [shape(v) for v in tree]
    return type(tree)


class TestCapturedValues:
    @pytest.mark.parametrize("backend", BACKENDS)
    def test_they_are_read_at_each_call(self, backend):
        w = Value(2.0)
        f, calls = counted(lambda x: w * x + 1.0)
        f = compile(f, backend=backend)
        assert f.value_and_grad(3.0) == (7.0, 2.0)
        w.data = 5.0
        assert f.value_and_grad(3.0) == (16.0, 5.0)
        assert f(3) == 16.0
        assert len(calls) == 2
        assert w.grad == 0.0

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_also_in_a_batch(self, backend):
        w = Value(2.0)
        f = compile(lambda x: w * x, in_axes=0, backend=backend)
        assert f(array("d", [1.0, 2.0])).tolist() == [2.0, 4.0]
        w.data = -1.0
        assert f(array("d", [1.0, 2.0, 3.0])).tolist() == [-1.0, -2.0, -3.0]

    def test_graphs_that_were_there_have_to_be_fresh(self):
        w = Value(2.0)
        square = w * w
        f = compile(lambda x: square * x)
        assert f(3.0) == 12.0
        w.data = 3.0
        with pytest.raises(autodiff.StaleGraphError):
            f(3.0)
        square.refresh()
        assert f(3.0) == 27.0

    def test_values_made_inside_are_constants(self):
        f = compile(lambda x: x * (Value(3.0) * Value(2.0)).exp())
        assert f(1.0) == math.exp(6.0)
        assert f.report().folded == 2
        assert f.report().instructions == 1


class TestCache:
    def test_it_is_recorded_once_for_each_structure(self):
        f, calls = counted(lambda xs: autodiff.sum(xs) * 2.0)
        f = compile(f)
        for xs in ([1.0, 2.0], [5, -1.0], [math.nan, math.inf]):
            f(xs)
        assert len(calls) == 1
        f((1.0, 2.0))
        f([1.0, 2.0, 3.0])
        assert len(calls) == 3
        f([0.0, 0.0])
        assert len(calls) == 3
        assert f([1.0, 2.0]) == 6.0
        assert f([1.0, 2.0, 3.0]) == 12.0

    def test_never_for_another_number_of_samples(self):
        f, calls = counted(lambda x: x * x)
        f = compile(f, in_axes=0)
        for n in (3, 1, 0, 8, 9, 1000, 3):
            assert f(array("d", range(n))).tolist() == [k * k for k in range(n)]
        assert len(calls) == 1

    def test_keys_of_dicts(self):
        f, calls = counted(lambda p: p["a"] - p.get("b", 1.0))
        f = compile(f)
        assert f({"a": 1.0, "b": 3.0}) == -2.0
        assert f({"a": 5.0, "b": 3.0}) == 2.0
        assert f({"b": 3.0, "a": 1.0}) == -2.0
        assert f({"a": 1.0, "c": 3.0}) == 0.0
        assert 3 <= len(calls) <= 4

    def test_modes_and_argnums_have_programs_of_their_own(self):
        f, calls = counted(lambda x, y: x * y)
        f = compile(f)
        for _ in range(2):
            f(2.0, 3.0)
            f.grad(2.0, 3.0)
            f.value_and_grad(2.0, 3.0)
            f.value_and_grad(2.0, 3.0, argnums=1)
        assert len(calls) == 4

    def test_it_is_bounded_and_drops_what_was_not_used_for_longest(self):
        f, calls = counted(lambda xs: autodiff.sum(xs))
        f = compile(f, cache_size=2)
        for length in (1, 2, 1, 3):  # 3 drives out 2
            assert f([1.0] * length) == length
        assert len(calls) == 3
        f([1.0])
        assert len(calls) == 3
        assert f([1.0] * 2) == 2.0
        assert len(calls) == 4
        assert len(f._programs.entries) == 2

    def test_direct_programs_of_floats_leave_the_cache_as_well(self):
        f, calls = counted(lambda *xs: xs[0] * 2.0)
        f = compile(f, cache_size=1)
        for _ in range(3):
            assert f(3.0) == 6.0
            assert f(4.0, 1.0) == 8.0
        assert len(calls) == 6
        assert len(f._programs.entries) == 1
        assert sum(way is not _unknown for ways in f._programs.direct.values() for way in ways) <= 1

    def test_methods(self):
        class Line:
            def __init__(self, slope):
                self.slope = slope

            @compile
            def at(self, x):
                return self.slope * x

        one, two = Line(2.0), Line(3.0)
        assert (one.at(5.0), two.at(5.0), one.at(6.0)) == (10.0, 15.0, 12.0)
        assert one.at.grad(1.0) == 2.0
        assert one.at == one.at != two.at
        assert len({one.at, one.at, two.at}) == 2
        assert isinstance(Line.at, type(one.at))

    def test_static_arguments(self):
        f, calls = counted(lambda n, x, how: x**n if how == "power" else x * n)
        f = compile(f, static_argnums=(0, -1), argnums=1)
        assert f(3, 2.0, "power") == 8.0
        assert f(3, 4.0, "power") == 64.0
        assert len(calls) == 1
        assert f(3, 2.0, "product") == 6.0
        assert f(2, 2.0, "power") == 4.0
        assert f(2.0, 2.0, "power") == 4.0  # equal, and yet another
        assert len(calls) == 4
        assert f.value_and_grad(3, 2.0, "power") == (8.0, 12.0)
        assert f.hessian(3, 2.0, "power") == 12.0
        with pytest.raises(TypeError, match=r"static_argnums must be hashable.*list"):
            f([3], 2.0, "power")
        with pytest.raises(ValueError, match="no such argument"):
            f.grad(3, 2.0, "power", argnums=0)

    def test_a_failed_recording_leaves_nothing(self):
        f = compile(lambda x: x * x if x else x)
        for _ in range(2):
            with pytest.raises(TraceError):
                f(1.0)
        assert not f._programs.entries
        assert recording.traced == 0


LENGTHS = [0, 1, 7, 8, 9, 16, 1000, 1001]


class TestBatches:
    @pytest.mark.parametrize("backend", BACKENDS)
    def test_any_number_of_samples(self, backend):
        """As every sample alone, on the last bit: where it stands in a vector makes no difference."""
        f = compile(mixed, in_axes=(None, [0, 0]), argnums=(0, 1), backend=backend)
        w, random = [0.5, -1.5, 0.25], Random(5)
        columns = [array("d", [random.uniform(-3.0, 3.0) for _ in range(1001)]) for _ in range(2)]
        whole = flattened(f.value_and_grad(w, columns))
        expected = [
            flattened(autodiff.value_and_grad(mixed, (0, 1))(w, [columns[0][s], columns[1][s]])) for s in range(9)
        ]
        for row, numbers in zip(whole, zip(*expected), strict=True):
            assert row[:9].tolist() == pytest.approx(numbers, rel=1e-13, abs=1e-15)
        for n in LENGTHS:
            got = flattened(f.value_and_grad(w, [c[:n] for c in columns]))
            assert [row.tolist() for row in got] == [row[:n].tolist() for row in whole]
            end = flattened(f.value_and_grad(w, [c[1001 - n :] for c in columns]))
            assert [row.tolist() for row in end] == [row[1001 - n :].tolist() for row in whole]

    @pytest.mark.parametrize("backend", BACKENDS)
    @given(n=st.integers(1, 1000))
    @settings(max_examples=20)
    def test_sizes_at_random(self, backend, n):
        x = array("d", [math.sin(k * k) * 20.0 for k in range(n)])
        got = SQUASHED[backend].value_and_grad(x)
        for s in {0, n // 2, n - 1}:
            value, slope = autodiff.value_and_grad(squashed)(x[s])
            assert got[0][s] == pytest.approx(value, rel=1e-15)
            assert got[1][s] == pytest.approx(slope, rel=2e-15)

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_what_does_not_depend_on_the_sample_is_there_for_each(self, backend):
        f = compile(lambda w, x: (w * w, x * w, 3.0, x), in_axes=(None, 0), backend=backend)
        got = f(2.0, array("d", [0.0, 1.0, 2.0]))
        assert [row.tolist() for row in got] == [[4.0] * 3, [0.0, 2.0, 4.0], [3.0] * 3, [0.0, 1.0, 2.0]]
        for n in (0, 8, 11):
            assert [len(row) for row in f(2.0, array("d", [1.0] * n))] == [n] * 4

    @pytest.mark.parametrize(
        "x",
        [
            array("d", [1.0, 2.0, 3.0]),
            array("f", [1.0, 2.0, 3.0]),
            array("i", [1, 2, 3]),
            memoryview(array("d", [1.0, 2.0, 3.0])),
            memoryview(array("d", [1.0, 9.0, 2.0, 9.0, 3.0]))[::2],
        ],
    )
    def test_buffers_of_all_kinds(self, x):
        f = compile(lambda w, x: w * x, in_axes=(None, 0), argnums=(0, 1))
        value, (slope_w, slope_x) = f.value_and_grad(2.0, x)
        for got, expected in ((value, [2.0, 4.0, 6.0]), (slope_w, [1.0, 2.0, 3.0]), (slope_x, [2.0] * 3)):
            assert type(got) is array
            assert got.typecode == "d"
            assert got.tolist() == expected

    def test_numpy_arrays_of_all_kinds(self):
        np = pytest.importorskip("numpy", reason="NumPy is not installed")
        f = compile(lambda w, x: w * x, in_axes=(None, 0))
        for x in (
            np.array([1.0, 2.0, 3.0]),
            np.array([1, 2, 3]),
            np.array([1, 2, 3], dtype=np.float32),
            np.arange(7.0)[1:6:2] / 2.0 + 0.5,
            np.array([Fraction(1), 2, 3.0], dtype=object),
            np.array([3.0, 2.0, 1.0])[::-1],
        ):
            got = f(2.0, x)
            assert type(got) is np.ndarray
            assert got.dtype == np.float64
            assert got.tolist() == [2.0, 4.0, 6.0]
        assert f(2.0, np.array([True, False])).tolist() == [2.0, 0.0]
        for bad in (np.array([1j]), np.array(["a"])):
            with pytest.raises(TypeError, match=r"an array of .*, not of numbers"):
                f(2.0, bad)

    def test_numpy_arrays_of_more_dimensions(self):
        np = pytest.importorskip("numpy", reason="NumPy is not installed")
        f = compile(lambda x: x[0][1] * x[1, 0], in_axes=0)
        x = np.arange(12.0).reshape(3, 2, 2)
        value, gradient = f.value_and_grad(x)
        assert value.tolist() == [2.0, 30.0, 90.0]
        expected = np.zeros((3, 2, 2))
        expected[:, 0, 1], expected[:, 1, 0] = x[:, 1, 0], x[:, 0, 1]
        assert (gradient == expected).all()
        assert [a.shape for a in f.value_and_grad(x[:0])] == [(0,), (0, 2, 2)]
        matrix = compile(lambda w, x: (w @ x)[0] * x[1])  # no batch: an array is a sequence of numbers
        w, v = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0, 6.0])
        assert matrix(w, v) == 17.0 * 6.0
        assert matrix.grad(w, v).tolist() == [[30.0, 36.0], [0.0, 0.0]]

    def test_arrays_outside_a_batch_keep_their_kind(self):
        f = compile(lambda v: v[0] * v[1])
        got = f.grad(array("d", [2.0, 3.0]))
        assert (type(got), got.tolist()) == (array, [3.0, 2.0])
        assert f.grad([2.0, 3.0]) == [3.0, 2.0]
        assert f.grad((2.0, 3.0)) == (3.0, 2.0)
        np = pytest.importorskip("numpy", reason="NumPy is not installed")
        got = f.grad(np.array([2.0, 3.0]))
        assert (type(got), got.tolist()) == (np.ndarray, [3.0, 2.0])

    def test_second_derivatives_of_each_sample(self):
        x, y = array("d", [1.0, 2.0]), array("d", [3.0, 4.0])
        f = compile(lambda x, y: x**2 * y, in_axes=0, argnums=(0, 1))
        assert [row.tolist() for row in flattened(f.hessian(x, y))] == [[6.0, 8.0], [2.0, 4.0], [2.0, 4.0], [0.0, 0.0]]
        value, slope = f.jvp((x, y), (array("d", [1.0, 1.0]), array("d", [0.0, 1.0])))
        assert (value.tolist(), slope.tolist()) == ([3.0, 16.0], [6.0, 20.0])

    @pytest.mark.parametrize(
        ("axes", "args"),
        [
            (({"x": 0, "w": None},), ({"w": 2.0, "x": [1.0, 2.0]},)),
            (([0, None],), ([[1.0, 2.0], 2.0],)),
            (((0, None),), (([1.0, 2.0], 2.0),)),
            ((Point(0, None),), (Point([1.0, 2.0], 2.0),)),
            ([(0, None)], (([1.0, 2.0], 2.0),)),
        ],
    )
    def test_axes_in_any_structure(self, axes, args):
        given = copy.deepcopy(args)
        batch = tuple(map(with_arrays, given))
        f = compile(lambda p: autodiff.prod(list(p.values() if isinstance(p, dict) else p)), in_axes=axes)
        assert f(*batch).tolist() == [2.0, 4.0]

    @pytest.mark.parametrize(
        ("axes", "args", "message"),
        [
            ((0,), 2, r"for 1 argument\(s\), got 2"),
            ((0, 0, 0), 2, r"for 3 argument\(s\), got 2"),
            ((0, (0,)), 2, "another structure than argument 1"),
            ((0, {"a": 0}), 2, "another structure than argument 1"),
        ],
    )
    def test_axes_that_do_not_fit(self, axes, args, message):
        with pytest.raises(ValueError, match=message):
            compile(lambda x, y: x * y, in_axes=axes)(*[array("d", [1.0])] * args)

    def test_axes_of_structures_that_do_not_fit(self):
        f = compile(lambda p: p["x"], in_axes=({"x": 0, "v": None},))
        with pytest.raises(ValueError, match="another structure than argument 0"):
            f({"x": array("d", [1.0]), "w": 2.0})
        f = compile(lambda p: p[0], in_axes=((0, None),))
        for bad in ((array("d", [1.0]),), [array("d", [1.0]), 1.0], (array("d", [1.0]), 1.0, 2.0)):
            with pytest.raises(ValueError, match="another structure than argument 0"):
                f(bad)
        with pytest.raises(ValueError, match=r"for 2 argument\(s\), got 1 primals"):
            compile(lambda x: x, in_axes=(0, 0)).jvp((array("d", [1.0]),), (array("d", [1.0]),))

    def test_lengths_that_differ(self):
        f = compile(lambda x, y: x * y, in_axes=0)
        with pytest.raises(ValueError, match="argument 1 holds 3 samples, an argument before it 2"):
            f(array("d", [1.0] * 2), array("d", [1.0] * 3))

    def test_a_number_where_a_batch_is_expected(self):
        with pytest.raises(TypeError, match=r"axis 0 in in_axes, so .* expected an array, got float"):
            compile(lambda x, y: x * y, in_axes=(None, 0))(1.0, 2.0)


def with_arrays(tree):
    """The same with arrays in place of lists of numbers."""
    if isinstance(tree, dict):
        return {k: with_arrays(v) for k, v in tree.items()}
    if isinstance(tree, Point):
        return Point(*map(with_arrays, tree))
    if isinstance(tree, (list, tuple)) and not all(isinstance(x, float) for x in tree):
        return type(tree)(map(with_arrays, tree))
    return array("d", tree) if isinstance(tree, list) else tree


def squashed(x):
    return autodiff.tanh(x) * autodiff.exp(-abs(x)) + autodiff.log(x * x + 1.0)


SQUASHED = {b: compile(squashed, in_axes=0, backend=b) for b in replaying.NEEDS}


def branching(x):
    return x if x > 0.0 else -x


REFUSED = {
    "if": (branching, "the truth"),
    "not": (lambda x: x * (not x), "the truth"),
    "and": (lambda x: x and 1.0, "the truth"),
    "float": (lambda x: float(x) * x, r"float\(\)"),
    "int": (lambda x: int(x) * x, r"int\(\)"),
    "round": (lambda x: round(x) * x, r"round\(\)"),
    "floor": (lambda x: math.floor(x) * x, r"floor\(\)"),
    "ceil": (lambda x: math.ceil(x) * x, r"ceil\(\)"),
    "trunc": (lambda x: math.trunc(x) * x, r"trunc\(\)"),
    "math": (lambda x: math.exp(x), r"float\(\)"),
    "complex": (lambda x: complex(x), r"float\(\)"),
    "data": (lambda x: x.data * x, r"\.data"),
    "max": (lambda x: max(x, 2.0 * x), "the truth|a comparison"),
    "sorted": (lambda x: sorted([x, -x])[0], "the truth|a comparison"),
    "jvp": (lambda x: autodiff.jvp(branching, (x,), (1.0,))[1], r"float\(\)|the truth"),
    "grad": (lambda x: autodiff.grad(branching)(x), "the truth"),
}
TAKEN_OUT = {
    "detach": (lambda x: x.detach() * x, r"detach\(\)"),
    "copy": (lambda x: copy.copy(x) * x, "a copy"),
    "deepcopy": (lambda x: copy.deepcopy([x])[0] * x, "a copy"),
    "backward": (lambda x: (x * x).backward() or x.grad, r"backward\(\)"),
    "write": (lambda x: setattr(x, "data", 3.0) or x, r"writing \.data"),
    "no_grad": (lambda x: autodiff.no_grad()(lambda: x * x)() * x, "no_grad around an operation"),
    "no_grad of a sum": (
        lambda x: autodiff.no_grad()(lambda: autodiff.sum([x, 1.0]))() * x,
        "no_grad around an operation",
    ),
}


class TestRefused:
    @pytest.mark.parametrize("name", REFUSED)
    def test_branches(self, name):
        function, what = REFUSED[name]
        with pytest.raises(
            TraceError, match=f"({what}) of a Value .*where, maximum, minimum, clip, abs or relu"
        ) as caught:
            compile(function)(2.0)
        assert f"{__file__}:{function.__code__.co_firstlineno}" in str(caught.value) or name in ("if", "jvp", "grad")
        self.nothing_is_left()

    @pytest.mark.parametrize("name", TAKEN_OUT)
    def test_what_is_taken_out_of_the_graph(self, name):
        function, what = TAKEN_OUT[name]
        with pytest.raises(TraceError, match=f"{what} of a Value .*an argument of its own"):
            compile(function)(2.0)
        self.nothing_is_left()

    def test_the_line_and_the_name(self):
        def function(x):
            y = x * x
            y.label = "energy"
            if y:
                return y
            return x

        with pytest.raises(TraceError, match=rf"energy while .* at {__file__}:\d+: if y:\."):
            compile(function)(2.0)

    def nothing_is_left(self):
        assert recording.traced == 0
        x = Value(-3.0)
        assert branching(x).data == 3.0
        assert float(x) == x.detach().data == -3.0

    def test_outside_of_the_function_all_goes_on(self):
        """Values may be read by another thread while a function is recorded."""
        x, started, go_on = Value(3.0), threading.Event(), threading.Event()

        def function(y):
            started.set()
            assert go_on.wait(10.0)
            return y * y

        other = threading.Thread(target=compile(function), args=(1.0,))
        other.start()
        assert started.wait(10.0)
        assert recording.traced == 1
        assert x > 2.0
        assert (float(x), branching(x).data, x.detach().data) == (3.0, 3.0, 3.0)
        go_on.set()
        other.join()
        assert recording.traced == 0

    @pytest.mark.parametrize("around", [autodiff.no_grad, autodiff.strict])
    def test_modes_around_it_do_not_matter(self, around):
        with around():
            f = compile(lambda x: autodiff.log(x) * x)
            assert f.value_and_grad(1.0) == (0.0, 1.0)

    def test_errors_in_the_function_come_through(self):
        with pytest.raises(ZeroDivisionError):
            compile(lambda x: x * (1 / 0))(1.0)
        with pytest.raises(TypeError, match="positional argument"):
            compile(lambda x: x)(1.0, 2.0)
        assert recording.traced == 0


def comparisons(x, y):
    tests = [x < y, x <= y, x > y, x >= y, x < 1, x >= 1.0, x > -math.inf, y <= 0.0]
    return [autodiff.where(t, x * y, y) for t in tests]


class TestComparisons:
    """They are recorded for `where`, and decided anew at each run; nan compares as in Python."""

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_all_of_them(self, backend):
        at = list(itertools.product([math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -2.5], repeat=2))
        rows = compile(comparisons, in_axes=0, backend=backend)(*(array("d", c) for c in zip(*at)))
        alone = compile(comparisons, backend=backend)
        for k, (x, y) in enumerate(at):
            expected = comparisons(x, y)
            assert all(map(replaying.same, [row[k] for row in rows], expected))
            assert all(map(replaying.same, alone(x, y), expected))

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_gradients_go_to_what_is_taken(self, backend):
        f = compile(lambda x: autodiff.where(x > 1.0, x * x, 3.0 * x), in_axes=0, backend=backend)
        assert f.grad(array("d", [0.0, 1.0, 2.0])).tolist() == [3.0, 3.0, 4.0]

    @pytest.mark.parametrize(
        "function", [lambda x: x if 0 < x < 1 else 0.0, lambda x: not x > 0, lambda x: x > 0 and x < 1]
    )
    def test_as_truths_they_are_refused(self, function):
        with pytest.raises(TraceError, match="the truth of"):
            compile(function)(0.5)

    def test_with_what_is_no_number(self):
        with pytest.raises(TypeError, match="str"):
            compile(lambda x: autodiff.where(x > "a", x, 0.0))(0.5)


class TestGraphs:
    def test_inputs_and_parameters(self):
        x, y, w = Value(2.0), Value(3.0), Value(10.0)
        f = (x * y + w * y).compile([x, y])
        assert f(2.0, 5.0) == 60.0
        assert f.grad(2.0, 5.0) == (5.0, 12.0)
        w.data = 0.0
        assert f.value_and_grad(2.0, 5.0) == (10.0, (5.0, 2.0))
        assert (x.data, x.grad, w.grad) == (2.0, 0.0, 0.0)

    def test_one_input(self):
        x = Value(2.0)
        f = (x**3).compile(x)
        assert (f(3.0), f.grad(3.0)) == (27.0, (27.0,))

    def test_with_respect_to_some(self):
        x, y = Value(2.0), Value(3.0)
        assert (x * y * y).compile([x, y], wrt=[y]).grad(2.0, 5.0) == (20.0,)
        assert (x * y * y).compile([x, y], wrt=y).grad(2.0, 5.0) == (20.0,)

    def test_inner_nodes_as_inputs(self):
        x = Value(2.0)
        h = x * x
        y = h.exp() + x
        f = y.compile([h])
        assert f(0.0) == 3.0
        assert f.grad(0.0) == (1.0,)
        both = y.compile([h, x])
        assert both.value_and_grad(0.0, 5.0) == (6.0, (1.0, 1.0))
        assert y.compile(y)(7.0) == 7.0

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_options_and_batches(self, backend):
        xs = [Value(1.0) for _ in range(4)]
        y = autodiff.dot(xs[:2], xs[2:]) + autodiff.clip(xs[0], -1.0, 1.0) + autodiff.sum(xs)
        f = y.compile(xs, in_axes=(0, None, None, None), backend=backend)
        assert f(array("d", [1.0, 5.0]), 2.0, 3.0, 4.0).tolist() == [3.0 + 8.0 + 1.0 + 10.0, 15.0 + 8.0 + 1.0 + 14.0]
        assert f.report().backend == backend

    def test_deep_graphs(self):
        x = Value(0.5)
        y = x
        for _ in range(3000):
            y = y * 1.0001 - 1e-9
        f = y.compile(x, backend="python")
        assert f(0.5) == y.data

    def test_errors(self):
        x, y = Value(1.0), Value(2.0)
        z = x * x
        with pytest.raises(GraphError, match="does not depend on the input"):
            z.compile([x, y])
        with pytest.raises(ValueError, match="none of the inputs"):
            z.compile([x], wrt=[y])
        with pytest.raises(TypeError, match="takes Values, got float"):
            z.compile([1.0])
        with pytest.raises(ValueError, match="at least one"):
            z.compile([])
        with pytest.raises(TypeError):
            z.compile([x], rubbish=1)


class TestThreads:
    @pytest.mark.parametrize("backend", BACKENDS)
    def test_one_function_in_many_threads(self, backend):
        """Floats, ints and batches at once: nobody sees another one's numbers."""
        f = compile(mixed, backend=backend)
        batch = compile(mixed, in_axes=(None, [0, 0]), backend=backend)
        w = [0.5, -1.5, 0.25]
        g = compile(lambda x, y: autodiff.exp(-x * x) * y + y, backend=backend)
        wrong = []

        def work(k):
            x = [float(k), 1.5]
            many = [array("d", [float(k)] * 11), array("d", [1.5] * 11)]
            expected, expected_g = mixed(w, x), math.exp(-k * k) * 3.0 + 3.0
            for _ in range(60):
                got = [f(w, x), f.value_and_grad(w, x)[0], *batch(w, many)]
                wrong.extend(y for y in got if abs(y - expected) > 1e-12)
                wrong.extend(y for y in (g(float(k), 3.0), g(k, 3)) if abs(y - expected_g) > 1e-12)

        threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert not wrong
        assert recording.traced == 0

    def test_two_functions_that_call_each_other(self):
        """Each thread traces one of them and calls the other one, while the other thread is tracing that."""
        mine, yours = threading.Event(), threading.Event()

        def together(x, here, there, other):
            if isinstance(x, list):
                return x[0] * 2.0
            here.set()
            assert there.wait(10.0)
            return x * other([3.0])

        first = compile(lambda x: together(x, mine, yours, second))
        second = compile(lambda x: together(x, yours, mine, first))
        found = []
        threads = [threading.Thread(target=lambda f=f: found.append(f(5.0)), daemon=True) for f in (first, second)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(20.0)
        assert found == [30.0, 30.0], "they wait for each other"
        assert recording.traced == 0

    def test_one_function_that_two_threads_trace_at_once(self):
        started = threading.Barrier(2)
        function = compile(lambda x: started.wait(10.0) * 0.0 + x * x)
        found = []
        threads = [threading.Thread(target=lambda k=k: found.append(function(k)), daemon=True) for k in (2.0, 3.0)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(20.0)
        assert sorted(found) == [4.0, 9.0]
        assert function(4.0) == 16.0
        assert len(function._programs.entries) == 1

    def test_a_function_that_waits_for_a_thread_that_calls_it(self):
        def outer(x):
            if isinstance(x, list):
                return x[0] * 2.0
            found = []
            other = threading.Thread(target=lambda: found.append(function([3.0])), daemon=True)
            other.start()
            other.join(10.0)
            return x * found[0]

        function = compile(outer)
        assert function(5.0) == 30.0


WITHOUT = """
import sys
from array import array
for name in {missing!r}:
    sys.modules[name] = None
import autodiff
f = autodiff.compile(lambda w, x: autodiff.tanh(w * x) * x, in_axes=(None, 0))
x = array("d", [0.5 * k for k in range(9)])
value, slope = f.value_and_grad(2.0, x)
for k in range(9):
    expected = autodiff.value_and_grad(lambda w: autodiff.tanh(w * x[k]) * x[k])(2.0)
    assert abs(value[k] - expected[0]) + abs(slope[k] - expected[1]) < 1e-14
print(f.report().backend, "|".join(f.report().notes))
plain = autodiff.compile(lambda x: autodiff.sum([x * k for k in range(400)]))
assert plain.grad(1.0) == 79800.0
assert "run" in plain.source("c") and "define" in plain.source("llvm")
print(plain.report().backend)
for name in ("llvm", "numpy"):
    try:
        autodiff.compile(lambda x: x, backend=name)(1.0)
        print("there")
    except ImportError as error:
        print(error)
"""


@pytest.mark.parametrize("missing", [["llvmlite"], ["llvmlite", "numpy"], ["numpy"]])
def test_missing_packages(missing):
    there = {name for name in ("llvmlite", "numpy") if replaying.installed(name)} - set(missing)
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(WITHOUT.format(missing=missing))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    best = "llvm" if "llvmlite" in there else "numpy" if "numpy" in there else "python"
    assert lines[0].split(" ")[0] == best
    for name in ("llvm", "numpy")[: ("llvm", "numpy", "python").index(best)]:
        assert f"no {name}: it is not installed" in lines[0]
    assert lines[1] == ("llvm" if "llvmlite" in there else "python")
    assert lines[2] == "there" if "llvmlite" in there else "pip install llvmlite" in lines[2]
    assert lines[3] == "there" if "numpy" in there else "pip install numpy" in lines[3]
