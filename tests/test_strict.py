"""Strict mode: the first nan or infinity, forward or backward, is found at the right node and the right line."""

from __future__ import annotations

import copy
import inspect
import math
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import autodiff
import nn
from autodiff import NonFiniteError, StaleGraphError, Value, grad_graph, no_grad, recording, scope, strict
from autodiff.strict import is_strict

HERE = __file__


@pytest.fixture(autouse=True)
def nothing_is_left_open():
    yield
    assert recording.paused == 0
    assert not is_strict()


def line_here(offset: int = 0) -> str:
    """``this file:line`` of the caller."""
    return f"{HERE}:{inspect.currentframe().f_back.f_lineno + offset}"


FORWARD = {
    "log(x) gave -inf at x = 0.0": lambda x: x.log(),
    "log(a) gave -inf at a = 0.0": lambda x: (x * 1.0).log(),
    "sqrt(a) gave nan at a = -1.0": lambda x: (x - 1.0).sqrt(),
    "exp(a) gave inf at a = 710.0": lambda x: (x + 710.0).exp(),
    "div: 1.0 / x gave inf at x = 0.0": lambda x: 1 / x,
    "div: x / x gave nan at x = 0.0": lambda x: x / x,
    "div: x / b gave nan at x = 0.0, b = -0.0": lambda x: x / -x,
    "pow: x**-1.0 gave inf at x = 0.0": lambda x: x**-1,
    "maximum(x, nan) gave nan at x = 0.0": lambda x: autodiff.maximum(x, math.nan),
    "minimum(nan, x) gave nan at x = 0.0": lambda x: autodiff.minimum(math.nan, x),
    "sum([x, a1]) gave inf at x = 0.0, a1 = inf": lambda x: autodiff.sum([x, math.inf]),
    "dot([x, a1], [1.0, 1e+300]) gave inf": lambda x: autodiff.dot([x, Value(1e300)], [1.0, 1e300]),
    "dot([a0, x], [b0, x]) gave inf": lambda x: autodiff.dot([Value(1e300), x], [Value(1e300), x]),
}


class TestForward:
    @pytest.mark.parametrize("message", FORWARD)
    def test_it_names_operation_operands_and_line(self, message):
        f = FORWARD[message]
        x = Value(0.0, "x")
        assert not math.isfinite(f(x).data), "outside, nothing raises"
        with pytest.raises(NonFiniteError) as caught, strict():
            f(x)
        assert message in str(caught.value)
        assert f" at {HERE}:{f.__code__.co_firstlineno}: " in str(caught.value)

    def test_it_is_an_arithmetic_error_of_ours(self):
        assert issubclass(NonFiniteError, ArithmeticError)
        assert issubclass(NonFiniteError, autodiff.AutodiffError)

    def test_it_raises_at_the_first_and_not_at_what_follows(self):
        x = Value(-1.0, "x")
        reached = []
        with pytest.raises(NonFiniteError) as caught, strict():  # noqa: PT012
            a = x * x
            reached.append(a)
            b = (a - 2.0).log()
            reached.append(b + 1.0)
        assert len(reached) == 1
        assert f"{line_here(-3)}: b = (a - 2.0).log()" in str(caught.value)

    def test_finite_numbers_pass_unchanged(self):
        def f(x):
            return autodiff.sum([x.exp(), x**2.5, 3 / x, autodiff.dot([x, 2.0], [x, 1.0])])

        x = Value(2.0)
        plain = f(x)
        with strict():
            y = f(x)
            y.backward()
        assert y.data == plain.data == pytest.approx(math.exp(2) + 2**2.5 + 1.5 + 6.0, rel=1e-15)
        assert x.grad == pytest.approx(math.exp(2) + 2.5 * 2**1.5 - 0.75 + 4.0, rel=1e-15)

    def test_an_infinite_leaf_may_lead_to_a_finite_number(self):
        with strict():
            assert Value(-math.inf).exp().data == 0.0

    def test_the_line_is_the_users_even_inside_the_network_package(self):
        model = nn.MLP(2, [2, 1], seed=1)
        with pytest.raises(NonFiniteError) as caught, strict():
            model([1.0, math.inf])
        assert line_here(-1) in str(caught.value)

    def test_the_scope_is_named(self):
        with pytest.raises(NonFiniteError, match="in scope 'loss/inner'"), strict(), scope("loss"), scope("inner"):
            Value(0.0).log()

    def test_a_long_sequence_is_cut_and_the_culprit_shown(self):
        xs = [Value(1.0) for _ in range(1000)]
        xs[700].data = math.inf
        with pytest.raises(NonFiniteError) as caught, strict():
            autodiff.sum(xs)
        assert "a700 = inf" in str(caught.value)
        assert "1000 in all" in str(caught.value)
        assert len(str(caught.value)) < 600

    def test_refresh(self):
        x = Value(2.0, "x")
        with strict():
            y = x.log()
            place = line_here(-1)
            z = y + 1.0
            x.data = 0.0
            with pytest.raises(NonFiniteError, match=r"log\(x\) gave -inf") as caught:
                z.refresh()
        assert place in str(caught.value)
        assert (y.data, z.data) == (math.log(2.0), math.log(2.0) + 1.0)
        with pytest.raises(StaleGraphError):
            z.backward()
        x.data = 1.0
        assert z.refresh().data == 1.0

    def test_without_recording(self):
        x = Value(1.0)
        with strict(), no_grad():
            assert (x + x).op is None
            with pytest.raises(NonFiniteError):
                (x - 1.0).log()
        with no_grad(), strict():
            assert (x + x).op is None


