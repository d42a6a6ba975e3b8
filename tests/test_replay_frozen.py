"""What may change between two calls of a compiled function is no constant of its program, or somebody says so."""

from __future__ import annotations

import itertools
import math
import random
import threading
import time
from array import array
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import NamedTuple

import pytest

import autodiff
from autodiff import TraceError, Value, compile, exp, scope, sin
from autodiff.replay.tracer import Tracer
from autodiff.value import parameter, write


def traced(function, lanes=(False,), kind="one"):
    """The tracing of a function of as many numbers as there are lanes."""
    tracer = Tracer(lanes)
    tracer.want([tracer.trace(function, *tracer.leaves)], kind)
    return tracer


class TestTheSameTracing:
    """`Tracer.same` tells a function that records the same at each call from one that does not."""

    captured = Value(3.0)

    @pytest.mark.parametrize(
        "function",
        [
            lambda x: x * x + 1.0,
            lambda x: x * TestTheSameTracing.captured,
            lambda x: x * Value(2.0),
            lambda x: x * math.nan,
            lambda x: x + 0.0 * random.random() * 0.0,
            lambda x: (x * random.random(), exp(x))[1],
        ],
        ids=["plain", "captured", "made inside", "nan", "noise times zero", "noise that nothing needs"],
    )
    def test_same(self, function):
        assert traced(function).same(traced(function))

    def test_different(self):
        count = itertools.count()
        different = {
            "noise": lambda x: x * random.random(),
            "a Value with noise": lambda x: x * Value(random.random()),
            "the sign of zero": lambda x: x + (0.0, -0.0)[next(count) % 2],
            "another Value": lambda x: x * fresh[next(count) % 2],
            "another operation": lambda x: (sin, exp)[next(count) % 2](x),
            "another length": lambda x: sum([x] * next(count), x),
            "a number that counts": lambda x: x * float(next(count)),
        }
        fresh = [Value(1.0), Value(1.0)]
        for what, function in different.items():
            assert not traced(function).same(traced(function)), what

    def test_inputs_and_outputs_count(self):
        first, second = (lambda x, y: x), (lambda x, y: y)
        assert not traced(first, (False, False)).same(traced(second, (False, False)))
        assert not traced(first, (True, False)).same(traced(first, (False, False)))
        assert not traced(first, (True, True), "each").same(traced(first, (True, True), "sum"))


@dataclass(frozen=True)
class Config:
    rate: float


class Pair(NamedTuple):
    a: float
    b: float


class Color(Enum):
    RED = 1
    ALSO = 2


class ById:
    """Equal to others of its kind, and it does not say what it is."""

    def __init__(self, k):
        self.k = k

    def __eq__(self, other):
        return isinstance(other, ById) and self.k == other.k

    def __hash__(self):
        return hash(self.k)


APART = [
    (0.0, -0.0),
    (1, True),
    (0, False),
    (1, 1.0),
    ((1,), (True,)),
    ((0.0, "a"), (-0.0, "a")),
    ((1, (2, 0.0)), (1, (2, -0.0))),
    (Pair(0.0, 1.0), Pair(-0.0, 1.0)),
    (Pair(0.0, 1.0), (0.0, 1.0)),
    (frozenset([0.0]), frozenset([-0.0])),
    (frozenset([1, 2]), frozenset([True, 2])),
    (Config(0.0), Config(-0.0)),
    (Config(1), Config(True)),
    (Decimal("0"), Decimal("-0")),
    (Decimal("1.0"), Decimal("1.00")),
    (Fraction(1), 1),
    (complex(0.0, 0.0), complex(0.0, -0.0)),
    (Color.RED, 1),
    ("1", 1),
    (b"a", "a"),
    (None, False),
    (range(0, 3, 2), range(0, 4, 2)),
    (ById(1), ById(2)),
    (math.nan, 1.0),
]
TOGETHER = [
    (math.nan, float("nan")),
    ((1, math.nan), (1, float("nan"))),
    (0.5, 0.5),
    ("ab", "".join(["a", "b"])),
    ((1, ("a", 2.0)), (1, ("a", 2.0))),
    (frozenset([1, 2]), frozenset([2, 1])),
    (Config(2.0), Config(2.0)),
    (ById(1), ById(1)),
    (len, len),
    (Fraction(1, 2), Fraction(2, 4)),
]


