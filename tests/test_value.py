"""A Value among Python's numbers: conversions, comparisons, identity, operators."""

from __future__ import annotations

import builtins
import math
from decimal import Decimal
from fractions import Fraction

import pytest

import autodiff
from autodiff import Value
from autodiff.value import parameter, write


def test_a_leaf():
    x = Value(3)
    assert type(x.data) is float
    assert (x.data, x.grad, x.label, x.op, x.operands, x.scope, x.role) == (3.0, 0.0, "", None, (), (), "input")


def test_a_node():
    x, y = Value(3.0), Value(4.0)
    z = x * y
    assert (z.data, z.grad, z.operands, z.role) == (12.0, 0.0, (x, y), "operation")
    assert z.op is autodiff.mul
    assert (2 * x).operands == (2.0, x)
    assert (x * 2).operands == (x, 2.0)
    assert autodiff.dot([x, y], [1, 2]).operands[:2] == (x, y)


def test_repr():
    x = Value(3)
    assert repr(x) == "Value(data=3.0, grad=0.0)"
    (x * x).backward()
    assert repr(x) == "Value(data=3.0, grad=6.0)"
    assert repr(Value(0.1, label="rate")) == "Value(data=0.1, grad=0.0, label='rate')"
    assert repr(Value(math.nan)) == "Value(data=nan, grad=0.0)"


def test_labels():
    x = Value(1.0, "x")
    y = x + 1.0
    assert (x.label, y.label) == ("x", "")
    y.label = "y"
    z = Value(2.0)
    assert (x.label, y.label, z.label) == ("x", "y", ""), "a label belongs to one node"
    y.label = ""
    assert y.label == ""
    with pytest.raises(TypeError, match="int"):
        x.label = 5
    with pytest.raises(TypeError, match="int"):
        Value(1.0, 5)


def test_a_parameter():
    w = parameter(2, "w")
    assert (w.data, w.label, w.role) == (2.0, "w", "parameter")
    w.label = "weight"
    assert (w.label, w.role) == ("weight", "parameter")
    w.data = 3
    assert (w.data, w.label, w.role) == (3.0, "weight", "parameter")


@pytest.mark.parametrize("number", [True, 2, 2.5, Fraction(1, 4)])
def test_data_of_every_real_kind(number):
    x = Value(number)
    assert type(x.data) is float
    assert x.data == float(number)
    x.data = number
    assert type(x.data) is float
    x.data += 1
    assert x.data == float(number) + 1.0


@pytest.mark.parametrize("wrong", [Decimal(1), 1j, "1", None, [1.0], b"1"], ids=repr)
def test_data_of_other_kinds(wrong):
    with pytest.raises(TypeError, match=type(wrong).__name__):
        Value(wrong)
    x = Value(1.0)
    y = x * x
    with pytest.raises(TypeError, match=type(wrong).__name__):
        x.data = wrong
    y.backward()
    assert (x.data, x.grad) == (1.0, 2.0), "a refused number changes nothing"


def test_a_value_of_a_value():
    with pytest.raises(TypeError, match="Value"):
        Value(Value(1.0))
    with pytest.raises(TypeError, match="Value"):
        Value(1.0).data = Value(2.0)


def test_an_int_too_large():
    huge = 10**400
    x = Value(1.0)
    for call in (lambda: Value(huge), lambda: x + huge, lambda: huge * x, lambda: x**huge):
        with pytest.raises(OverflowError):
            call()
    with pytest.raises(OverflowError):
        x.data = huge
    assert x.data == 1.0
    assert x < huge, "comparing converts nothing"


def test_equality_is_that_of_the_data_and_hash_that_of_identity():
    a, b = Value(1.0), Value(1.0)
    assert a == a
    assert a == b
    assert a == 1.0
    assert len({a, b, a}) == 2
    before = hash(a)
    a.data = 2.0
    assert hash(a) == before
    assert a != b
    assert [a, b].index(b) == 1


def test_comparisons_by_data():
    a, b = Value(1.0), Value(2.0)
    assert a < b
    assert a <= b
    assert b > a
    assert b >= a
    assert a <= Value(1.0)
    assert a >= 1
    assert a < 1.5
    assert a < 1.5
    assert 0 < a <= Fraction(1)
    assert not a < math.nan
    assert not a >= Value(math.nan)
    assert max(a, b) is b
    assert min(b, a) is a
    assert sorted([b, a]) == [a, b]
    for wrong in ("1", None, 1j):
        with pytest.raises(TypeError):
            a < wrong  # noqa: B015


