"""Operations of the user's own: computed, drawn, differentiated twice, copied and pickled like those of the table."""

from __future__ import annotations

import copy
import math
import pickle

import mpmath
import pytest

import autodiff
from autodiff import Value, define, grad_graph
from autodiff.operation import OPERATIONS


@pytest.fixture(autouse=True)
def table_is_left_as_it_was():
    names, attributes = set(OPERATIONS), set(dir(Value))
    yield
    for name in set(OPERATIONS) - names:
        del OPERATIONS[name]
    assert set(dir(Value)) == attributes, "Value got no method"


def lambert():
    """Lambert's W, by Newton's iteration."""

    def value(a):
        w = math.log1p(a)
        for _ in range(50):
            w -= (w * math.exp(w) - a) / (math.exp(w) * (1.0 + w))
        return w

    return define("lambertw", value, lambda y, a: 1 / (autodiff.exp(y) * (1 + y)), domain=(-1 / math.e, math.inf))


class TestUnary:
    @pytest.mark.parametrize("at", [-0.2, 0.5, 3.0, 1e3])
    def test_value_gradient_and_second_derivative(self, at):
        W = lambert()
        x = Value(at)
        y = W(x)
        first = grad_graph(y, x)
        second = grad_graph(first, x)
        y.backward()
        true = mpmath.taylor(mpmath.lambertw, at, 2)
        assert y.data == W(at) == pytest.approx(float(true[0]), rel=1e-14)
        assert x.grad == first.data == pytest.approx(float(true[1]), rel=1e-13)
        assert second.data == pytest.approx(2 * float(true[2]), rel=1e-12)
        assert y.op is W
        assert y.operands == (x,)

    def test_it_is_in_the_table_by_name(self):
        W = lambert()
        assert OPERATIONS["lambertw"] is W
        assert repr(W) == "<operation lambertw>"
        assert W.domain == ((-1 / math.e, math.inf),)
        assert pickle.loads(pickle.dumps(W)) is W

    def test_on_plain_numbers_of_any_kind(self):
        double = define("double", lambda a: 2 * a, 2)
        y = double(3)
        assert type(y) is float
        assert y == 6.0

    def test_a_constant_partial(self):
        double = define("double", lambda a: 2 * a, 2)
        x = Value(3.0)
        (double(x) * x).backward()
        assert x.grad == 12.0
        assert grad_graph(grad_graph(double(x) * x, x), x).data == 4.0

    def test_a_partial_that_is_zero(self):
        floor = define("floor", math.floor, [None], singular=lambda a: a - round(a))
        x = Value(2.5)
        y = floor(x)
        assert type(y.data) is float
        (y * x).backward()
        assert x.grad == 2.0

    def test_as_a_decorator(self):
        @define("cube", partials=lambda y, a: 3 * a**2, label="{0}^3")
        def cube(a):
            """Third power."""
            return a * a * a

        x = Value(2.0)
        assert grad_graph(cube(x), x).data == 12.0
        assert cube.__doc__ == "Third power."
        assert cube.__name__ == "cube"
        assert cube.label == "{0}^3"

    def test_in_no_grad_and_in_strict_mode(self):
        root = define("root", lambda a: math.sqrt(a) if a >= 0 else math.nan, lambda y, a: 0.5 / y)
        with autodiff.no_grad():
            assert root(Value(4.0)).op is None
        with autodiff.strict(), pytest.raises(autodiff.NonFiniteError, match=r"root\(x\) gave nan at x = -1.0"):
            root(Value(-1.0, "x"))


class TestBinary:
    def agm(self):
        return define(
            "blend",
            lambda a, b: math.log(math.exp(a) + 2 * math.exp(b)),
            (lambda y, a, b: autodiff.exp(a - y), lambda y, a, b: 2 * autodiff.exp(b - y)),
        )

    def test_gradients_and_second_derivatives(self):
        op = self.agm()
        a, b = Value(0.3), Value(-0.8)
        y = op(a, b)
        y.backward()
        share = math.exp(0.3) / (math.exp(0.3) + 2 * math.exp(-0.8))
        assert a.grad == pytest.approx(share, rel=1e-14)
        assert b.grad == pytest.approx(1 - share, rel=1e-14)
        first = grad_graph(y, a)
        assert [s.data for s in grad_graph(first, [a, b])] == pytest.approx(
            [share * (1 - share), -share * (1 - share)], rel=1e-13
        )

    def test_constants_on_either_side(self):
        op = self.agm()
        for y, operands in ((op(Value(1.0), 2), (1.0, 2.0)), (op(1, Value(2.0)), (1.0, 2.0))):
            assert y.data == op(1.0, 2.0) == op(*operands)
            y.backward()
        assert type(op(1.0, 2.0)) is float

    def test_other_operands_are_refused(self):
        op = self.agm()
        with pytest.raises(TypeError, match="str"):
            op(Value(1.0), "1")
        with pytest.raises(TypeError, match="complex"):
            op(1j, 1.0)


