"""What a function does with its numbers besides computing: copies, texts, structures of its own classes, big integers.

Each answer is that of floats, or an error that says what to do instead.
"""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle
import time
from array import array
from collections import namedtuple
from fractions import Fraction

import pytest

import autodiff
import nn
from autodiff import (
    GraphError,
    TraceError,
    Value,
    compile,
    define,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)


@dataclasses.dataclass
class Pair:
    a: object
    b: object


def through_deepcopy(p):
    q = copy.deepcopy(p)
    q[0] = q[0] * q[0]
    return q[0] * q[1]


def each_by_itself(p):
    a, b = copy.copy(p[0]), copy.deepcopy(p[1])
    return a * a * b


def computed(p):
    q = copy.deepcopy({"y": p[0] * p[0], "z": [p[1]]})
    return q["y"] * q["z"][0]


def as_a_dict(p):
    q = dataclasses.asdict(Pair(p[0] * p[0], p[1]))
    return q["a"] * q["b"]


def as_a_tuple(p):
    a, b = dataclasses.astuple(Pair(p[0], [p[1]]))
    return a * a * b[0]


COPIES = [through_deepcopy, each_by_itself, computed, as_a_dict, as_a_tuple]


class TestCopies:
    @pytest.mark.parametrize("function", COPIES)
    def test_a_copy_is_the_number(self, function):
        x = [3.0, 2.0]
        assert function(list(x)) == 18.0
        assert grad(function)(x) == [12.0, 9.0]
        assert value_and_grad(function)(x) == (18.0, [12.0, 9.0])
        assert vjp(function, x)[1](1.0) == ([12.0, 9.0],)
        assert hessian(function)(x) == [[4.0, 6.0], [6.0, 0.0]]
        assert hvp(function, (x,), ([1.0, 0.0],))[-1] == [4.0, 6.0]
        assert jvp(function, (x,), ([1.0, 0.0],)) == (18.0, 12.0)
        assert jacobian(lambda p: [function(p)])(x) == [[12.0, 9.0]]
        with pytest.raises(TraceError, match="a copy"):
            compile(function)(x)

    def test_of_a_number_of_the_function_around(self):
        def outer(x):
            return grad(lambda y: copy.deepcopy([x])[0] * y * y)(2.0) * x

        assert grad(outer)(3.0) == 24.0
        assert jvp(outer, (3.0,), (1.0,)) == (36.0, 24.0)

    def test_given_values(self):
        x = [Value(3.0), Value(2.0)]
        g = grad(through_deepcopy)(x)
        g[0].backward()
        assert [v.data for v in g] == [12.0, 9.0]
        assert [v.grad for v in x] == [4.0, 6.0]

    def test_a_graph_of_others_is_copied(self):
        w = Value(2.0, label="w")
        double = w * 2.0
        found = []

        def function(x):
            found[:] = [copy.copy(double), copy.deepcopy(double), pickle.loads(pickle.dumps(double))]
            return x * found[1].data

        assert grad(function)(3.0) == 4.0
        assert all(v is not double and v.data == 4.0 for v in found)
        assert found[0].operands[0] is w
        assert found[1].operands[0] is not w

    def test_a_model_of_others_is_copied(self):
        model = nn.MLP(1, [1])
        assert grad(lambda x: copy.deepcopy(model)([x]) * 1.0)(0.5) is not None
        assert copy.deepcopy(model).parameters()[0] is not model.parameters()[0]

    @pytest.mark.parametrize(
        "function", [lambda x: pickle.loads(pickle.dumps([x]))[0] * x, lambda x: pickle.loads(pickle.dumps(x * x))]
    )
    def test_no_pickle(self, function):
        for transform in (grad, hessian):
            with pytest.raises(GraphError, match=r"a pickle of a Value while the function is differentiated.*copy"):
                transform(function)(3.0)
        with pytest.raises(TraceError, match="a pickle of a Value while the function is recorded"):
            compile(function)(3.0)

    def test_no_pickle_that_is_caught(self):
        def function(x):
            try:
                pickle.dumps(x)
            except GraphError:
                return x
            return x * 2.0

        with pytest.raises(GraphError):
            grad(function)(3.0)
        with pytest.raises(TraceError):
            compile(function)(3.0)


