"""Compiled methods: copies, pickles, instances of every kind, and how long anything is kept."""

from __future__ import annotations

import copy
import dataclasses
import functools
import gc
import inspect
import pickle
import threading
import weakref

import pytest

import autodiff
from autodiff import Value, compile


class Line:
    def __init__(self, slope):
        self.slope = slope

    @compile
    def at(self, x):
        return self.slope * x

    def rise(self, x):
        return self.slope * x

    def with_steps(self):
        """Compiled methods as attributes, as in an `__init__`."""
        self.step = compile(self.rise)
        self.steps = [compile(self.rise, argnums=0), autodiff.grad]
        return self


class Slotted(Line):
    __slots__ = ("slope",)


class Bare:
    __slots__ = ("slope",)
    __init__ = Line.__init__
    at = compile(Line.rise)


class Weak(Bare):
    __slots__ = ("__weakref__",)


class Unhashable(Line):
    __hash__ = None

    def __eq__(self, other):
        return True


class Equal(Line):
    def __eq__(self, other):
        return True

    def __hash__(self):
        return 1


@dataclasses.dataclass(frozen=True)
class Frozen:
    slope: float
    at = compile(Line.rise)


KINDS = [Line, Slotted, Bare, Weak, Unhashable, Equal, Frozen]
COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "deepcopy in a list": lambda x: copy.deepcopy([x])[0],
}


def changed(line, slope):
    object.__setattr__(line, "slope", slope)
    return line


class TestCopies:
    @pytest.mark.parametrize("how", COPIES)
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_copy_runs_programs_of_its_own(self, kind, how):
        line = kind(2.0)
        assert (line.at(5.0), line.at.grad(5.0)) == (10.0, 2.0)
        other = changed(COPIES[how](line), 3.0)
        assert (other.at(5.0), other.at.grad(5.0), other.at.value_and_grad(1.0)) == (15.0, 3.0, (3.0, 3.0))
        assert (line.at(5.0), line.at.grad(5.0)) == (10.0, 2.0)

    def test_nothing_is_left_in_the_instance(self):
        line = Line(2.0)
        line.at(5.0)
        assert vars(line) == {"slope": 2.0}

    def test_replace(self):
        line = Frozen(2.0)
        assert line.at(1.0) == 2.0
        assert dataclasses.replace(line, slope=4.0).at(1.0) == 4.0

    @pytest.mark.parametrize("how", [how for how in COPIES if how != "copy"])
    def test_compiled_attributes_go_with_the_copy(self, how):
        line = Line(2.0).with_steps()
        assert line.step(5.0) == line.steps[0](5.0) == 10.0
        other = changed(COPIES[how](line), 3.0)
        assert other.step(5.0) == other.steps[0](5.0) == 15.0
        assert line.step(5.0) == 10.0

    def test_a_shallow_copy_shares_its_attributes_as_ever(self):
        line = Line(2.0).with_steps()
        other = changed(copy.copy(line), 3.0)
        assert other.step is line.step
        assert other.step(5.0) == 10.0

    @pytest.mark.parametrize("how", COPIES)
    def test_a_method_by_itself(self, how):
        line = Line(2.0)
        at = COPIES[how](line.at)
        assert at(5.0) == 10.0
        assert (at == line.at) is (how == "copy")

    def test_options_go_along(self):
        line = Line(2.0)
        line.power = compile(line.rise, backend="python", cache_size=3)
        assert copy.deepcopy(line).power._programs.options == (None, 0, (), "python", 3)

    def test_functions_are_copied_as_functions_are(self):
        f = compile(lambda x: x * x)
        assert copy.deepcopy(f) is copy.copy(f) is f
        assert COPIES["pickle"](module_level) is module_level
        assert COPIES["pickle"](Line.at) is Line.at
        with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
            pickle.dumps(f)


module_level = None  # below


@compile
def module_level(x):  # noqa: F811
    return x * x


class Steeper(Line):
    @compile
    def at(self, x):
        return super().at(x) + 1.0