class TestGraphs:
    def test_copied_and_pickled(self):
        W = lambert()
        x = Value(2.0, "x")
        y = W(x) * x
        for twin in (copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
            leaf = next(p for p in twin.operands if p.label == "x")
            twin.backward()
            w = float(mpmath.lambertw(2).real)
            assert leaf.grad == pytest.approx(w + w / (1 + w), rel=1e-13)

    def test_a_pickle_needs_the_definition(self):
        saved = pickle.dumps(lambert()(Value(2.0)))
        del OPERATIONS["lambertw"]
        with pytest.raises(KeyError, match="lambertw"):
            pickle.loads(saved)

    def test_refreshed(self):
        W = lambert()
        x = Value(2.0)
        y = W(x)
        x.data = math.e
        assert y.refresh().data == pytest.approx(1.0, rel=1e-15)

    def test_drawn(self):
        pytest.importorskip("graphviz")
        cube = define("cube", lambda a: a**3, lambda y, a: 3 * a**2, label="{0}^3")
        x = Value(2.0, "x")
        y = cube(x)
        y.label = "y"
        assert "y = x^3" in autodiff.draw_forward(y).source
        assert "dy/dx = 1*12 = 12" in autodiff.draw_backward(y).source


class TestRefusals:
    def test_a_name_that_is_taken(self):
        before = OPERATIONS["exp"]
        with pytest.raises(ValueError, match="'exp' already"):
            define("exp", math.exp, lambda y, a: y)
        assert OPERATIONS["exp"] is before
        assert Value(0.0).exp().op is before

    @pytest.mark.parametrize("name", ["", "my op", "1st", "lambda", "a.b", "{0}", None, 3])
    def test_a_name_that_is_none(self, name):
        with pytest.raises(ValueError, match="identifier"):
            define(name, math.exp, 1.0)

    def test_a_name_of_an_attribute_breaks_nothing(self):
        data = define("data", lambda a: a + 1, 1.0)
        assert data(Value(1.0)).data == 2.0

    @pytest.mark.parametrize("partials", [(), [], [1.0] * 3])
    def test_too_few_or_many_partials(self, partials):
        with pytest.raises(ValueError, match="one partial or two"):
            define("other", math.exp, partials)

    @pytest.mark.parametrize("partials", [None, "y", [1j], ["y"]])
    def test_partials_of_a_wrong_kind(self, partials):
        with pytest.raises(TypeError):
            define("other", math.exp, partials)

    @pytest.mark.parametrize("domain", [(1.0, 0.0), ((0.0, 1.0), (0.0, 1.0)), (0.0, 1.0, 2.0), ((0.0, math.nan),)])
    def test_a_domain_that_does_not_fit(self, domain):
        with pytest.raises(ValueError, match="domain"):
            define("other", math.exp, 1.0, domain=domain)

    @pytest.mark.parametrize("label", ["exp", "{1}", "{", "{x}"])
    def test_a_label_that_does_not_fit(self, label):
        with pytest.raises(ValueError, match="label"):
            define("other", math.exp, 1.0, label=label)

    def test_a_value_that_is_no_function(self):
        with pytest.raises(TypeError, match="function of floats"):
            define("other", 3.0, 1.0)

    def test_nothing_is_left_of_a_failed_definition(self):
        for call in (lambda: define("other", 3.0, 1.0), lambda: define("other", math.exp, 1.0, label="{")):
            with pytest.raises((TypeError, ValueError)):
                call()
        assert "other" not in OPERATIONS

    def test_a_value_that_is_not_real(self):
        power = define("power", lambda a: a**0.5, lambda y, a: 0.5 / y)
        assert power(Value(4.0)).data == 2.0
        with pytest.raises(TypeError, match="complex"):
            power(Value(-4.0))


def test_a_formula_is_the_label_unless_given():
    assert define("thrice", lambda a: 3.0 * a, 3.0, label="3 * {0}").formula == "3 * a"
    assert define("plus", lambda a, b: a + b, (1.0, 1.0), formula="b + a").formula == "b + a"
