"""Compiled functions inside transforms, inside other compiled functions, and inside what is copied."""

import copy
import math
import pickle
import random

import pytest

import autodiff
from autodiff import Value, compile
from autodiff.recording import drawn


@compile
def square(x):
    return x * x


def test_it_is_copied_and_pickled_as_a_function_is():
    assert copy.copy(square) is square
    assert copy.deepcopy([square])[0] is square
    assert pickle.loads(pickle.dumps(square)) is square
    assert repr(square) == "<compiled square>"
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(compile(lambda x: x))


class TestNumbersFromAroundAFunction:
    """A compiled function that is called with plain numbers, and uses what somebody else differentiates or records."""

    @pytest.mark.parametrize("backend", ["auto", "python"])
    def test_a_transform_differentiates_by_it(self, backend):
        def outer(w):
            return compile(lambda x: w * w * x, backend=backend)(5.0)

        assert autodiff.value_and_grad(outer)(3.0) == (45.0, 30.0)
        assert autodiff.jvp(outer, (3.0,), (1.0,)) == (45.0, 30.0)
        assert autodiff.hessian(outer)(3.0) == 10.0
        assert autodiff.grad(autodiff.grad(outer))(3.0) == 10.0

    def test_also_by_the_derivatives_in_it(self):
        def slope(w):
            return compile(lambda x: w * x * x).grad(5.0)

        def direction(w):
            return compile(lambda x: w * x * x).jvp((5.0,), (1.0,))[1]

        def curvature(w):
            return compile(lambda x: w * w * x * x).hessian(5.0)

        assert autodiff.grad(slope)(3.0) == 10.0
        assert autodiff.jvp(slope, (3.0,), (1.0,)) == (30.0, 10.0)
        assert autodiff.grad(direction)(3.0) == 10.0
        assert autodiff.grad(curvature)(3.0) == 12.0

    @pytest.mark.parametrize(("mode", "factor"), [("__call__", 125.0), ("grad", 75.0), ("hessian", 30.0)])
    def test_another_program_records_it(self, mode, factor):
        f = compile(lambda w: getattr(compile(lambda x: w * x * x * x), mode)(5.0))
        assert [f(3.0), f(4.0)] == [3.0 * factor, 4.0 * factor]
        assert f.grad(3.0) == factor

    def test_parameters_are_read_at_each_call_of_the_outer_program(self):
        w = Value(3.0)
        inner = compile(lambda x: w * x)
        outer = compile(lambda x: x * inner(2.0))
        assert outer(1.0) == 6.0
        w.data = 5.0
        assert outer(1.0) == 10.0
        assert inner(2.0) == 10.0

    def test_numbers_are_drawn_at_each_call_of_the_outer_program(self):
        draw = random.Random(7).random
        inner = compile(lambda x: x * drawn(draw))
        outer = compile(lambda x: x + inner(1.0))
        assert len({outer(0.0) for _ in range(5)}) == 5

    def test_a_batch_is_refused(self):
        def outer(w):
            return compile(lambda x: w * x, in_axes=0)(memoryview(bytearray(24)).cast("d"))[0]

        for call in (autodiff.grad(outer), compile(outer), lambda x: autodiff.jvp(outer, (x,), (1.0,))):
            with pytest.raises(TypeError, match=r"a batch .* from around the function"):
                call(3.0)

    def test_without_one_the_program_runs(self):
        inner = compile(lambda x: x * 2.0)
        assert compile(lambda x: x * inner(3.0)).value_and_grad(5.0) == (30.0, 6.0)
        assert inner(3.0) == 6.0


def kinked(x, y):
    """Each of the four comparisons, with each other and with a number."""
    a = autodiff.where(x < y, x * y, x - y) + autodiff.where(x >= 1.0, x * x, y)
    return a * autodiff.where(x < 2.0, y, x * y * y) + autodiff.where(y <= x, 1.0, x * y)


class TestComparisonsInForwardMode:
    @pytest.mark.parametrize("at", [(0.5, 2.0), (1.0, -3.0), (2.0, 2.0), (5.0, math.nan)])
    @pytest.mark.parametrize("backend", ["auto", "python"])
    def test_they_are_made_at_each_call(self, backend, at):
        f = compile(kinked, argnums=(0, 1), backend=backend)
        f.hessian(1.5, 0.25), f.jvp((1.5, 0.25), (1.0, -2.0))  # recorded elsewhere
        for got, expected in [
            (f.hessian(*at), autodiff.hessian(kinked, (0, 1))(*at)),
            (f.jvp(at, (1.0, -2.0)), autodiff.jvp(kinked, at, (1.0, -2.0))),
        ]:
            assert repr(got) == repr(expected)

    def test_within_a_function_that_is_recorded(self):
        f = compile(lambda x: autodiff.jvp(lambda z: autodiff.where(z > x, z * z, z), (x + 1.0,), (1.0,)))
        assert f(2.0) == (9.0, 6.0)


class TestTransformsInside:
    def test_of_what_is_recorded(self):
        """Their arguments are plain numbers; their functions use the program's."""
        assert compile(lambda w: autodiff.grad(lambda x: w * x * x)(2.0)).value_and_grad(3.0) == (12.0, 4.0)
        assert compile(lambda w: autodiff.jvp(lambda x: w * x * x, (2.0,), (1.0,))[1])(3.0) == 12.0
        assert compile(lambda w: autodiff.value_and_grad(lambda x: w * x * x)(2.0))(3.0) == (12.0, 12.0)
        assert compile(lambda w: autodiff.hessian(lambda x: w * x * x)(2.0)).grad(3.0) == 2.0

    def test_of_constants(self):
        f = compile(lambda x: x * autodiff.grad(lambda z: z * z)(2.0) + autodiff.hessian(lambda z: z**3)(2.0))
        assert f.value_and_grad(3.0) == (24.0, 4.0)


def test_without_arguments():
    w = Value(3.0)
    f = compile(lambda: w * 2.0)
    assert f() == 6.0
    with pytest.raises(ValueError, match="argument 0, and there is no such argument"):
        f.grad()


def test_a_graph_that_is_there():
    x = Value(2.0)
    named = x * x
    named.label = "area"
    assert repr(named.compile(inputs=[x])) == "<compiled area>"
    assert repr((x * 2.0).compile(inputs=[x])) == "<compiled graph>"
    with pytest.raises(ValueError, match=r"inputs names a Value twice: Value\(data=2.0"):
        named.compile(inputs=[x, x])