class Stacked:
    scale = 2.0

    @classmethod
    @compile
    def by_class(cls, x):
        return cls.scale * x

    @staticmethod
    @compile
    def by_nobody(x):
        return 4.0 * x

    other_way = compile(staticmethod(lambda x: 5.0 * x))
    partial = compile(functools.partial(lambda k, x: k * x, 6.0))
    one = two = compile(lambda self, x: self.scale * x)


class TestDescriptors:
    def test_an_overridden_method_calls_the_one_above(self):
        line = Steeper(2.0)
        for _ in range(2):
            assert line.at(5.0) == 11.0
            assert super(Steeper, line).at(5.0) == 10.0
            assert line.at.grad(5.0) == 2.0

    def test_stacked(self):
        thing = Stacked()
        assert [Stacked.by_class(1.0), thing.by_class(1.0), Stacked.by_nobody(1.0), thing.by_nobody(1.0)] == [
            2,
            2,
            4,
            4,
        ]
        assert [Stacked.other_way(1.0), thing.other_way(1.0), thing.partial(1.0)] == [5.0, 5.0, 6.0]
        assert [thing.one(1.0), thing.two(2.0), thing.one(3.0)] == [2.0, 4.0, 6.0]

    def test_the_class_itself_has_programs_of_its_own(self):
        class Wider(Stacked):
            scale = 10.0

        assert (Stacked.by_class(1.0), Wider.by_class(1.0), Stacked.by_class(1.0)) == (2.0, 10.0, 2.0)

    def test_a_method_of_one_object_in_the_class_of_another(self):
        class Other:
            slope = 7.0
            at = Line(2.0).at

        assert Other().at(5.0) == 10.0

    def test_set_after_the_class_was_made(self):
        class Other:
            slope = 7.0

        Other.at = compile(Line.rise)
        assert Other().at(5.0) == 35.0

    def test_it_tells_what_it_is(self):
        at = Line(2.0).at
        assert (at.__name__, list(inspect.signature(at).parameters)) == ("at", ["x"])
        assert repr(at) == "<compiled Line.at>"
        assert not hasattr(at, "slope")
        assert Line(2.0).at != at == at
        assert at != "at"


class TestLife:
    @pytest.mark.parametrize("kind", [Line, Weak, Equal, Frozen])
    def test_an_instance_is_freed_at_once_with_its_programs(self, kind):
        gc.collect()
        descriptor = vars(kind).get("at") or vars(kind.__mro__[1])["at"]
        before = len(descriptor._methods)
        line = kind(2.0)
        line.at(5.0)
        assert len(descriptor._methods) == before + 1
        ref, programs = weakref.ref(line), weakref.ref(line.at._programs)
        gc.disable()
        try:
            del line
            assert ref() is None
        finally:
            gc.enable()
        assert programs() is None
        assert len(descriptor._methods) == before

    def test_a_method_keeps_its_instance_alive(self):
        assert Line(2.0).at(5.0) == 10.0
        at = Line(3.0).at
        gc.collect()
        assert at(5.0) == 15.0
        assert at([5.0][0], *()) == 15.0
        assert at.grad(5.0) == 3.0

    def test_cycles_are_collected(self):
        line = Line(2.0)
        line.self, line.kept = line, line.at
        line.at(5.0)
        ref = weakref.ref(line)
        del line
        gc.collect()
        assert ref() is None

    def test_an_id_that_is_used_again(self):
        for k in range(200):
            assert Line(float(k)).at(1.0) == k
            assert Bare(float(k)).at(1.0) == k

    def test_captured_values_are_read_anew(self):
        line = Line(Value(2.0))
        assert line.at(5.0) == 10.0
        line.slope.data = 3.0
        assert line.at(5.0) == 15.0

    def test_threads(self):
        lines, wrong = [Line(float(k)) for k in range(4)], []

        def work():
            for _ in range(50):
                wrong.extend(k for k, line in enumerate(lines) if line.at(2.0) != 2.0 * k)

        threads = [threading.Thread(target=work) for _ in range(6)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(60.0)
        assert not wrong
