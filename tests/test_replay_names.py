"""Arguments by name: those of a compiled function are bound as Python binds them."""

from __future__ import annotations

import functools
import math
from array import array

import pytest

import autodiff
from autodiff import Value, compile


def f(x, y=2.0, *, scale=1.0, shift=None):
    return scale * x**2 * y if shift is None else scale * x**2 * y + shift


def either(x, /, y, z=1.0, *rest, w=1.0, **others):
    return x * y + z * w + sum(rest) + sum(k * v for k, v in enumerate(others.values(), 1))


CALLS = [
    (f, (3.0,), {"y": 4.0}),
    (f, (), {"x": 3.0}),
    (f, (), {"y": 4.0, "x": 3.0}),
    (f, (3.0,), {"scale": 2.0}),
    (f, (3.0,), {"shift": 1.0, "scale": 2.0}),
    (f, (), {"shift": 1.0, "x": 3}),
    (either, (2.0,), {"y": 3.0}),
    (either, (2.0, 3.0), {"w": 5.0}),
    (either, (2.0, 3.0, 4.0, 5.0, 6.0), {"w": 5.0, "argnums": 7.0, "self": 1.0, "args": 2.0, "named": 3.0}),
    (functools.partial(f, 3.0), (), {"scale": 2.0}),
    (functools.partial(f, scale=3.0), (2.0,), {"y": 5.0}),
    (lambda xs, by: [xs["a"] * by, (xs["b"][1], by)], ({"a": 1.0, "b": [2.0, 3.0]},), {"by": 4.0}),
    (lambda x, *, w: w["a"] * x + w["b"][0], (2.0,), {"w": {"a": 3.0, "b": [4.0]}}),
]


@pytest.mark.parametrize(("function", "args", "named"), CALLS)
@pytest.mark.parametrize("backend", ["auto", "python"])
def test_values(function, args, named, backend):
    compiled = compile(function, backend=backend)
    for _ in range(2):
        assert compiled(*args, **named) == function(*args, **named)


@pytest.mark.parametrize(("function", "args", "named"), [c for c in CALLS[:7] if c[1]])
def test_derivatives(function, args, named):
    compiled = compile(function)

    def plain(x):
        return function(x, *args[1:], **named)

    for _ in range(2):
        value, slope = compiled.value_and_grad(*args, **named)
        assert value == pytest.approx(function(*args, **named), rel=1e-15)
        assert slope == compiled.grad(*args, **named) == pytest.approx(autodiff.grad(plain)(args[0]), rel=1e-15)
        assert compiled.hessian(*args, **named) == pytest.approx(autodiff.hessian(plain)(args[0]), rel=1e-15)


class TestDifferentiatedBy:
    def test_what_is_given_by_name_has_its_place(self):
        compiled = compile(f)
        assert compiled.grad(3.0, y=4.0, argnums=1) == compiled.grad(y=4.0, x=3.0, argnums=-1) == 9.0
        assert compiled.value_and_grad(3.0, y=4.0, argnums=(1, 0)) == (36.0, (9.0, 24.0))
        assert compiled.grad(3.0, 4.0, scale=2.0, argnums=-1) == 18.0
        assert compiled.grad(3.0, 4.0, scale=2.0, argnums=(-1, 0)) == (18.0, 48.0)

    def test_but_not_what_is_by_name_only(self):
        compiled = compile(f)
        for argnums in (1, -2, (0, 1)):
            with pytest.raises(ValueError, match=r"argnums names argument -?\d, and there is no such argument"):
                compiled.grad(3.0, scale=2.0, argnums=argnums)
        with pytest.raises(ValueError, match="argnums names argument 0, and there is no such"):
            compile(lambda *, x: x * x).grad(x=2.0)
        assert compile(lambda *, x: x * x)(x=2.0) == 4.0

    def test_argnums_is_the_argument_of_the_transform(self):
        function = compile(lambda x, argnums: x * argnums)
        assert function(2.0, argnums=5.0) == 10.0
        assert function.grad(2.0, 5.0, argnums=1) == 2.0


class TestRefused:
    @pytest.mark.parametrize(
        ("args", "named", "match"),
        [
            ((3.0,), {"x": 1.0}, "multiple values for argument 'x'"),
            ((3.0,), {"z": 1.0}, "unexpected keyword argument 'z'"),
            ((), {"y": 1.0}, "missing a required argument: 'x'"),
            ((3.0,), {"shift": "much"}, "argument 'shift' is a str, not a number"),
            ((3.0,), {"y": "much"}, "argument 1 is a str, not a number"),
        ],
    )
    def test_what_does_not_fit(self, args, named, match):
        with pytest.raises(TypeError, match=match):
            compile(f)(*args, **named)

    def test_by_position_only(self):
        with pytest.raises(TypeError, match="positional"):
            compile(either)(x=1.0, y=2.0)