class TestTexts:
    @pytest.mark.parametrize("text", [str, repr, "{}".format, lambda x: f"{x}", lambda x: f"{x!r}", lambda x: str([x])])
    def test_refused_while_recorded(self, text):
        for function in (
            lambda x: x * 2 if "1.0" in text(x) else x * 3,
            lambda x: x * len(text(x * 2.0)),
            lambda x: jvp(lambda t: t * len(text(t)), (x,), (1.0,)),
        ):
            with pytest.raises(TraceError, match=r"the text|float\(\)"):
                compile(function)(1.0)

    def test_refused_though_caught(self):
        def function(x):
            try:
                return x * float(str(x))
            except Exception:
                return x

        with pytest.raises(TraceError):
            compile(function)(1.0)

    def test_of_a_parameter(self):
        w = Value(2.0)
        with pytest.raises(TraceError, match="the text"):
            compile(lambda x: x * len(str(w)))(1.0)

    def test_messages_of_our_own_may_show_one(self):
        with pytest.raises(TypeError, match=r"Value\(data="):
            compile(lambda x: autodiff.dot([x], [[x]]))(1.0)

    def test_as_ever_elsewhere(self):
        assert str(Value(1.0)) == f"{Value(1.0)}" == repr(Value(1.0)) == "Value(data=1.0, grad=0.0)"
        assert f"{Value(1.0):.2f}" == "1.00"
        assert grad(lambda x: x * len(f"{x:.1f}"))(1.0) == 3.0
        assert (float(Value(1.5)), bool(Value(0.0)), Value(1.5, "x").detach().label) == (1.5, False, "x")


BIG = 2**60 + 1


class TestBigIntegers:
    @pytest.mark.parametrize("given", [BIG, Fraction(BIG), [1, BIG], -BIG, array("q", [1, BIG]), array("Q", [BIG])])
    def test_none_that_no_float_is(self, given):
        with pytest.raises(ValueError, match="which no float is"):
            compile(lambda v: v)(given)

    @pytest.mark.parametrize("y", [BIG, Fraction(BIG), [BIG]])
    def test_none_is_returned(self, y):
        with pytest.raises(ValueError, match="which no float is"):
            compile(lambda v: y)(1.0)

    def test_of_numpy(self):
        numpy = pytest.importorskip("numpy")
        total = compile(lambda v: v.sum())
        for kind in (numpy.int64, numpy.uint64):
            bad = [kind(BIG), numpy.array([1, BIG], kind), numpy.array([[BIG]], kind), [numpy.iinfo(kind).max]]
            bad += [numpy.array([numpy.iinfo(kind).max]), numpy.array([1, BIG], object)]
            for x in bad:
                with pytest.raises(ValueError, match="which no float is"):
                    compile(lambda v: v)(x)
                with pytest.raises(ValueError, match="which no float is"):
                    compile(lambda v, x=x: x)(1.0)
            with pytest.raises(ValueError, match="argument 0 holds 1152921504606846977, which no float is"):
                compile(lambda v: v, in_axes=0)(numpy.array([1, BIG], kind))
            assert total(numpy.array([3, 2**60, 2**53], kind)) == 3.0 + 2.0**60 + 2.0**53
            assert compile(lambda v: v * 1.0)(kind(2**60)) == 2.0**60
            assert compile(lambda v: v)(numpy.array([], kind)).shape == (0,)
        assert total(numpy.array([numpy.iinfo(numpy.int64).min])) == -(2.0**63)
        assert total(numpy.array([1, 2], numpy.int8)) == 3.0

    def test_those_that_are_floats(self):
        assert compile(lambda v: v * 1.0)(2**60) == 2.0**60
        assert compile(lambda v: v * 1.0)(Fraction(1, 3)) == 1 / 3
        assert compile(lambda v: v[0] + v[1])(array("q", [2**60, 2])) == 2.0**60 + 2.0
        assert compile(lambda v: True)(1.0) == 1.0


class Backwards(tuple):
    def __getitem__(self, k):
        return tuple.__getitem__(self, -1 - k)


class Named(list):
    def first(self):
        return self[0]


class Labelled(list):
    pass


class Doubling(list):
    def __iter__(self):
        return (2 * x for x in list.__iter__(self))


Point = namedtuple("Point", "x y")


class Square(Point):
    __slots__ = ()

    def area(self):
        return self.x * self.y


