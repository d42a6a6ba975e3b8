"""Numbers as people bring and show them: NumPy's scalars, formats, and names that other packages taught."""

from __future__ import annotations

import operator

import pytest

import autodiff
from autodiff import Value, derivative, grad, hessian, jacobian, jvp, value_and_grad, vjp
from autodiff.derivatives.forward import Dual

NUMPY = ["bool_", "int8", "uint16", "int64", "float16", "float32", "float64", "longdouble"]
OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]


@pytest.fixture(params=NUMPY)
def scalar(request):
    numpy = pytest.importorskip("numpy")
    return getattr(numpy, request.param)(1)


@pytest.fixture(params=[lambda: Value(3.0), lambda: Dual(1, 3.0, 1.0)], ids=["Value", "Dual"])
def number(request):
    return request.param()


class TestNumPyScalars:
    """They are numbers wherever ints and floats are, `bool_` too."""

    @pytest.mark.parametrize("op", OPERATORS)
    def test_as_operands(self, op, number, scalar):
        right, left = op(number, scalar), op(scalar, number)
        assert type(right) is type(left) is type(number)
        assert (float(right), float(left)) == (op(3.0, 1.0), op(1.0, 3.0))

    @pytest.mark.parametrize("name", ["maximum", "hypot", "atan2", "where", "clip", "sum", "dot", "mean"])
    def test_as_operands_of_functions(self, name, number, scalar):
        function = getattr(autodiff, name)
        calls = {
            "where": lambda x, s: function(s, x, s),
            "clip": lambda x, s: function(x, s, 5),
            "sum": lambda x, s: function([x, s]),
            "mean": lambda x, s: function([s, x]),
            "dot": lambda x, s: function([x, s], [s, s]),
        }
        call = calls.get(name, function)
        found = call(number, scalar)
        assert type(found) is type(number)
        assert float(found) == call(3.0, 1.0)

    def test_as_data(self, scalar):
        v = Value(scalar)
        assert (v.data, type(v.data)) == (1.0, float)
        v.data = scalar
        assert type(v.data) is float
        (v * 2.0).backward(scalar)
        assert v.grad == 2.0
        assert type(autodiff.exp(scalar)) is float

    def test_as_arguments_of_transforms(self, scalar):
        def cube(x):
            return x**3

        assert grad(cube)(scalar) == derivative(cube)(scalar) == jacobian(cube)(scalar) == 3.0
        assert hessian(cube)(scalar) == 6.0
        assert grad(lambda v: cube(v[0]))([scalar]) == [3.0]
        assert jvp(cube, (scalar,), (scalar,)) == (1.0, 3.0)
        assert vjp(cube, scalar)[1](scalar) == (3.0,)
        assert value_and_grad(lambda x: scalar)(2.0) == (1.0, 0.0)
        assert autodiff.compile(cube)(scalar) == autodiff.compile(lambda x: scalar)(2.0) == 1.0
        assert autodiff.check_grads(cube, scalar).rows[0].computed == 3.0

    @pytest.mark.parametrize("kind", ["int64", "uint8", "int32"])
    def test_as_positions_and_orders(self, kind):
        one = getattr(pytest.importorskip("numpy"), kind)(1)

        def f(x, y):
            return x * y**2

        assert grad(f, one)(2.0, 3.0) == jacobian(f, one)(2.0, 3.0) == 12.0
        assert grad(f, [one, 0])(2.0, 3.0) == (12.0, 9.0)
        assert value_and_grad(f, (one,))(2.0, 3.0) == (18.0, (12.0,))
        assert hessian(f, one)(2.0, 3.0) == 4.0
        assert derivative(lambda x: x**3, one + one)(2.0) == 12.0
        assert autodiff.compile(f, argnums=one).grad(2.0, 3.0) == 12.0
        assert autodiff.compile(f).grad(2.0, 3.0, argnums=one) == 12.0
        assert autodiff.compile(f).value_and_grad(2.0, 3.0, argnums=[one, 0]) == (18.0, (12.0, 9.0))
        assert autodiff.compile(lambda x, n: x * n, static_argnums=one)(2.0, 3) == 6.0
        assert autodiff.compile(f, cache_size=one)(2.0, 3.0) == 18.0

    def test_bool_is_no_position(self):
        numpy = pytest.importorskip("numpy")
        for k in (numpy.bool_(True), numpy.float64(1.0), numpy.array([0])):
            with pytest.raises(TypeError, match="argnums takes an int"):
                grad(lambda x: x, k)(1.0)
        with pytest.raises(TypeError, match="an int, got"):
            derivative(autodiff.sin, numpy.float64(1.0))

    def test_other_types_are_refused_as_before(self):
        numpy = pytest.importorskip("numpy")
        for x in (numpy.complex128(1.0), numpy.str_("1"), numpy.datetime64("2020-01-01"), 1j, "1", None):
            with pytest.raises(TypeError, match="expected a real number, got"):
                Value(x)


