"""Transforms and what is around them: `.grad` of others, graphs that went stale, Values among the arguments."""

from __future__ import annotations

import threading

import pytest

import autodiff
import nn
from autodiff import Value, grad, hessian, jacobian, value_and_grad, vjp
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