class TestStructures:
    @pytest.mark.parametrize(
        ("given", "function"),
        [
            (Backwards([3.0, 2.0]), lambda p: p[1] * p[1] * p[0]),
            (Named([3.0, 2.0]), lambda p: p.first() * p.first() * p[1]),
            (Square(3.0, 2.0), lambda p: p.area() * p.x),
        ],
    )
    def test_the_class_is_kept(self, given, function):
        kind = type(given)
        assert function(given) == compile(function)(given) == compile(function, backend="python")(given) == 18.0
        for g in (grad(function)(given), compile(function).grad(given), vjp(function, given)[1](1.0)[0]):
            assert type(g) is kind
            assert list(g) == [12.0, 9.0]
        assert jvp(function, (given,), (kind([1.0, 0.0]) if kind is not Square else Square(1.0, 0.0),)) == (18.0, 12.0)
        result = compile(lambda x: kind([x, x]) if kind is not Square else Square(x, x))(2.0)
        assert type(result) is kind
        assert list(result) == [2.0, 2.0]

    def test_a_program_for_each_class(self):
        function = compile(lambda p: p[0])
        assert (function((1.0, 2.0)), function(Backwards((1.0, 2.0))), function([1.0, 2.0])) == (1.0, 2.0, 1.0)

    def test_what_knows_more_is_refused(self):
        given = Labelled([3.0])
        given.mean = 3.0
        for call in (grad(lambda p: p[0]), compile(lambda p: p[0]), hessian(lambda p: p[0])):
            with pytest.raises(TypeError, match=r"holds a Labelled, a list .* pass list\(x\)"):
                call(given)
            with pytest.raises(TypeError, match=r"holds a Doubling, a list .* pass list\(x\)"):
                call([Doubling([3.0])])
            with pytest.raises(TypeError, match=r"holds a struct_time, a tuple .* pass tuple\(x\)"):
                call(time.struct_time(range(9)))
            assert call(Labelled([3.0])) is not None


class TestOperationsOfOnesOwn:
    @pytest.fixture
    def made(self):
        names = set(autodiff.operation.OPERATIONS)
        yield
        for name in set(autodiff.operation.OPERATIONS) - names:
            del autodiff.operation.OPERATIONS[name]

    def test_values_that_take_no_nan(self, made):
        def checked(a):
            if not a > 0:
                raise ValueError("a positive number")
            return a * 2.0

        values = {
            "floor_": lambda a: float(int(a)),
            "round_": lambda a: float(round(a)),
            "factorial_": lambda a: float(math.factorial(int(a))),
            "checked_": checked,
        }
        for name, value in values.items():
            op = define(name, value, partials=lambda y, a: 3.0)
            function = compile(lambda x, op=op: op(x) * x)
            assert function(2.5) == value(2.5) * 2.5
            assert function.grad(2.5) == value(2.5) + 3.0 * 2.5
            assert compile(lambda x, op=op: grad(lambda t: op(t) * x)(x))(2.5) == 7.5
        two = define("two_", lambda a, b: float(int(a) % int(b)), partials=(lambda y, a, b: 1.0, lambda y, a, b: 0.0))
        assert compile(lambda x: two(x, 4))(7.5) == 3.0

    def test_its_errors_are_raised_for_numbers(self, made):
        op = define("floor_", lambda a: float(int(a)), partials=lambda y, a: 0.0)
        function = compile(op)
        for call in (op, function, lambda x: op(Value(x)), grad(op)):
            with pytest.raises(ValueError, match="NaN"):
                call(math.nan)
        assert function(2.5) == 2.0

    def test_an_error_that_is_none_of_nan(self, made):
        op = define("wrong_", lambda a: {}["a"], partials=lambda y, a: 0.0)
        with pytest.raises(KeyError):
            compile(lambda x: op(x))(1.0)


class TestPositions:
    @pytest.mark.parametrize("bad", [1.0, "0", {0}, True, (0, True), [0.0], None, ("0",)])
    def test_what_is_no_position(self, bad):
        def f(x, y):
            return x * y

        with pytest.raises(TypeError, match="argnums takes an int or a sequence of ints, got"):
            grad(f, argnums=bad)(1.0, 2.0)
        for name in ("argnums", "static_argnums"):
            with pytest.raises(TypeError, match=rf"^{name} takes an int or a sequence of ints, got"):
                compile(f, **{name: bad})
        compiled = compile(f)
        calls = [compiled.grad, compiled.value_and_grad, compiled.hessian]
        for argnums in (0, 1, (0, 1)):
            for call in calls:
                assert call(1.0, 2.0, argnums=argnums) is not None
        for call in calls if bad is not None else ():  # None: as it was compiled
            with pytest.raises(TypeError, match="argnums takes an int or a sequence of ints, got"):
                call(1.0, 2.0, argnums=bad)

    def test_what_is_one(self):
        compiled = compile(lambda x, y: x * y)
        for argnums in ([0, 1], (0, -1), range(2)):
            assert compiled.value_and_grad(3.0, 2.0, argnums=argnums) == (6.0, (2.0, 3.0))
            assert compiled.value_and_grad(3.0, 2.0, argnums=argnums) == (6.0, (2.0, 3.0))
        assert compiled.grad(3.0, 2.0, argnums=-1) == 3.0