class TestStaticArguments:
    @staticmethod
    def told(pair):
        """What a function that tells what it was given says of both, twice."""
        function = compile(lambda x, n: x * seen.setdefault(repr(n), float(len(seen) + 2)), static_argnums=1)
        seen = {}
        found = [function(1.0, n) for n in (*pair, *pair)]
        return found, len(function._programs.entries)

    @pytest.mark.parametrize("pair", APART, ids=range(len(APART)))
    def test_apart(self, pair):
        for first, second in (pair, pair[::-1]):
            found, programs = self.told((first, second))
            assert programs == 2
            assert (found[0] == found[1]) is (repr(first) == repr(second))
            assert found[:2] == found[2:]

    @pytest.mark.parametrize("pair", TOGETHER, ids=range(len(TOGETHER)))
    def test_together(self, pair):
        assert self.told(pair)[1] == 1

    def test_numbers_of_numpy(self):
        numpy = pytest.importorskip("numpy", reason="NumPy is not installed")
        kinds = [numpy.float64, numpy.float32, numpy.int64, numpy.bool_, float, int, bool]
        function = compile(lambda x, n: x if isinstance(n[0], kinds[0]) else x * 2.0, static_argnums=1)
        for _ in range(2):
            for k, kind in enumerate(kinds):
                assert function(1.0, (kind(1),)) == (1.0 if k == 0 else 2.0)
                function(1.0, (kind(0), (kind(1),)))
        assert len(function._programs.entries) == 2 * len(kinds)
        for zero in (numpy.float32(0.0), numpy.float32(-0.0)):
            assert function(1.0, (zero, 1)) == 2.0
        assert len(function._programs.entries) == 2 * len(kinds) + 2

    @pytest.mark.parametrize("value", [[1], {1: 2}, (1, [2]), {1}, (frozenset(), bytearray(b"a"))], ids=repr)
    def test_what_cannot_be_told(self, value):
        with pytest.raises(TypeError, match="static_argnums must be hashable, as a tuple is; got"):
            compile(lambda x, n: x, static_argnums=1)(1.0, value)

    def test_keys_of_dictionaries(self):
        function = compile(lambda p: [x * (2.0 if isinstance(k, bool) else 3.0) for k, x in p.items()])
        assert function({1: 1.0}) == [3.0]
        assert function({True: 1.0}) == [2.0]
        assert function({1.0: 1.0}) == [3.0]
        assert function({1: 2.0}) == [6.0]


LEAVES = {
    "plain": lambda: Value(2.0),
    "labelled": lambda: Value(2.0, "w"),
    "a parameter": lambda: parameter(2.0),
    "labelled and in a scope": lambda: scope("s")(lambda: Value(2.0, "w"))(),
    "in a scope": lambda: scope("s")(lambda: Value(2.0))(),
}
WRITES = {
    "data": lambda w, x: setattr(w, "data", x),
    "all at once": lambda w, x: write([w], [x]),
    "data and a label": lambda w, x: (setattr(w, "data", x), setattr(w, "label", "new")),
    "twice": lambda w, x: (write([w], [0.0]), setattr(w, "data", x)),
}


@pytest.mark.parametrize("leaf", LEAVES)
@pytest.mark.parametrize("how", WRITES)
def test_what_another_thread_writes_while_a_function_is_recorded(leaf, how):
    """It is read at each call, as what was there before; and what the function makes stays a constant."""
    w = LEAVES[leaf]()

    def function(x):
        other = threading.Thread(target=WRITES[how], args=(w, 3.0))
        other.start()
        other.join(10.0)
        return w * x + Value(1.0)

    f = compile(function)
    assert f(2.0) == 7.0
    w.data = 5.0
    assert f(2.0) == 11.0
    assert f.value_and_grad(2.0) in ((11.0, 5.0), (7.0, 3.0))  # it writes when it is recorded
    assert len(f._programs.entries[next(iter(f._programs.entries))].kernel.program.inputs) == 2


class Noisy:
    def __init__(self):
        self.random, self.count, self.noise = random.Random(1), 0, 0.0

    def draws(self, x):
        return x * self.random.random()

    def counts(self, x):
        self.count += 1
        return x * self.count

    def decays(self, x):
        self.noise = 0.5 * self.noise + 1.0
        return x + self.noise


count = itertools.count()
NUMBERS = {
    "random": lambda x: x * random.random(),
    "gauss": lambda x: x + random.gauss(0.0, 1.0),
    "its own": Noisy().draws,
    "the time": lambda x: x * time.perf_counter(),
    "a count": Noisy().counts,
    "a running mean": Noisy().decays,
    "an iterator": lambda x: x * next(count),
    "a Value": lambda x: x * Value(random.random()),
    "a length": lambda x: autodiff.sum([x] * random.randrange(2, 10**5)),
}
STRUCTURES = {
    "an order": lambda x: random.sample([x, 2.0 * x, x * x, -x, x - 1.0] * 20, 100),
    "a choice": lambda x: [random.choice([sin, exp])(x) for _ in range(50)],
    "a constant": lambda x: [x, random.random()],
    "a key": lambda x: {str(random.random()): x},
}


@pytest.mark.parametrize("name", [*NUMBERS, *STRUCTURES])
def test_random_numbers_are_not_kept(name):
    function = {**NUMBERS, **STRUCTURES}[name]
    f, batch = compile(function), compile(function, in_axes=0)
    ways = [f, lambda x: batch(array("d", [x]))]
    if name in NUMBERS:
        ways += [f.grad, f.value_and_grad, lambda x: f.jvp((x,), (1.0,))]
        ways.append(compile(lambda x: function(x) ** 3).hessian)
    for way in ways:
        with pytest.raises(
            TraceError, match=r"does not compute the same each time that it is called: .*as an argument"
        ):
            way(2.0)