class TestBackward:
    def test_a_partial_that_is_infinite(self):
        x = Value(0.0, "x")
        with strict():
            y = x.sqrt()
            z = y * 3.0
            with pytest.raises(NonFiniteError, match=r"partial of sqrt\(x\) with respect to x is inf") as caught:
                z.backward()
        assert f"node made at {line_here(-4)}: y = x.sqrt()" in str(caught.value)

    def test_a_partial_that_is_nan_deep_in_a_graph(self):
        x, y = Value(-2.0, "x"), Value(3.0, "y")
        with strict():
            power = x**y
            out = (power * power + x).tanh()
            with pytest.raises(NonFiniteError, match=r"partial of pow: x\*\*y with respect to y is nan") as caught:
                out.backward()
        assert line_here(-4) in str(caught.value)
        assert "x = -2.0, y = 3.0" in str(caught.value)

    def test_a_gradient_that_overflows(self):
        w, b = Value(1e200, "w"), Value(1e-300, "b")
        with strict():
            v = w * b
            u = v * 1e300
            with pytest.raises(NonFiniteError) as caught:
                u.backward()
        assert "gradient of b in mul: w * b became inf, by 1e+200 times the adjoint 1e+300" in str(caught.value)
        assert line_here(-5) in str(caught.value)
        assert (w.grad, b.grad) == (0.0, 0.0)

    def test_a_sum_of_gradients_that_overflows(self):
        w = Value(1e-300, "w")
        with strict():
            y = w * 1.5e308 + w * 1.5e308
            with pytest.raises(NonFiniteError, match=r"gradient of w in mul: w \* 1.5e\+308 became inf"):
                y.backward()

    @pytest.mark.parametrize("seed", [math.nan, math.inf])
    def test_a_seed(self, seed):
        y = Value(1.0) * 2.0
        with strict(), pytest.raises(NonFiniteError, match="finite seed"):
            y.backward(seed)
        assert y.grad == 0.0

    def test_gradients_are_as_they_were(self):
        x, y = Value(4.0), Value(0.0)
        (x * x).backward()
        z = x * x + y.sqrt()
        before = [v.grad for v in (x, y, z)]
        with strict(), pytest.raises(NonFiniteError):
            z.backward()
        assert [v.grad for v in (x, y, z)] == before == [8.0, 0.0, 0.0]
        z.backward()
        assert x.grad == 16.0
        assert y.grad == math.inf

    def test_gradients_are_those_of_the_plain_sweep(self):
        x, y = Value(1.3), Value(-0.4)
        z = autodiff.dot([x, y, x * y], [y.exp(), 2.0, x]) / (1 + x**2) + abs(y) + autodiff.maximum(x, y)
        z.backward()
        plain = [x.grad, y.grad]
        z.zero_grad()
        with strict():
            z.backward()
        assert [x.grad, y.grad] == plain

    def test_a_graph_made_outside(self):
        y = Value(0.0, "x").sqrt()
        with strict(), pytest.raises(NonFiniteError, match=r"line is known only if the graph is built inside strict"):
            y.backward()

    def test_a_stale_graph_is_still_refused(self):
        x = Value(1.0)
        y = x * x
        x.data = 2.0
        with strict(), pytest.raises(StaleGraphError):
            y.backward()

    def test_the_gradient_as_a_graph(self):
        x = Value(0.0, "x")
        y = x.sqrt()
        with strict(), pytest.raises(NonFiniteError, match=r"div: 0\.5 / b gave inf") as caught:
            grad_graph(y, x)
        assert line_here(-1) in str(caught.value)


