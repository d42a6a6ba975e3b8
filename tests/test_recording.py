"""no_grad, scopes and epochs: nested, left by an exception, and from several threads."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import autodiff
from autodiff import Value, no_grad, recording, scope


@pytest.fixture(autouse=True)
def nothing_is_left_open():
    yield
    assert recording.paused == 0
    assert not recording.is_paused()
    assert recording.now.scope == ()


def in_thread(f):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(f).result()


class TestNoGrad:
    def test_results_are_leaves(self):
        x = Value(3.0)
        with no_grad():
            results = [x * x, x + 1, 1 - x, x.exp(), -x, 2**x, autodiff.sum([x, x]), autodiff.dot([x], [2.0])]
            results += autodiff.softmax([x, 1.0])
        assert all(isinstance(y, Value) and y.op is None and y.operands == () for y in results)
        assert [y.data for y in results[:3]] == [9.0, 4.0, -2.0]
        assert (x * x).op is autodiff.mul

    def test_nested(self):
        x = Value(3.0)
        with no_grad():
            with no_grad():
                assert (x * x).op is None
            assert (x * x).op is None
        assert (x * x).op is autodiff.mul

    def test_left_by_an_exception(self):
        x = Value(3.0)
        with pytest.raises(KeyboardInterrupt), no_grad(), no_grad():
            raise KeyboardInterrupt
        assert (x * x).op is autodiff.mul

    def test_as_a_decorator(self):
        @no_grad()
        def f(x):
            """Doc."""
            return x * x

        x = Value(3.0)
        for _ in range(2):
            assert f(x).op is None
            assert (x * x).op is autodiff.mul
        assert f.__name__ == "f"

    def test_only_this_thread_is_paused(self):
        x = Value(3.0)
        with no_grad():
            assert in_thread(lambda: (x * x).op) is autodiff.mul
            assert (x * x).op is None

        def paused():
            with no_grad():
                ready.set()
                go.wait(10)
                return (x * x).op

        ready, go = threading.Event(), threading.Event()
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(paused)
            ready.wait(10)
            assert (x * x).op is autodiff.mul
            go.set()
            assert future.result() is None

    def test_backward_of_an_earlier_graph_inside(self):
        x = Value(3.0)
        y = x * x
        with no_grad():
            y.backward()
            x.data -= 0.1 * x.grad
        assert x.data == 3.0 - 0.1 * 6.0


class TestScope:
    def test_nested(self):
        with scope("a"):
            x = Value(1.0)
            with scope("b"):
                y = x + 1.0
            z = x + 1.0
        assert [v.scope for v in (x, y, z, Value(1.0))] == [("a",), ("a", "b"), ("a",), ()]

    def test_the_same_name_within_itself(self):
        with scope("a"), scope("a"):
            assert Value(1.0).scope == ("a", "a")

    def test_left_by_an_exception(self):
        with pytest.raises(KeyboardInterrupt), scope("a"), scope("b"):
            raise KeyboardInterrupt
        assert Value(1.0).scope == ()

    def test_data_written_inside(self):
        x = Value(1.0)
        with scope("a"):
            x.data = 2.0
            with scope("b"):
                x.data = 3.0
                y = x * x
            z = x * x
        w = x * x
        assert [v.scope for v in (x, y, z, w)] == [(), ("a", "b"), ("a",), ()]
        for v in (y, z, w):
            v.backward()
        assert x.grad == 18.0

    def test_a_name_used_by_another_thread_before(self):
        def other():
            with scope("layer"), scope("neuron"):
                return Value(1.0).scope

        assert in_thread(other) == ("layer", "neuron")
        with scope("layer"):
            with scope("neuron"):
                assert Value(1.0).scope == ("layer", "neuron")
            assert Value(1.0).scope == ("layer",)

    @pytest.mark.parametrize("first_out", ["main", "other"])
    def test_threads_that_overlap_leave_no_scope_open(self, first_out):
        inside, leave = threading.Event(), threading.Event()

        def other():
            with scope("other"):
                inside.set()
                leave.wait(10)

        thread = threading.Thread(target=other)
        with scope("main"):
            thread.start()
            inside.wait(10)
            if first_out == "other":
                leave.set()
                thread.join()
        leave.set()
        thread.join()
        assert Value(1.0).scope == ()

    def test_a_scope_is_no_cycle(self):
        """A stamp that knew its parent would keep every node's surroundings alive."""
        import gc

        def stamps() -> int:
            return sum(isinstance(o, recording.Stamp) for o in gc.get_objects())

        gc.collect()
        gc.disable()
        try:
            before = stamps()
            for k in range(100):
                with scope("a"), scope("b"):
                    Value(float(k)).data = 1.0
            after = stamps()
        finally:
            gc.enable()
        assert after - before < 10


class TestEpochs:
    def test_writing_data_begins_one(self):
        x = Value(1.0)
        before = recording.now.epoch
        x.data = 2.0
        assert recording.now.epoch == before + 1

    def test_unlabelled_leaves_share_a_stamp(self):
        assert Value(1.0)._stamp is (Value(2.0) * 3.0)._stamp

    def test_threads_lose_no_epoch_and_leave_no_scope(self, monkeypatch):
        """Epochs are what tells a stale graph: were one given out twice, a wrong gradient would pass."""
        rounds, threads = 100, 4

        class Slow(recording.Stamp):
            """Gives way to another thread in the middle of whatever makes a stamp."""

            __slots__ = ()

            def __init__(self, *arguments):
                super().__init__(*arguments)
                time.sleep(1e-5)

        monkeypatch.setattr(recording, "Stamp", Slow)
        before = recording.now.epoch
        failures: list[BaseException] = []

        def work():
            try:
                x = Value(1.0)
                for k in range(rounds):
                    with scope("a"):
                        x.data = float(k)
                        y = x * x
                    y.backward()
            except BaseException as e:
                failures.append(e)

        running = [threading.Thread(target=work) for _ in range(threads)]
        for t in running:
            t.start()
        for t in running:
            t.join()
        assert not failures, failures[0]
        assert recording.now.epoch == before + rounds * threads
        assert recording.now.scope == ()


def test_the_name_of_a_scope_is_a_str():
    with pytest.raises(TypeError, match="int: 5"), scope(5):
        pass


def test_scopes_of_many_names_do_not_pile_up():
    for k in range(3000):
        with scope(f"step {k}"):
            pass
    assert len(recording.now.children) <= 1000