def test_what_prepares_itself_at_the_first_call_is_recorded_as_it_is_afterwards():
    kept = {}

    def function(x):
        if "w" not in kept:
            kept["w"] = random.random()
            return x * 2.0
        return x * kept["w"]

    f = compile(function)
    assert f(2.0) == 2.0 * kept["w"] == function(2.0)


def test_random_numbers_in_a_value_or_an_argument():
    noise = Value(0.0)
    f, g = compile(lambda x: x + noise), compile(lambda x, noise: x + noise)
    for _ in range(5):
        noise.data = random.random()
        assert f(1.0) == g(1.0, noise.data) == 1.0 + noise.data


def test_seeded_numbers_are_constants():
    f = compile(lambda x: x * random.Random(3).random())
    assert f(2.0) == 2.0 * random.Random(3).random()


def test_it_is_called_twice_for_a_program_and_not_again():
    calls = []
    f = compile(lambda x: calls.append("called") or x * x)
    for _ in range(5):
        f(2.0)
    assert len(calls) == 2
    f.grad(2.0)
    assert len(calls) == 4


def _grows(xs):
    xs.append(xs[0] * 2.0)
    return xs[-1]


def _sorts_by_name(p):
    p["b"], p["a"] = p.pop("b"), p.pop("a")
    return p["a"] + p["b"]


def _scales(x):
    x *= 2.0
    return x[0]


CHANGED = {
    "a list grows": (_grows, [1.0, 2.0]),
    "a list shrinks": (lambda xs: xs.pop() * xs[0], [1.0, 2.0]),
    "an item": (lambda xs: xs.__setitem__(0, xs[0] * 2.0) or xs[0], [1.0, 2.0]),
    "the order": (lambda xs: xs.reverse() or xs[0], [1.0, 2.0]),
    "deep inside": (lambda p: p["a"][1].append(p["b"]) or p["b"], {"a": [1.0, [2.0]], "b": 3.0}),
    "a key": (lambda p: p.setdefault("c", p["a"]) * 2.0, {"a": 1.0}),
    "the order of keys": (_sorts_by_name, {"a": 1.0, "b": 2.0}),
    "a number for a list": (lambda xs: xs.__setitem__(0, 1.0) or xs[1], [[1.0], 2.0]),
}


@pytest.mark.parametrize("name", CHANGED)
def test_arguments_that_are_changed_in_place(name):
    function, given = CHANGED[name]
    with pytest.raises(TraceError, match="changes its argument 1 in place, and a program would not"):
        compile(lambda x, y: x * function(y))(2.0, given)
    expected = 2.0 * function(_copied(given))
    assert compile(lambda x, y: x * function(_copied(y)))(2.0, given) == expected


def _copied(tree):
    if isinstance(tree, dict):
        return {k: _copied(x) for k, x in tree.items()}
    return list(map(_copied, tree)) if isinstance(tree, list) else tree


def test_arrays_that_are_changed_in_place():
    numpy = pytest.importorskip("numpy", reason="NumPy is not installed")
    with pytest.raises(TraceError, match="_scales changes its argument 0 in place"):
        compile(_scales)(numpy.array([1.0, 2.0]))
    assert compile(lambda x: _scales(x.copy()))(numpy.array([1.0, 2.0])) == 2.0
    assert compile(_scales).grad(numpy.array([1.0, 2.0])).tolist() == [2.0, 0.0]


def test_what_is_not_changed_may_be_looked_at():
    f = compile(lambda p, *rest: p["a"][0] + rest[0])
    assert f({"a": (1.0, 2.0)}, 3.0) == 4.0


class Named(dict):
    """A dictionary that knows more than its items."""

    def __init__(self, k, **items):
        super().__init__(items)
        self.k = k


def test_what_a_dictionary_knows_besides_its_items():
    f = compile(lambda d: d["a"] * d.k)
    for _ in range(2):
        assert [f(Named(k, a=3.0)) for k in (2.0, 5.0, -0.0)] == [6.0, 15.0, -0.0]
    assert math.copysign(1.0, f(Named(-0.0, a=3.0))) == -1.0
    two, three = defaultdict(lambda: 2.0, a=1.0), defaultdict(lambda: 3.0, a=1.0)
    g = compile(lambda d: d["a"] * d["b"])
    assert [g.grad(d)["a"] for d in (two, three, two)] == [2.0, 3.0, 2.0]
    with pytest.raises(TraceError, match="changes its argument 0 in place"):
        g(two)


def test_integers_that_are_no_floats():
    f = compile(lambda n: n - 2.0**53)
    assert f(2**53 + 2) == 2.0
    for n in (2**53 + 1, -(2**60) - 1):
        for given in (n, [n]):
            with pytest.raises(ValueError, match=rf"argument 0(\[0\])? is {n}, which no float is.*take float"):
                compile(lambda x: x)(given)
        with pytest.raises(ValueError, match=rf"what is returned is {n}, which no float is"):
            compile(lambda x, n=n: [x, n])(1.0)
    with pytest.raises(OverflowError):
        f(10**400)
    assert compile(lambda x, n: x * (n % 10), static_argnums=1)(1.0, 2**60 + 1) == (2**60 + 1) % 10