class TestMode:
    def test_nested(self):
        x = Value(0.0)
        with strict():
            with strict():
                pass
            with pytest.raises(NonFiniteError):
                x.log()
        assert x.log().data == -math.inf

    def test_left_by_an_exception(self):
        with pytest.raises(KeyboardInterrupt), strict(), strict():
            raise KeyboardInterrupt
        assert Value(0.0).log().data == -math.inf

    def test_as_a_decorator(self):
        @strict()
        def f(x):
            return x.log()

        assert f.__name__ == "f"
        for _ in range(2):
            with pytest.raises(NonFiniteError):
                f(Value(0.0))
            assert f(Value(1.0)).data == 0.0
            assert Value(0.0).log().data == -math.inf

    def test_only_this_thread_is_strict(self):
        x = Value(0.0)
        ready, go = threading.Event(), threading.Event()

        def other():
            with strict():
                ready.set()
                go.wait(10)
                with pytest.raises(NonFiniteError):
                    x.log()

        with strict(), ThreadPoolExecutor(1) as pool:
            assert pool.submit(lambda: x.log().data).result() == -math.inf
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(other)
            ready.wait(10)
            y = x.log()
            assert y.data == -math.inf
            assert y.op is autodiff.log
            y.backward()
            assert x.grad == math.inf
            go.set()
            future.result()

    def test_when_off_nodes_share_their_stamp(self):
        with strict():
            pass
        assert (Value(1.0) * 2.0)._stamp is recording.now


class TestPlace:
    """The line stays with a node through labels, copies, pickles and refreshing; and changes none of them."""

    def made(self):
        with strict():
            x = Value(4.0, "x")
            y = x.sqrt()
        return x, y, line_here(-1)

    def message(self, x, y):
        """What strict backward says of the node, its operand brought to zero."""
        x.data = 0.0
        y.refresh()
        with strict(), pytest.raises(NonFiniteError) as caught:
            y.backward()
        return str(caught.value)

    def test_a_label(self):
        x, y, place = self.made()
        assert (y.label, y.role) == ("", "operation")
        y.label = "root"
        assert y.label == "root"
        assert place in self.message(x, y)
        assert y.label == "root"

    @pytest.mark.parametrize("label", ["", "root"])
    @pytest.mark.parametrize("copied", [copy.deepcopy, lambda y: pickle.loads(pickle.dumps(y)), copy.copy])
    def test_a_copy(self, label, copied):
        _, y, place = self.made()
        y.label = label
        twin = copied(y)
        twin.label = twin.label or "twin"
        assert y.label == label
        assert twin.operands[0].label == "x"
        assert place in self.message(twin.operands[0], twin)

    def test_it_is_differentiated_and_goes_stale_as_ever(self):
        x, y, _ = self.made()
        y.backward()
        assert x.grad == 0.25
        x.data = 9.0
        with pytest.raises(StaleGraphError):
            y.backward()
        assert y.refresh().data == 3.0
        y.backward()
        assert x.grad == 0.25 + 1 / 6

    def test_nothing_is_kept_alive(self):
        import gc

        gc.collect()
        gc.disable()
        try:
            before = len(gc.get_objects())
            for _ in range(50):
                with strict():
                    x = Value(2.0)
                    (x.sqrt() * x).backward()
                    try:
                        (x - 2.0).log()
                    except NonFiniteError:
                        pass
            del x
            assert len(gc.get_objects()) - before < 25
        finally:
            gc.enable()
