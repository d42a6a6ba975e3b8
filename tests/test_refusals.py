"""What a function may not do while it is recorded cannot be caught away; and what it keeps is no number afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import gc
import json
import math
import pickle
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import autodiff
import nn
from autodiff import NonFiniteError, TraceError, Value, compile, grad, jvp, log, recording, sin, strict, where


def tried(function, default=3.0):
    try:
        return function()
    except Exception:
        return default


def suppressed(x):
    with contextlib.suppress(Exception):
        if x > 0.0:
            return 2.0 * x
    return 3.0 * x


def bare(x):
    try:
        return 2.0 * x if x > 0.0 else x
    except:  # noqa: E722
        return 3.0 * x


def by_the_tree(x):
    try:
        return 2.0 * x if x > 0.0 else x
    except autodiff.AutodiffError:
        return 3.0 * x


def returned_at_last(x):
    y = 3.0 * x
    try:
        if x > 0.0:
            y = 2.0 * x
    finally:
        return y  # noqa: B012


def renamed(x):
    try:
        return 2.0 * x if x > 0.0 else x
    except TraceError:
        raise ValueError("expected a number") from None


def in_a_generator(x):
    def numbers():
        with contextlib.suppress(Exception):
            yield 2.0 * x if x > 0.0 else x
        yield 3.0 * x

    return next(numbers())


class Careful:
    def __init__(self, x):
        self.x = x

    def __getattr__(self, name):
        with contextlib.suppress(Exception):
            return 2.0 if float(self.x) > 0.0 else 1.0
        raise AttributeError(name)


class Sized:
    """A truth that takes a number out, and says what it says if it cannot."""

    def __init__(self, x):
        self.x = x

    def __bool__(self):
        return tried(lambda: self.x.data > 0.0, False)


def in_a_thread(x):
    found = []
    thread = threading.Thread(target=lambda: found.append(tried(lambda: 2.0 if x > 0.0 else 1.0)))
    thread.start()
    thread.join()
    return found[0] * x


def in_a_pool(x):
    with ThreadPoolExecutor(1) as pool:
        return 2.0 * x * tried(pool.submit(float, x).result)


def in_a_task(x):
    async def work():
        return tried(lambda: 2.0 if x > 0.0 else 1.0)

    return x * asyncio.run(work())


CAUGHT = {
    "float": lambda x: x * tried(lambda: 2.0 * float(x)),
    "if": lambda x: x * tried(lambda: 2.0 if x > 0.0 else 1.0),
    "==": lambda x: x * tried(lambda: 2.0 if x == 1.0 else 1.0),
    "in": lambda x: x * tried(lambda: 2.0 if x in [1.0] else 1.0),
    "hash": lambda x: x * tried(lambda: {1.0: 2.0}[x]),
    "a default of getattr": lambda x: x * getattr(Careful(x), "factor", 3.0),
    "a truth": lambda x: 2.0 * x if Sized(x) else 3.0 * x,
    "math": lambda x: x * tried(lambda: 2.0 if not math.isnan(x) else 1.0),
    "round": lambda x: x * tried(lambda: 2.0 * round(x)),
    "data": lambda x: x * tried(lambda: 2.0 * x.data),
    "detach": lambda x: x * tried(lambda: 2.0 * x.detach()),
    "copy": lambda x: x * tried(lambda: 2.0 * copy.copy(x)),
    "backward": lambda x: x * tried(lambda: (x * x).backward() or x.grad),
    "sorted": lambda x: x * tried(lambda: sorted([x, 2.0])[1]),
    "max": lambda x: x * tried(lambda: max(x, 2.0)),
    "suppress": suppressed,
    "bare except": bare,
    "AutodiffError": by_the_tree,
    "finally": returned_at_last,
    "another error": renamed,
    "a generator": in_a_generator,
    "a thread": in_a_thread,
    "a pool of threads": in_a_pool,
    "a task": in_a_task,
}

OF_VALUES = ("a truth", "data", "detach", "backward")

TRACES = {
    "compile": lambda f: compile(f)(1.0),
    "grad": lambda f: compile(f).grad(1.0),
    "jvp": lambda f: compile(f).jvp((1.0,), (1.0,)),
    "hessian": lambda f: compile(f).hessian(1.0),
    "compile of grad": lambda f: compile(grad(f))(1.0),
    "compile in compile": lambda f: compile(lambda x: compile(f)(x) * x)(1.0),
    "caught around, too": lambda f: compile(lambda x: tried(lambda: grad(f)(x), 3.0) * x)(1.0),
}


class TestCannotBeCaughtAway:
    @pytest.mark.parametrize("name", CAUGHT)
    @pytest.mark.parametrize("trace", TRACES)
    def test_in_a_function(self, trace, name):
        function = CAUGHT[name]
        assert float(function(Value(1.0) if name in OF_VALUES else 1.0)) == 2.0
        if name in ("copy", "backward") and trace in ("jvp", "hessian"):
            return  # a copy of a dual number is as good as the number, and it has no method backward, eagerly either
        with pytest.raises(TraceError, match="while the function is recorded"):
            TRACES[trace](function)
        assert recording.traced == 0
        assert not recording.paused

    def test_the_first_is_told(self):
        def function(x):
            tried(lambda: float(x))
            tried(lambda: x.data)
            raise ValueError("and so on")

        with pytest.raises(TraceError, match=r"float\(\) of a Value") as caught:
            compile(function)(1.0)
        assert isinstance(caught.value.__cause__, ValueError)

    def test_an_interruption_is_none_the_less(self):
        def function(x):
            tried(lambda: float(x))
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            compile(function)(1.0)
        assert recording.traced == 0

    def test_of_a_function_inside_that_is_recorded_for_itself(self):
        """What it is refused is the same in eager code, so the function around it may do as it likes."""
        branching = compile(lambda y: y if y > 0.0 else -y)
        assert compile(lambda x: tried(lambda: branching(1.0), 3.0) * x)(2.0) == 6.0
        assert tried(lambda: branching(1.0), 3.0) * 2.0 == 6.0

        def uses(x):
            return tried(lambda: compile(lambda y: y if x > 0.0 else -y)(2.0), 3.0) * x

        assert uses(1.0) == 2.0
        with pytest.raises(TraceError, match="the truth"):
            compile(uses)(1.0)

    def test_what_asks_for_nothing_is_not_refused(self):
        """Libraries look for methods."""
        numpy = pytest.importorskip("numpy")

        def function(x):
            names = "__array__", "__len__", "__index__", "_repr_html_", "__deepcopy__", "nothing"
            found = [hasattr(x, name) for name in names]
            boxed = numpy.array([x, x]), numpy.asarray([x], dtype=object)
            same = callable(x), isinstance(x, (float, int)), x is None, x == None, x == "a", type(x)  # noqa: E711
            return (boxed[0].sum() + boxed[1][0]) * (len(found) + len(same) > 0)

        assert compile(function)(2.0) == 6.0

    def test_steps_and_losses_of_training(self):
        class Model(nn.Module):
            def __init__(self):
                self.w = nn.parameter(0.5)

            def __call__(self, x):
                return suppressed(x[0]) * self.w

        data = [[-1.0], [1.0]], [1.0, 2.0]
        numbers = []
        for eager in (False, True):
            model = Model()
            optimizer = nn.optim.SGD(model.parameters(), lr=0.1)
            history = nn.fit(
                model, data, epochs=3, optimizer=optimizer, loss=nn.losses.mse, eager=eager, progress=False
            )
            assert history.backend.startswith("eager")
            numbers.append(model.w.data)
        assert numbers[0] == numbers[1]
        with pytest.raises(TypeError, match="cannot be recorded"):
            nn.compile(Model(), nn.losses.mse)(*data)
        model = nn.MLP(1, [1], seed=0)
        own = nn.compile(model, lambda outputs, targets: outputs[0] * tried(lambda: 2.0 * float(targets[0])))
        with pytest.raises(TypeError, match="cannot be recorded"):
            own(*data)

    def test_a_rule_of_an_optimizer(self):
        class Rule(nn.optim.Optimizer):
            def update(self, x, g, state, step):
                return x - self.lr * g * tried(lambda: 2.0 if step > 1 else 1.0), ()

        data = [[float(k)] for k in range(8)], [2.0 * k for k in range(8)]
        numbers = []
        for eager in (False, True):
            model = nn.MLP(1, [1], seed=0)
            nn.fit(
                model,
                data,
                epochs=3,
                optimizer=Rule(model.parameters(), lr=0.01),
                loss=nn.losses.mse,
                eager=eager,
                progress=False,
            )
            numbers.append([p.data for p in model.parameters()])
        assert numbers[0] == pytest.approx(numbers[1], rel=1e-12)


class Kept:
    """What a function has kept of its numbers."""

    def __init__(self, trace):
        self.numbers = {}
        trace(self)

    def __call__(self, x):
        y = 2.0 * x + 1.0
        self.numbers = {
            "argument": x,
            "on the way": y,
            "not used": sin(x),
            "a comparison": x > 0.0,
            "chosen": where(x > 0.0, 5.0, y),
            "a sum": autodiff.sum([x, y, 1.0]),
        }
        return y * y


NAMES = ["argument", "on the way", "not used", "a comparison", "chosen", "a sum"]
USES = {
    "float": float,
    "bool": bool,
    "int": int,
    "round": round,
    "floor": math.floor,
    "math": math.sin,
    "isnan": math.isnan,
    "add": lambda v: v + 1.0,
    "from the right": lambda v: 1.0 - v,
    "mul": lambda v: Value(2.0) * v,
    "power": lambda v: v**2,
    "neg": lambda v: -v,
    "sin": sin,
    "relu": lambda v: v.relu(),
    "maximum": lambda v: autodiff.maximum(1.0, v),
    "dot": lambda v: autodiff.dot([v, 1.0], [2.0, Value(3.0)]),
    "sum": lambda v: autodiff.sum([v, 1.0]),
    "condition": lambda v: where(v, 1.0, 2.0),
    "<": lambda v: v < 1.0,
    "==": lambda v: v == 1.0,
    "in": lambda v: v in [1.0],
    "max": lambda v: max([1.0, v]),
    "format": lambda v: f"{v.data:.3f}",
    "data": lambda v: v.data * 2.0,
    "data in a list": lambda v: sorted([1.0, v.data]),
    "detach": lambda v: v.detach(),
    "copy": lambda v: copy.deepcopy(v) * 1.0,
    "pickle": pickle.dumps,
    "draw": autodiff.draw_forward,
    "grad": lambda v: grad(lambda y: y * v)(1.0),
    "jvp": lambda v: jvp(lambda y: y * v, (1.0,), (1.0,)),
    "compile": lambda v: compile(lambda y: y * v)(1.0),
    "returned": lambda v: compile(lambda y: v)(1.0),
    "a batch": lambda v: compile(lambda y: y + v, in_axes=0)(memoryview(b"\0" * 8).cast("d")),
    "a loss": lambda v: nn.losses.mse([v], [1.0]),
    "a module": lambda v: nn.Neuron(1)([v]),
    "an optimizer": lambda v: nn.optim.SGD([v], lr=0.1).step() or v * 1.0,
}


class TestLeaks:
    """A number that outlives the function that it was recorded in says so; it was nan, without a word."""

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("use", USES)
    def test_whatever_is_done_with_it(self, name, use):
        v = Kept(lambda f: compile(f)(1.0)).numbers[name]
        kind = (TraceError, ValueError) if use == "an optimizer" else TraceError  # of a node there is no step
        with pytest.raises(kind, match=r"outside of the function that it belongs to|each parameter is a leaf"):
            USES[use](v)

    @pytest.mark.parametrize(
        "trace",
        [
            lambda f: compile(f).grad(1.0),
            lambda f: compile(f).hessian(1.0),
            lambda f: compile(f, in_axes=0)(memoryview(b"\0" * 16).cast("d")),
            lambda f: tried(lambda: compile(lambda x: math.sin(f(x)))(1.0)),
            lambda f: tried(lambda: compile(lambda x: 1 / (f(x) and 0))(1.0)),
            lambda f: compile(lambda x: compile(f)(x))(1.0),
        ],
    )
    def test_however_it_was_recorded(self, trace):
        """Also if the function could not be recorded."""
        for v in Kept(trace).numbers.values():
            with pytest.raises(TraceError, match="outside of the function"):
                float(v)

    def test_it_tells_what_it_is(self):
        assert "of a function that was recorded" in repr(Kept(lambda f: compile(f)(1.0)).numbers["on the way"])

    def test_what_does_not_depend_on_the_arguments_is_a_number(self):
        """A module may keep what it computes of its parameters."""
        w, kept = Value(3.0), []

        def function(x):
            if not kept:
                kept.extend([w * 2.0, Value(5.0) + 1.0])
            return x * kept[0] * kept[1]

        f = compile(function)
        assert (f(1.0), f(2.0)) == (36.0, 72.0)
        assert [v.data for v in kept] == [6.0, 6.0]
        (kept[0] * 1.0).backward()
        assert w.grad == 2.0

    def test_of_a_transform_all_numbers_are_right(self):
        found = Kept(lambda f: grad(f)(1.0)).numbers
        assert {name: float(v) for name, v in found.items()} == {
            "argument": 1.0,
            "on the way": 3.0,
            "not used": math.sin(1.0),
            "a comparison": 1.0,
            "chosen": 5.0,
            "a sum": 5.0,
        }

    def test_a_module_that_keeps_what_it_saw(self):
        """It would not be kept anew at each run, so that is refused, and nothing has leaked."""

        class Model(nn.Module):
            def __init__(self):
                self.w = nn.parameter(0.5)
                self.seen = None

            def __call__(self, x):
                self.seen = self.w * x[0]
                return self.seen * 1.0

        model = Model()
        step = nn.compile(model, nn.losses.mse)
        with pytest.raises(nn.replay.NotCompilable, match=r"changes Model\.seen when it is called"):
            step([[1.0]], [2.0])
        assert model.seen is None
        assert model([2.0]).data == 1.0
        assert model.seen.data == 1.0

    def test_a_penalty_of_what_a_model_kept_is_not_recorded(self):
        class Model(nn.Module):
            def __init__(self):
                self.w = nn.parameter(0.5)

            def __call__(self, x):
                self.seen = self.w * x[0]
                return self.seen * 1.0

        def ends(eager):
            model = Model()
            nn.fit(
                model,
                ([[1.0], [2.0]], [2.0, 4.0]),
                epochs=3,
                optimizer=nn.optim.SGD(model.parameters(), lr=0.1),
                loss=lambda outputs, targets: nn.losses.mse(outputs, targets) + 0.1 * model.seen * model.seen,
                eager=eager,
                progress=False,
            )
            return model.w.data

        assert ends(False) == ends(True)

    def test_nothing_is_kept_alive(self):
        def function(x):
            return sin(x) * x

        compile(function)(1.0)
        gc.collect()
        gc.disable()
        try:
            before = sum(isinstance(o, Value) for o in gc.get_objects())
            for _ in range(5):
                compile(function, backend="python")(1.0)
            assert sum(isinstance(o, Value) for o in gc.get_objects()) - before < 60
        finally:
            gc.enable()

    def test_data_is_no_number_for_json(self):
        with pytest.raises(TypeError, match="Leaked"):
            json.dumps(Kept(lambda f: compile(f)(1.0)).numbers["argument"].data)


class TestStrict:
    """A function is recorded on no numbers, so `strict` has nothing to say of it, wherever it is opened."""

    @pytest.mark.parametrize("trace", ["compile", "grad", "jvp", "hessian", "compile of grad", "compile in compile"])
    def test_in_a_function_that_is_compiled(self, trace):
        @strict()
        def function(x):
            return log(x) * x + autodiff.sum([x, 1.0])

        def plain(x):
            return log(x) * x + autodiff.sum([x, 1.0])

        assert TRACES[trace](function) == TRACES[trace](plain)

    def test_in_a_part_of_it(self):
        def function(x):
            with strict():
                y = 1.0 / x
            return y * x

        assert compile(function)(2.0) == 1.0
        assert compile(function).grad(2.0) == 0.0
        with pytest.raises(NonFiniteError):
            function(Value(0.0))

    def test_in_a_model_that_is_trained(self):
        class Model(nn.Module):
            def __init__(self):
                self.w = nn.parameter(0.5)

            def __call__(self, x):
                with strict():
                    return self.w * x[0]

        model = Model()
        history = nn.fit(
            model,
            ([[1.0], [2.0]], [2.0, 4.0]),
            epochs=20,
            optimizer=nn.optim.SGD(model.parameters(), lr=0.1),
            loss=nn.losses.mse,
            progress=False,
        )
        assert not history.backend.startswith("eager")
        assert model.w.data == pytest.approx(2.0)

    def test_afterwards_and_in_other_threads_it_is_strict_again(self):
        with strict():
            assert compile(lambda x: log(x) * x)(1.0) == 0.0
            with pytest.raises(NonFiniteError):
                log(Value(0.0))

        started, go_on = threading.Event(), threading.Event()

        def function(x):
            started.set()
            assert go_on.wait(10.0)
            return x * x

        other = threading.Thread(target=compile(function), args=(1.0,))
        other.start()
        assert started.wait(10.0)
        with strict(), pytest.raises(NonFiniteError):
            log(Value(0.0))
        go_on.set()
        other.join()


def test_other_threads_compute_while_one_records():
    """They have numbers of their own; nodes they make are none of the trace."""
    started, go_on = threading.Event(), threading.Event()
    kept = []

    def function(x):
        started.set()
        assert go_on.wait(10.0)
        kept.append(x * 2.0)
        return x * x

    other = threading.Thread(target=compile(function), args=(1.0,))
    other.start()
    assert started.wait(10.0)
    x, rng = Value(0.5), random.Random(0)
    y = sin(x) * x + rng.random()
    assert x == 0.5
    assert x in [0.5]
    assert {x: 1}[x] == 1
    assert math.isnan(Value(math.nan))
    y.backward()
    go_on.set()
    other.join()
    assert y.data == math.sin(0.5) * 0.5 + random.Random(0).random()
    with pytest.raises(TraceError):
        float(kept[0])