class TestFormat:
    @pytest.mark.parametrize("spec", [".3f", "8.2e", ">12", "g", "+.1%", ",.2f"])
    def test_as_a_float(self, spec):
        x = Value(1234.56789)
        for number in (x, Dual(1, 1234.56789, 1.0), Dual(2, Dual(1, x, 1.0), 0.0)):
            assert format(number, spec) == format(1234.56789, spec)
        assert f"{x * 2:.3f}" == "2469.136"

    def test_without_a_specification(self):
        assert f"{Value(2.0)}" == str(Value(2.0)) == "Value(data=2.0, grad=0.0)"
        assert f"{Dual(1, 2.0, 1.0)}" == repr(Dual(1, 2.0, 1.0))
        with pytest.raises(ValueError, match="format code"):
            f"{Value(2.0):d}"

    def test_refused_while_recorded(self):
        def shown(x):
            assert f"{x:.3f}"
            return x

        for program in (autodiff.compile(shown), autodiff.compile(lambda x: jvp(shown, (x,), (1.0,))[1])):
            with pytest.raises(autodiff.TraceError):
                program(2.0)
        assert grad(shown)(2.0) == derivative(shown)(2.0) == 1.0


class TestHints:
    @pytest.mark.parametrize(
        ("name", "hint"),
        [
            ("item", r"\.data"),
            ("numpy", r"\.data"),
            ("backwards", r"\.backward\(\)"),
            ("bacward", r"\.backward\(\)"),
            ("gradient", r"\.grad"),
            ("zero_grads", r"\.zero_grad\(\)"),
            ("requires_grad", "detach"),
            ("_prev", "operands"),
        ],
    )
    def test_of_a_value(self, name, hint):
        with pytest.raises(AttributeError, match=rf"'Value' object has no attribute '{name}'; .*{hint}") as caught:
            getattr(Value(2.0), name)
        assert caught.value.name == name
        assert not hasattr(Value(2.0), name)
        assert not hasattr(Value, name)

    def test_of_what_is_set(self):
        with pytest.raises(AttributeError, match="no_grad"):
            Value(2.0).requires_grad = False

    @pytest.mark.parametrize("name", ["backward", "grad", "zero_grad"])
    def test_of_a_number_in_forward_mode(self, name):
        with pytest.raises(AttributeError, match=f"'Dual' object has no attribute '{name}'; inside jvp, .* call grad"):
            jvp(lambda x: getattr(x, name), (2.0,), (1.0,))

    def test_the_item_of_either(self):
        for number in (Value(2.0), Dual(1, 2.0, 1.0)):
            with pytest.raises(AttributeError, match=r"the number is \.data, or float\(\) of it"):
                number.item()

    def test_names_that_are_there_are_no_hints(self):
        from autodiff.show.hints import OF_DUALS, OF_VALUES, Hint

        for kind, names in ((Value, OF_VALUES), (Dual, OF_DUALS)):
            assert all(isinstance(vars(kind)[name], Hint) for name in names)
