"""Transforms and what is around them: `.grad` of others, graphs that went stale, Values among the arguments."""

from __future__ import annotations

import copy
import math
import pickle
import threading
from array import array
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff
import nn
from autodiff import Value, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from nn.optim import SGD


class TestBackwardInside:
    """What a function does to `.grad` is its own business: transforms neither read nor write any."""

    def test_backward_of_another_number(self):
        assert grad(lambda t: ((t * t).backward(), t**3)[1])(2.0) == 12.0
        assert value_and_grad(lambda t: ((t * t).backward(), t**3)[1])(2.0) == (8.0, 12.0)

    def test_backward_of_the_result_itself(self):
        def function(t):
            y = t**3
            y.backward()
            return y

        assert grad(function)(2.0) == 12.0
        assert grad(grad(function))(2.0) == 12.0

    def test_backward_by_what_the_result_does_not_depend_on(self):
        assert grad(lambda v: ((v[1] * v[1]).backward(), v[0] ** 2)[1])([1.0, 2.0]) == [2.0, 0.0]

    def test_first_order_maml(self):
        def outer(w):
            ((w - 1.0) ** 2).backward()
            return (w - 0.1 * w.grad) ** 2  # a step down the inner slope, which is a number here

        w = 3.0
        assert grad(outer)(w) == pytest.approx(2.0 * (w - 0.1 * 2.0 * (w - 1.0)), rel=1e-15)
        assert grad(outer)(w) == grad(outer)(w)

    def test_an_inner_descent_of_parameters(self):
        p = Value(1.0)
        p.grad = 5.0

        def function(t):
            descent = SGD([p], lr=0.1)
            p.data = 1.0
            descent.zero_grad()
            ((p - t) ** 2).backward()
            descent.step()
            return (p * t) ** 2

        # One step from 1 gives 1 - 0.2 (1 - t), a constant to the differentiation.
        assert grad(function)(3.0) == pytest.approx(2.0 * 3.0 * 1.4**2, rel=1e-14)
        assert p.grad == pytest.approx(2.0 * (1.0 - 3.0))

    def test_what_was_swept_inside_keeps_its_gradient(self):
        kept = []

        def function(t):
            kept.append(t)
            y = t * t
            y.backward()
            t.grad = t.grad + 0.5
            kept.append(y)
            return y * t

        assert grad(function)(2.0) == 12.0
        assert [v.grad for v in kept] == [4.5, 1.0]

    def test_a_slot_that_holds_no_number(self):
        def function(t):
            t.grad = None
            return t**3

        assert grad(function)(2.0) == 12.0

    def test_an_error_midway_leaves_the_gradients(self, monkeypatch):
        def wrong(y, a):
            raise ZeroDivisionError

        monkeypatch.setattr(autodiff.exp, "da", wrong)
        kept = []

        def function(t):
            kept.append(t)
            (t * t).backward()
            return autodiff.exp(t) * t

        with pytest.raises(ZeroDivisionError):
            grad(function)(2.0)
        assert kept[0].grad == 4.0

    @pytest.mark.parametrize(
        "transform",
        [
            lambda f: jacobian(f),
            lambda f: lambda x: vjp(f, x)[1](1.0)[0],
            lambda f: lambda x: hessian(lambda t: f(t) * 0.5 * t)(x) / x,
        ],
    )
    def test_other_transforms(self, transform):
        def function(t):
            if isinstance(t, Value):
                (t * t).backward()
            return t**3

        assert transform(function)(2.0) == 12.0

    def test_several_threads_at_once(self):
        def function(t):
            for _ in range(50):
                (t * t).backward()
            return t**3

        found = []
        threads = [threading.Thread(target=lambda: found.append(grad(function)(2.0))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [12.0] * 8

    def test_minimize(self):
        seen = []

        def function(w):
            seen.append(w.grad)
            ((w - 1.0) ** 2).backward()
            return (w - 6.0) ** 2

        plain = nn.minimize(lambda w: (w - 6.0) ** 2, 23.0, steps=20)
        way = nn.minimize(function, 23.0, steps=20)
        assert way.points == plain.points
        assert way.gradient_norms == plain.gradient_norms
        assert set(seen) == {0.0}

    def test_minimize_leaves_gradients_around_the_function(self):
        a = Value(6.0)
        a.grad = 7.0
        way = nn.minimize(lambda w: (w - a) ** 2, 23.0, steps=200)
        assert way.x == pytest.approx(6.0, abs=1e-5)
        assert a.grad == 7.0


def product(w, x):
    return w * x * x


STALE = {
    "grad": lambda f: grad(f)(1.5),
    "value_and_grad": lambda f: value_and_grad(f)(1.5),
    "value_and_grad, by another number": lambda f: value_and_grad(lambda x: (x, f(x)), has_aux=True)(1.5),
    "aux in a structure": lambda f: grad(lambda x: (x, {"y": [f(1.0), "text"]}), has_aux=True)(1.5),
    "jvp": lambda f: jvp(f, (1.5,), (1.0,)),
    "jvp of a Value": lambda f: jvp(f, (Value(1.5),), (1.0,)),
    "jvp of what does not depend": lambda f: jvp(lambda x: [x, f(1.0)], (1.5,), (1.0,)),
    "jvp of grad": lambda f: jvp(grad(f), (1.5,), (1.0,)),
    "vjp": lambda f: vjp(f, 1.5),
    "vjp, one of two": lambda f: vjp(lambda x: [x, f(x)], 1.5),
    "jacobian": lambda f: jacobian(f)(1.5),
    "jacobian in reverse": lambda f: jacobian(lambda v: f(v[0]) + v[1])([1.5, 2.0]),
    "jacobian of a Value": lambda f: jacobian(f)(Value(1.5)),
    "hessian": lambda f: hessian(f)(1.5),
    "hvp": lambda f: hvp(f, (1.5,), (1.0,)),
    "derivative": lambda f: autodiff.derivative(f)(1.5),
    "third derivative": lambda f: autodiff.derivative(f, 3)(1.5),
    "in a derivative": lambda f: grad(lambda x: x * autodiff.derivative(f)(x))(1.5),
    "in a derivative, of a number": lambda f: autodiff.derivative(lambda x: x * autodiff.derivative(f)(1.5))(1.5),
    "in no_grad": lambda f: autodiff.no_grad()(lambda: jvp(f, (1.5,), (1.0,)))(),
    "compile": lambda f: autodiff.compile(f)(1.5),
    "compile, grad": lambda f: autodiff.compile(f).grad(1.5),
    "compile, hessian": lambda f: autodiff.compile(f).hessian(1.5),
    "compile, a batch": lambda f: autodiff.compile(f, in_axes=0)(array("d", [1.5, 2.0])),
    "compile, a constant": lambda f: autodiff.compile(lambda x: f(1.0))(1.5),
    "check_grads": lambda f: autodiff.check_grads(f, 1.5, order=1),
    "minimize": lambda f: nn.minimize(f, 1.5, steps=2),
}


class TestStaleGraphs:
    """A graph whose leaf changed is used by no way of differentiating or compiling a function."""

    @pytest.mark.parametrize("name", STALE)
    @pytest.mark.parametrize("depth", [1, 3])
    def test_all_refuse(self, name, depth):
        leaf = Value(3.0)
        node = leaf * 2.0
        for _ in range(depth - 1):
            node = node.tanh() + 1.0
        leaf.data = 5.0
        with pytest.raises(autodiff.StaleGraphError, match="changed after this graph was built"):
            STALE[name](lambda x: product(node, x))

    @pytest.mark.parametrize("name", STALE)
    def test_fresh_again_after_a_refresh(self, name):
        leaf = Value(3.0)
        node = leaf * 2.0
        leaf.data = 5.0
        node.refresh()
        STALE[name](lambda x: product(node, x))

    def test_a_leaf_that_is_written_inside(self):
        w = Value(3.0)

        def function(x):
            node = w * 2.0
            w.data = 5.0
            return node * x

        for transform in (grad, jacobian, autodiff.derivative):
            with pytest.raises(autodiff.StaleGraphError):
                transform(function)(1.0)

    def test_a_leaf_that_is_written_before_the_pullback(self):
        w, other = Value(3.0), Value(1.0)
        _, pullback = vjp(lambda x: product(w, x), 2.0)
        other.data = 2.0
        assert pullback(1.0) == (12.0,)
        w.data = 5.0
        with pytest.raises(autodiff.StaleGraphError):
            pullback(1.0)

    @pytest.mark.parametrize("mode", ["__call__", "grad", "value_and_grad", "hessian"])
    def test_a_program_whose_captured_node_goes_stale(self, mode):
        w = Value(3.0)
        node = w * 2.0
        program = getattr(autodiff.compile(lambda x: product(node, x)), mode)
        before = program(1.5)
        w.data = 5.0
        with pytest.raises(autodiff.StaleGraphError):
            program(1.5)
        node.refresh()
        after = program(1.5)
        scale = 5.0 / 3.0
        assert after == (
            tuple(scale * x for x in before) if isinstance(before, tuple) else pytest.approx(scale * before)
        )

    def test_a_program_in_a_batch_whose_captured_node_goes_stale(self):
        w = Value(3.0)
        node = (w * 2.0).exp()
        program = autodiff.compile(lambda x: node * x, in_axes=0)
        program(array("d", [1.0, 2.0]))
        w.data = 5.0
        with pytest.raises(autodiff.StaleGraphError):
            program(array("d", [1.0, 2.0]))

    def test_leaves_are_read_anew(self):
        w = Value(3.0)
        program = autodiff.compile(lambda x: product(w, x))
        assert program(2.0) == 12.0
        w.data = 5.0
        assert program(2.0) == 20.0

    def test_a_graph_that_is_compiled(self):
        x, w = Value(2.0), Value(3.0)
        y = (w * 2.0) * x
        program = y.compile([x])
        assert program(4.0) == 24.0
        w.data = 5.0
        assert program(4.0) == 40.0  # other leaves of such a graph are inputs, too
        with pytest.raises(autodiff.StaleGraphError):
            y.compile([x])
        assert y.refresh().compile([x])(4.0) == 40.0

    def test_a_module_that_computed_with_its_parameters_too_early(self):
        class Early(nn.Module):
            def __init__(self):
                self.w = autodiff.value.parameter(0.5)
                self.doubled = self.w * 2.0

            def __call__(self, x):
                return self.doubled * x[0]

        step = nn.compile(Early(), nn.losses.mse)
        with pytest.raises(TypeError, match="compute it inside"):
            step([[1.0]], [1.0])
        with pytest.raises(autodiff.StaleGraphError):  # by graphs, then: as a loop by hand does at the second step
            nn.fit(Early(), ([[1.0], [2.0]], [1.0, 2.5]), loss=nn.losses.mse, epochs=3)


# -- Of what kind the results are -----------------------------------------------------------------------------------

KINDS = {
    "grad": lambda f, x, y: grad(f)(x, y),
    "grad by both": lambda f, x, y: grad(f, (0, 1))(x, y),
    "grad by name": lambda f, x, y: grad(lambda x, *, y: f(x, y))(x, y=y),
    "value_and_grad": lambda f, x, y: value_and_grad(f, (1, 0))(x, y),
    "grad of a structure": lambda f, x, y: grad(lambda p: f(p["x"][0], p["y"]))({"x": [x], "y": y, "z": 3}),
    "grad, in a structure": lambda f, x, y: grad(lambda x, other: f(x, other[0]["y"]))(x, ({"y": y},)),
    "jvp": lambda f, x, y: jvp(f, (x, y), (1.0, 0.0)),
    "jvp along a Value": lambda f, x, y: jvp(f, (2.0, 3.0), (x, y)),
    "jvp of two": lambda f, x, y: jvp(lambda x, y: [f(x, y), x, 2, {"a": y}], (x, y), (1.0, 0.0)),
    "vjp": lambda f, x, y: (lambda value, pullback: [value, pullback(2.0)])(*vjp(f, x, y)),
    "vjp of a constant": lambda f, x, y: (lambda value, pullback: [value, pullback([1, 2])])(
        *vjp(lambda x, y: [1, f(x, y)], x, y)
    ),
    "pullback of a Value": lambda f, x, y: vjp(f, 2.0, 3.0)[1](x + y),
    "jacobian": lambda f, x, y: jacobian(lambda x, y: [f(x, y), 3.0, y], (0, 1))(x, y),
    "jacobian in reverse": lambda f, x, y: jacobian(lambda v: f(v[0], v[1]))([x, y, 1.0]),
    "hessian": lambda f, x, y: hessian(f, (0, 1))(x, y),
    "hessian of a structure": lambda f, x, y: hessian(lambda v: f(v[0], v[1]) + v[2])([x, y, 1.0]),
    "hvp": lambda f, x, y: hvp(f, (x, y), (1.0, 2)),
    "derivative": lambda f, x, y: autodiff.derivative(lambda x: [f(x, 2.0), 1.0])(x + y),
    "third derivative": lambda f, x, y: autodiff.derivative(lambda x: [f(x, 2.0), 1.0], 3)(x + y),
    "grad of grad": lambda f, x, y: grad(grad(f))(x, y),
    "grad of jvp": lambda f, x, y: grad(lambda x, y: jvp(f, (x, y), (1.0, 1.0))[1], (0, 1))(x, y),
    "jvp of grad": lambda f, x, y: jvp(grad(f), (x, y), (1.0, 1.0)),
    "in no_grad": lambda f, x, y: autodiff.no_grad()(lambda: [grad(f, (0, 1))(x, y), jvp(f, (x, y), (1.0, 1))])(),
    "of a compiled function": lambda f, x, y: autodiff.compile(f, argnums=(0, 1)).value_and_grad(x, y),
}

FUNCTIONS = {
    "a product": lambda x, y: x * y,
    "linear": lambda x, y: 3 * x,
    "the second": lambda x, y: y,
    "a constant": lambda x, y: 4,
    "a sum": lambda x, y: autodiff.sum([x, y, 1.0]),
    "smooth": lambda x, y: autodiff.sin(x) * y**2,
    "piecewise": lambda x, y: autodiff.relu(x) * autodiff.maximum(y, 2.0) + autodiff.where(x > y, x, y),
}

GIVEN = {
    "floats": (0.75, 1.5),
    "the first": (Value(0.75), 1.5),
    "the second": (0.75, Value(1.5)),
    "both": (Value(0.75), Value(1.5)),
    "computed": (Value(0.5) + 0.25, 1.5),
}


PARTS = [
    lambda a, b: a * b,
    lambda a, b: a - b,
    lambda a, b: autodiff.sin(a) * b,
    lambda a, b: autodiff.maximum(a, b),
    lambda a, b: autodiff.dot([a, b, 1.0], [b, a, a]),
    lambda a, b: autodiff.sum([a, b]),
    lambda a, b: 3.0,
    lambda a, b: a,
]

NESTED = [
    lambda f: grad(f),
    lambda f: grad(f, 1),
    lambda f: lambda x, y: jvp(f, (x, y), (1.0, y))[1],
    lambda f: lambda x, y: vjp(f, x, y)[1](x)[0],
    lambda f: jacobian(f),
    lambda f: hessian(f, 1),
    lambda f: lambda x, y: hvp(f, (x, y), (y, 1.0))[1],
    lambda f: lambda x, y: autodiff.derivative(lambda t: f(t, y))(x),  # y is not given to it, but to what stands around
    lambda f: autodiff.compile(f),
]


def inside(tree):
    """The numbers of nested results."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    return [x for part in tree for x in inside(part)] if isinstance(tree, (list, tuple)) else [tree]


class TestKinds:
    """Where an argument is a Value, every result is one; else every result is a float, if no Value is captured."""

    @pytest.mark.parametrize("given", GIVEN)
    @pytest.mark.parametrize("function", FUNCTIONS)
    @pytest.mark.parametrize("transform", KINDS)
    def test_every_result_is_of_the_kind_of_the_arguments(self, transform, function, given):
        args = GIVEN[given]
        found = inside(KINDS[transform](FUNCTIONS[function], *args))
        plain = inside(KINDS[transform](FUNCTIONS[function], *map(float, args)))
        assert {type(r) for r in plain} == {float}
        assert {type(r) for r in found} == {float if given == "floats" else Value}
        assert [float(r) for r in found] == pytest.approx(plain, rel=1e-14)
        assert all(math.copysign(1.0, float(r)) == math.copysign(1.0, p) for r, p in zip(found, plain) if p == 0.0)

    @pytest.mark.parametrize("seed", range(20))
    def test_random_nestings_are_connected_with_the_values_given(self, seed):
        """`backward` through a result is the transform's own derivative, whatever the function holds."""
        random = Random(seed)
        for _ in range(15):
            parts, nested, outer = random.choices(PARTS, k=3), random.choice(NESTED), random.choice(NESTED[:-2])

            def function(x, y, parts=parts, nested=nested):
                first, second, third = parts
                return third(nested(lambda a, b: first(second(a, b), b))(x, y), x)

            transformed = outer(function)
            at = [random.uniform(-2.0, 2.0) for _ in range(2)]
            plain = transformed(*at)
            assert type(plain) is float
            for valued in ((True, False), (False, True), (True, True)):
                given = [Value(x) if v else x for x, v in zip(at, valued)]
                found = transformed(*given)
                assert type(found) is Value
                assert found.data == pytest.approx(plain, rel=1e-12, abs=1e-12)
                found.backward()
                for k, v in enumerate(given):
                    if isinstance(v, Value):
                        assert v.grad == pytest.approx(grad(transformed, k)(*at), rel=1e-9, abs=1e-9)

    def test_what_an_enclosing_function_sees(self):
        """What depends on nothing is a Value there, too, as it is outside."""
        seen = []

        def function(x):
            seen.append(grad(lambda t: 3 * t)(x))
            return x * seen[-1]

        assert grad(function)(2.0) == 3.0
        assert hessian(lambda v: function(v[0]) + v[1])([2.0, 1.0]) == [[0.0, 0.0], [0.0, 0.0]]
        assert type(seen[0]) is Value

    def test_results_are_connected_with_every_value_given(self):
        x, y = Value(2.0), Value(3.0)
        grad(lambda x, y: x * x * y)(x, y).backward()
        assert (x.grad, y.grad) == (6.0, 4.0)
        y.zero_grad()
        grad(lambda x, y: x * x * y)(2.0, y).backward()
        assert y.grad == 4.0

    def test_values_in_arrays_of_objects(self):
        numpy = pytest.importorskip("numpy")
        w = Value(3.0)
        slope = grad(lambda x, weights: x * weights[0])(2.0, numpy.array([w, 1.0], dtype=object))
        slope.backward()
        assert w.grad == 1.0

    def test_structures_that_hold_themselves_or_are_deep(self):
        ring = [1.0]
        ring.append(ring)
        deep = [Value(3.0)]
        for _ in range(10_000):
            deep = [deep]
        assert grad(lambda x, other: x * other[0])(2.0, ring) == 1.0
        assert type(grad(lambda x, other: x)(2.0, deep)) is Value

    def test_aux_is_handed_through(self):
        flag = object()
        gradient, aux = grad(lambda x: (3 * x, {"n": 2, "y": x * x, "flag": flag}), has_aux=True)(Value(2.0))
        assert type(gradient) is type(aux["y"]) is Value
        assert type(aux["n"]) is int
        assert aux["flag"] is flag


# -- Values that a function captured ---------------------------------------------------------------------------------

CAPTURING = {
    "grad": lambda f: grad(f)(1.5),
    "grad of a structure": lambda f: grad(lambda p: f(p["a"][0]))({"a": [1.5, 2.0]}),
    "value_and_grad": lambda f: value_and_grad(f)(1.5),
    "aux": lambda f: grad(lambda x: (3.0 * x, f(x)), has_aux=True)(1.5),
    "value with aux": lambda f: value_and_grad(lambda x: (f(x), [x, x * x]), has_aux=True)(1.5),
    "jvp": lambda f: jvp(f, (1.5,), (1.0,)),
    "jvp of several": lambda f: jvp(lambda x: [f(x), x, 3.0], (1.5,), (1.0,)),
    "vjp": lambda f: vjp(f, 1.5)[0],
    "pullback": lambda f: vjp(f, 1.5)[1](2.0),
    "pullback of several": lambda f: vjp(lambda x: [x, f(x), 1.0], 1.5)[1]([1.0, 2.0, 3.0]),
    "jacobian": lambda f: jacobian(lambda x: [f(x), x])(1.5),
    "jacobian in reverse": lambda f: jacobian(lambda v: [v[1], f(v[0])])([1.5, 2.0, 3.0]),
    "hessian": lambda f: hessian(f)(1.5),
    "hessian of a structure": lambda f: hessian(lambda v: f(v[0]) * v[1])([1.5, 2.0]),
    "hvp": lambda f: hvp(f, (1.5,), (1.0,)),
    "derivative": lambda f: autodiff.derivative(f)(1.5),
    "third derivative": lambda f: autodiff.derivative(f, 3)(1.5),
    "grad of grad": lambda f: grad(grad(f))(1.5),
    "jvp of grad": lambda f: jvp(grad(f), (1.5,), (1.0,)),
    "grad of jvp": lambda f: grad(lambda x: jvp(f, (x,), (1.0,))[1])(1.5),
    "grad over grad": lambda f: grad(lambda x: x * grad(f)(2.0))(1.5),
    "jvp over grad": lambda f: jvp(lambda x: x * grad(f)(2.0), (1.5,), (1.0,)),
    "of a compiled function's argument": lambda f: grad(lambda x: autodiff.compile(f)(x))(1.5),
}


def cubic(w):
    return lambda x: w * x**3 + w * w * x


class TestCaptured:
    """A Value that was there before the call, and which the result depends on, stays connected with it."""

    @pytest.mark.parametrize("name", CAPTURING)
    @pytest.mark.parametrize("make", [lambda w: w, lambda w: (w * 2.0) / 2.0], ids=["a leaf", "a node"])
    def test_every_transform(self, name, make):
        transform = CAPTURING[name]
        w = Value(0.75)
        found = inside(transform(cubic(make(w))))
        assert {type(r) for r in found} == {Value}
        plain = inside(transform(cubic(0.75)))
        assert {type(r) for r in plain} == {float}
        assert [r.data for r in found] == pytest.approx(plain, rel=1e-14)
        autodiff.sum(found).backward()
        slope = grad(lambda w: autodiff.sum(inside(transform(cubic(w)))))(0.75)  # of the same, w being given
        assert w.grad == pytest.approx(slope, rel=1e-13)
        with autodiff.no_grad():
            quiet = inside(transform(cubic(make(w))))
        assert {type(r) for r in quiet} == {float}
        assert quiet == pytest.approx(plain, rel=1e-14)

    def test_the_case_of_a_product(self):
        x = Value(1.0)
        y = x * grad(lambda t: x * t)(1.0)
        y.backward()
        assert x.grad == 2.0

    def test_a_gradient_penalty(self):
        """PyTorch's `torch.func.grad` gives the same: d/dw (tanh(w x0) + 0.5 (w (1 - tanh(w x0)**2))**2)."""
        w, x0 = Value(0.8), 0.6

        def model(x):
            return autodiff.tanh(w * x)

        loss = model(x0) + 0.5 * grad(model)(x0) ** 2
        loss.backward()
        t = math.tanh(0.8 * x0)
        slope = 0.8 * (1.0 - t * t)
        assert w.grad == pytest.approx(
            x0 * (1.0 - t * t) + slope * ((1.0 - t * t) - 0.8 * 2.0 * t * x0 * (1.0 - t * t)), rel=1e-13
        )

    def test_a_penalty_on_the_slopes_of_a_network(self):
        model = nn.MLP(2, [3, 1], activation="tanh", seed=0)
        at = [0.5, -0.25]

        def loss():
            return model(at) ** 2 + 0.1 * autodiff.sum([g * g for g in grad(model)(at)])

        model.zero_grad()
        loss().backward()
        for p in model.parameters():
            value, gradient = p.data, p.grad
            ends = []
            for step in (1e-5, -1e-5):
                p.data = value + step
                ends.append(float(loss()))
            p.data = value
            assert gradient == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5, abs=1e-9)

    def test_a_model_by_hand_is_trained_through_its_slope(self):
        w = Value(0.5)
        for _ in range(200):
            w.zero_grad()
            ((grad(lambda t: w * t * t)(1.5) - 6.0) ** 2).backward()
            w.data = w.data - 0.05 * w.grad
        assert w.data == pytest.approx(2.0)

    def test_captured_at_each_level(self):
        a, b = Value(0.5), Value(2.0)
        y = grad(lambda x: a * x * jvp(lambda t: b * t * t * x, (3.0,), (1.0,))[1])(1.5)  # d/dx of 6 a b x**2
        y.backward()
        assert (y.data, a.grad, b.grad) == (18.0, 36.0, 9.0)
        y = jvp(lambda x: a * grad(lambda t: b * t * t * x)(3.0), (1.5,), (1.0,))[1]
        a.grad = b.grad = 0.0
        y.backward()
        assert (y.data, a.grad, b.grad) == (6.0, 12.0, 3.0)

    def test_constant_to_the_transform(self):
        w = Value(2.0)
        assert grad(lambda x: w * x)(w).data == 2.0
        assert w.grad == 0.0

    @pytest.mark.parametrize("name", CAPTURING)
    def test_what_the_function_makes_turns_nothing_into_values(self, name):
        w = autodiff.value.parameter(0.75, "w")
        copied = autodiff.tanh(w)

        def makes(x):
            total = Value(0.0, label="total") + autodiff.value.parameter(0.0)
            with autodiff.no_grad():
                half = w * 0.5
            own = copy.deepcopy(w)
            other = copy.copy(copied).detach() * 0.0
            named = w.detach()
            named.label = "named"
            named.data = named.data + 0.0
            return cubic(named)(x) + total + half * 0.0 + own * 0.0 + other + pickle.loads(pickle.dumps(w)) * 0.0

        found = inside(CAPTURING[name](makes))
        assert {type(r) for r in found} == {float}

    def test_leaves_that_the_function_makes_keep_their_gradients(self):
        made = []

        def function(x):
            made.append(Value(2.0))
            (made[-1] * 3.0).backward()
            return made[-1] * x * x

        assert grad(function)(1.5) == 6.0
        assert [v.grad for v in made] == [3.0]

    def test_copies_of_leaves_without_a_name(self):
        w = Value(2.0)
        assert type(grad(lambda x: copy.deepcopy(w) * x)(1.0)) is float
        assert type(grad(lambda x: copy.copy(w) * x)(1.0)) is float
        assert type(grad(lambda x: copy.deepcopy(w * 2.0) * x)(1.0)) is float

    @pytest.mark.parametrize("w", [Value(2.0), Value(2.0, label="w"), autodiff.value.parameter(2.0)])
    def test_a_captured_leaf_that_is_written_inside(self, w):
        def by_data(x):
            w.data = 5.0
            return w * x

        def by_write(x):
            autodiff.value.write([w], [5.0])
            return w * x

        def by_an_optimizer(x):
            SGD([w], lr=0.0).step()
            return w * x

        def by_label(x):
            w.label = "inside"
            return w * x

        for function in (by_data, by_write, by_an_optimizer, by_label):
            for transform in (grad, jacobian, autodiff.derivative):
                found = transform(function)(1.5)
                assert found.data == w.data
                w.grad = 0.0
                found.backward()
                assert w.grad == 1.0

    def test_a_leaf_that_is_made_and_written_inside(self):
        def function(x):
            made = [Value(1.0), Value(1.0)]
            autodiff.value.write(made, [2.0, 3.0])
            made[0].data = 4.0
            return made[0] * made[1] * x

        assert grad(function)(1.0) == 12.0
        assert type(grad(function)(1.0)) is float

    def test_leaves_that_are_written_together_keep_who_made_them(self):
        w = Value(1.0)

        def function(x, which):
            made = Value(1.0)
            autodiff.value.write([made, w, made], [2.0, 2.0, 2.0])
            return (w if which else made) * x

        assert type(grad(function)(1.0, True)) is Value
        assert type(grad(function)(1.0, False)) is float

    def test_a_result_is_not_the_captured_value_itself(self):
        w = Value(2.0, label="w")
        doubled = w * 2.0
        for v in (w, doubled):
            results = [
                grad(lambda x, v=v: v * x)(1.0),
                *jvp(lambda x, v=v: [v, v * x], (1.0,), (1.0,))[0],
                vjp(lambda x, v=v: v, 1.0)[0],
                vjp(lambda x, v=v: v * x, 1.0)[1](1.0)[0],
                jacobian(lambda x, v=v: v * x)(1.0),
                grad(lambda x, v=v: (x, v), has_aux=True)(1.0)[1],
                grad(lambda x, y: x * y)(1.0, v),
            ]
            for r in results:
                assert r is not v
                r.label = "result"
                assert v.label == ("w" if v is w else "")

    def test_all_results_are_of_one_kind(self):
        w = Value(2.0)
        (value, aux), gradient = value_and_grad(lambda x: (3.0 * x, {"w": w, "n": 2}), has_aux=True)(1.0)
        assert type(value) is type(gradient) is type(aux["w"]) is Value
        assert type(aux["n"]) is int

    def test_what_the_result_does_not_depend_on(self):
        w = Value(2.0)
        assert type(grad(lambda x: (w * 3.0, x * x)[1])(1.0)) is float

    def test_a_leaf_of_the_same_moment(self):
        """Nothing tells a leaf of before the call from one of in it but the call itself."""
        for _ in range(3):
            w = Value(2.0)
            assert type(grad(lambda x, w=w: w * x)(1.0)) is Value

    def test_in_scopes(self):
        with autodiff.scope("outside"):
            w = Value(2.0)

            def function(x, capture):
                with autodiff.scope("inside"):
                    made = Value(1.0)
                return (w if capture else made) * x

            assert type(grad(function)(1.0, True)) is Value
            assert type(grad(function)(1.0, False)) is float
            assert (w * 1.0).scope == ("outside",)
        assert type(grad(function)(1.0, True)) is Value
        assert type(grad(function)(1.0, False)) is float
        assert (w * 1.0).scope == ()

    def test_several_threads_at_once(self):
        w = Value(2.0)
        kinds = []

        def work():
            for _ in range(200):
                mine = Value(3.0)
                kinds.append(type(grad(lambda x: w * x)(1.0)) is Value)
                kinds.append(type(grad(lambda x, mine=mine: mine * x)(1.0)) is Value)
                kinds.append(type(grad(lambda x: (Value(0.0) + x) * Value(2.0))(1.0)) is float)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(kinds) == 2400
        assert all(kinds)

    def test_a_pullback_in_no_grad(self):
        w = Value(2.0)
        _, pullback = vjp(lambda x: w * x, 1.0)
        with autodiff.no_grad():
            assert type(pullback(1.0)[0]) is float
        assert type(pullback(1.0)[0]) is Value

    def test_a_graph_around_stays_fresh_and_sweeps_as_fast(self):
        """A call begins an epoch, in which nothing is written: what was computed before needs no second look."""
        w = Value(2.0)
        y = w * 3.0
        before = autodiff.recording.written
        grad(lambda x: x * x)(1.0)
        assert autodiff.recording.written == before
        y.backward()
        assert w.grad == 3.0
        w.data = 1.0
        grad(lambda x: x * x)(1.0)
        with pytest.raises(autodiff.StaleGraphError):
            y.backward()

    def test_a_result_whose_captured_leaf_changes_is_stale(self):
        w = Value(2.0)
        slope = grad(lambda x: w * x * x)(1.5)
        w.data = 3.0
        with pytest.raises(autodiff.StaleGraphError):
            slope.backward()
        assert slope.refresh().data == 9.0

    def test_programs_give_plain_numbers(self):
        w = Value(2.0)
        program = autodiff.compile(lambda x: w * x)
        assert type(program(1.5)) is type(program.grad(1.5)) is float
        result = program(Value(1.5))
        result.backward()
        assert w.grad == 1.5

    @given(st.data())
    @settings(deadline=None)
    def test_backward_through_any_nesting_is_the_derivative(self, data):
        """Of f(x), built of transforms whose functions capture x: `backward`, `grad` and `check_grads` are at one."""
        x = data.draw(st.sampled_from([-1.25, 0.75, 1.5]))
        layers = data.draw(
            st.lists(st.tuples(st.sampled_from(LAYERS), st.sampled_from(PIECES)), min_size=1, max_size=3)
        )

        def function(x):
            inner = lambda t: t * x  # noqa: E731
            for layer, piece in layers:
                inner = lambda t, f=inner, layer=layer, piece=piece: layer(lambda s: piece(f(s), x) * s, t)  # noqa: E731
            return inner(0.5) + 0.0 * x

        leaf = Value(x)
        result = function(leaf)
        result.backward()
        assert result.data == pytest.approx(function(x), rel=1e-9, abs=1e-12)
        assert leaf.grad == pytest.approx(grad(function)(x), rel=1e-9, abs=1e-12)
        assert leaf.grad == pytest.approx(jvp(function, (x,), (1.0,))[1], rel=1e-9, abs=1e-12)
        row = autodiff.check_grads(function, x, order=1).rows[0]
        assert row.computed == pytest.approx(leaf.grad, rel=1e-9, abs=1e-12)


LAYERS = [
    lambda f, t: grad(f)(0.7) * t,
    lambda f, t: grad(f)(t),
    lambda f, t: value_and_grad(f)(0.7)[0] + t,
    lambda f, t: jvp(f, (0.7,), (1.0,))[1] * t,
    lambda f, t: jvp(f, (0.7,), (t,))[1],
    lambda f, t: vjp(f, 0.7)[1](1.0)[0] - t,
    lambda f, t: jacobian(lambda v: f(v[0]) * v[1])([0.7, 1.25])[1] * t,
    lambda f, t: hessian(f)(0.7) + t,
    lambda f, t: hvp(f, (0.7,), (1.0,))[0] * t,
    lambda f, t: autodiff.derivative(f)(0.7) * t,
]

PIECES = [
    lambda y, x: y * x,
    lambda y, x: autodiff.sin(y) + x,
    lambda y, x: autodiff.tanh(y * x),
    lambda y, x: y * y - Value(0.5) * x,
    lambda y, x: autodiff.dot([y, x], [x, 0.5]),
]


# -- Derivatives that hold derivatives -------------------------------------------------------------------------------

OVER_THE_ARGUMENT = {
    "grad": lambda x: x * grad(lambda t: x * t)(1.0),
    "value_and_grad": lambda x: x * value_and_grad(lambda t: x * t)(1.0)[1],
    "jvp": lambda x: x * jvp(lambda t: x * t, (1.0,), (1.0,))[1],
    "vjp": lambda x: x * vjp(lambda t: x * t, 1.0)[1](1.0)[0],
    "jacobian": lambda x: x * jacobian(lambda v: x * v[0])([1.0, 2.0])[0],
    "hessian": lambda x: 0.5 * x * hessian(lambda t: x * t * t)(1.0),
    "hvp": lambda x: 0.5 * x * hvp(lambda t: x * t * t, (1.0,), (1.0,))[0],
    "derivative": lambda x: x * autodiff.derivative(lambda t: x * t)(1.0),
    "two of them": lambda x: x * grad(lambda t: grad(lambda s: x * s * t)(1.0))(1.0),
    "a structure": lambda x: x * grad(lambda p: x * p["a"])({"a": 1.0})["a"],
    "a program": lambda x: x * autodiff.compile(lambda t: x * t).grad(1.0),
    "of the argument": lambda x: grad(lambda t: x * t * t)(x) / 2.0,
}


class TestTransformsOverTheArgument:
    """Functions equal to x**2, by a derivative of something that x is used in without being given."""

    @pytest.mark.parametrize("name", OVER_THE_ARGUMENT)
    def test_check_grads(self, name):
        function = OVER_THE_ARGUMENT[name]
        assert grad(function)(1.5) == pytest.approx(3.0)
        report = autodiff.check_grads(function, 1.5)
        assert [row.computed for row in report.rows] == pytest.approx([3.0, 2.0])

    @pytest.mark.parametrize("name", OVER_THE_ARGUMENT)
    def test_minimize(self, name):
        function = OVER_THE_ARGUMENT[name]
        assert nn.minimize(function, 1.5, lr=0.1, steps=1).x == pytest.approx(1.2)

    @pytest.mark.parametrize("eager", [True, False])
    def test_training_through_a_derivative(self, eager):
        class Slope(nn.Module):
            def __init__(self):
                self.w = autodiff.value.parameter(0.5)

            def __call__(self, x):
                return grad(lambda t: self.w * t * t)(x[0])

        model = Slope()
        nn.fit(
            model,
            ([[1.0], [2.0], [0.5]], [6.0, 12.0, 3.5]),
            loss=nn.losses.mse,
            optimizer=SGD(model.parameters(), lr=0.05),
            epochs=200,
            eager=eager,
            progress=False,
        )
        assert model.w.data == pytest.approx(63.5 / 21.0, rel=1e-9)  # least squares: sum 2xy / sum 4x^2

    def test_a_penalty_on_a_slope(self):
        w = Value(0.5)

        def loss(w):
            return (w - 1.0) ** 2 + grad(lambda t: w * t * t)(1.5) ** 2

        assert grad(loss)(0.5) == pytest.approx(-1.0 + 2.0 * 9.0 * 0.5)
        assert w.grad == 0.0