def test_python_numbers():
    x = Value(-2.5)
    assert (float(x), int(x), bool(x), round(x), round(x, 1)) == (-2.5, -2, True, -2, -2.5)
    assert type(round(x)) is int
    assert type(round(x, 1)) is float
    assert (math.floor(x), math.ceil(x), math.trunc(x)) == (-3, -2, -2)
    assert math.sin(x) == math.sin(-2.5)
    assert math.hypot(x, 1.0) == math.hypot(2.5, 1.0)
    assert math.isfinite(x)
    assert not Value(0.0)
    assert complex(x) == -2.5
    assert f"{float(x):.1f}" == "-2.5"
    with pytest.raises(ValueError, match="NaN"):
        int(Value(math.nan))
    with pytest.raises(OverflowError):
        math.floor(Value(math.inf))


def test_signs():
    x = Value(-2.0)
    assert +x is x
    y = -x
    assert (y.data, y.op) == (2.0, autodiff.neg)
    assert abs(x).data == 2.0
    assert abs(x).op is autodiff.abs


def test_assignment_operators_rebind():
    x = old = Value(1.0)
    x += 1
    assert x is not old
    assert (old.data, old.op, x.data, x.operands) == (1.0, None, 2.0, (old, 1.0))
    x *= x
    x -= 1
    x /= 2
    x **= 2
    x.backward()
    assert x.data == 2.25
    assert old.grad == pytest.approx(2 * 1.5 * 2.0)  # ((u**2 - 1) / 2)**2 at u = old + 1


def test_builtin_sum_works_on_values():
    xs = [Value(1.0), Value(2.0)]
    total = builtins.sum(xs)
    assert total.data == 3.0
    total.backward()
    assert [x.grad for x in xs] == [1.0, 1.0]
    assert builtins.sum(xs, Value(0.0)).data == 3.0


def test_a_negative_base_is_never_complex():
    y = Value(-8.0) ** (1 / 3)
    assert type(y.data) is float
    assert math.isnan(y.data)
    assert math.isnan(((-8.0) ** Value(1 / 3)).data)
    assert ((-8.0) ** Value(3)).data == -512.0
    assert (2 ** Value(3.0)).data == 8.0


def test_operators_that_there_are_not():
    x = Value(5.0)
    for call in (lambda: x % 2, lambda: x // 2, lambda: divmod(x, 2), lambda: x @ x, lambda: pow(x, 2, 3)):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(TypeError):
        x["a"]
    with pytest.raises(TypeError):
        len(x)
    with pytest.raises(AttributeError):
        x.misspelt = 1.0
    with pytest.raises(AttributeError):
        x.exponential()


def test_detach():
    x = Value(2.0, "x")
    y = x * x
    y.label = "y"
    z = y.detach()
    assert (z.data, z.grad, z.op, z.operands, z.label) == (4.0, 0.0, None, (), "y")
    (z * x).backward()
    assert x.grad == 4.0
    assert y.grad == 0.0
    z.data = 1.0
    y.backward()
    assert x.grad == 8.0


def test_several_leaves_are_written_as_each_by_itself():
    with autodiff.scope("inner"):
        leaves = [Value(1.0), Value(2.0), parameter(3.0, "w"), Value(4.0, "labelled")]
    leaves.append(Value(5.0))
    results = [2.0 * v for v in leaves]
    before = [(v.scope, v.label, v.role) for v in leaves]
    write(leaves[1:], [20, 30.0, Fraction(81, 2), 50.0])
    assert [v.data for v in leaves] == [1.0, 20.0, 30.0, 40.5, 50.0]
    assert [(v.scope, v.label, v.role) for v in leaves] == before
    results[0].backward()
    for y in results[1:]:
        with pytest.raises(autodiff.StaleGraphError):
            y.backward()
    leaves[1].label = "one"  # and no other
    assert [v.label for v in leaves] == ["", "one", "w", "labelled", ""]


def test_only_leaves_are_written():
    x = Value(1.0)
    with pytest.raises(autodiff.GraphError, match="computed by"):
        write([x, x + 1.0], [2.0, 3.0])
    with pytest.raises(TypeError):
        write([x], ["2"])
    with pytest.raises(autodiff.TraceError):
        autodiff.compile(lambda y: write([x], [1.0]))(1.0)