class TestStatic:
    def test_by_name(self):
        def power(x, n=2, *, how="plain"):
            return x**n if how == "plain" else -(x**n)

        compiled = compile(power, static_argnums=(1, 2))
        assert compiled(2.0, n=3) == compiled(2.0, 3) == 8.0
        assert compiled(2.0, n=3, how="other") == -8.0
        assert compiled(2.0, how="other") == compiled(n=2, how="other", x=2.0) == -4.0
        assert compiled.grad(2.0, n=3, how="other") == -12.0

    def test_behind_one_that_is_left_out(self):
        compiled = compile(lambda x, a=1.0, n=2: a * x ** float(range(n + 1)[-1]), static_argnums=2)
        assert compiled(2.0, n=3) == 8.0
        assert compiled(2.0, n=4) == 16.0
        assert compiled.grad(2.0, n=3) == 12.0
        compiled = compile(lambda x, n: x ** len(range(n)), static_argnums=-1)
        assert compiled(2.0, n=3) == compiled(n=3, x=2.0) == 8.0


class TestBatches:
    @pytest.mark.parametrize("axes", [0, (0, 0)])
    def test_columns_by_name(self, axes):
        compiled = compile(lambda x, y: x * y, in_axes=axes)
        x = array("d", [1.0, 2.0])
        assert compiled(x, y=array("d", [3.0, 4.0])).tolist() == [3.0, 8.0]
        assert compiled.grad(y=array("d", [3.0, 4.0]), x=x).tolist() == [3.0, 4.0]

    def test_what_is_by_name_only_is_shared_if_axes_are_given_one_by_one(self):
        def function(x, *, by):
            return x * by

        x = array("d", [1.0, 2.0])
        assert compile(function, in_axes=(0,))(x, by=5.0).tolist() == [5.0, 10.0]
        assert compile(function, in_axes=0)(x, by=array("d", [5.0, 7.0])).tolist() == [5.0, 14.0]
        with pytest.raises(TypeError, match="argument 'by' is given axis 0"):
            compile(function, in_axes=0)(x, by=5.0)


def test_other_names_are_another_program():
    compiled = compile(lambda x, **others: x * sum(others.values()) if "a" in others else x)
    assert compiled(2.0, a=3.0) == 6.0
    assert compiled(2.0, b=3.0) == 2.0
    assert compiled(2.0, b=3.0, a=1.0) == 8.0
    assert compiled(2.0) == 2.0


def test_a_dictionary_is_no_name():
    compiled = compile(lambda x, p=None, a=1.0: x * a if p is None else x + p["a"])
    assert compiled(2.0, {"a": 3.0}) == 5.0
    assert compiled(2.0, a=3.0) == 6.0
    assert compiled(2.0, {"a": 4.0}) == 6.0


def test_inside_others():
    compiled = compile(f)
    x = Value(3.0)
    y = compiled(x, scale=2.0)
    y.backward()
    assert (y.data, x.grad) == (36.0, 24.0)
    assert autodiff.grad(lambda x: compiled(x, y=4.0))(3.0) == 24.0
    assert compile(lambda x: compiled(x, scale=x))(3.0) == 54.0
    assert compiled.grad(Value(3.0), scale=2.0).data == 24.0


def test_methods_and_functions_of_c():
    class Line:
        k = 2.0

        @compile
        def at(self, x, *, by=1.0):
            return self.k * x * by

    assert Line().at(x=3.0, by=2.0) == 12.0
    assert Line().at.grad(x=3.0, by=2.0) == 4.0
    assert compile(autodiff.leaky_relu)(-1.0, slope=0.5) == -0.5
    assert compile(sum)([1.0, 2.0], start=3.0) == 6.0


def test_decorated_functions_are_asked_for_what_they_take():
    def twice(function):
        @functools.wraps(function)
        def wrapper(x, *, times=2.0):
            return function(x, math.pi) * times

        return wrapper

    @compile
    @twice
    def product(x, y):
        return x * y

    assert product(1.0, times=3.0) == 3.0 * math.pi
    with pytest.raises(TypeError, match="unexpected keyword argument 'y'"):
        product(1.0, y=3.0)
