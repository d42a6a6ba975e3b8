"""Comparisons of numbers are those of floats, whatever kind they are; and what a set or a dict makes of them."""

from __future__ import annotations

import collections
import functools
import itertools
import math
import operator
import types
from decimal import Decimal
from fractions import Fraction

import hypothesis
import hypothesis.strategies as st
import pytest
import replaying

import autodiff
import nn
from autodiff import GraphError, TraceError, Value, compile, draw_forward, explain, grad, jvp, sin, where
from autodiff.derivatives.forward import Dual

np = pytest.importorskip("numpy", reason="NumPy is not installed")

pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")  # 1e300 as a float32

COMPARISONS = [operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge]
FLOATS = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -2.5, 5e-324, 1e300, 2.0**53]

NUMBERS = st.one_of(
    st.sampled_from(FLOATS),
    st.floats(),
    st.integers(-3, 3),
    st.booleans(),
    st.sampled_from([2**53 + 1, -(10**400), 10**400, Fraction(1, 3), Fraction(-5, 2)]),
    st.sampled_from([np.float64(1.0), np.float64(math.nan), np.float32(0.1), np.int64(1), np.int8(-1), np.uint8(0)]),
)
"""What may stand on the other side."""

KINDS = {
    "Value": Value,
    "Dual": lambda x: Dual(1, x, 1.0),
    "Dual of a Dual": lambda x: Dual(2, Dual(1, x, 1.0), 1.0),
    "Dual of a Value": lambda x: Dual(1, Value(x), 1.0),
}


@pytest.mark.parametrize("kind", KINDS)
@hypothesis.given(compare=st.sampled_from(COMPARISONS), x=st.sampled_from(FLOATS) | st.floats(), other=NUMBERS)
def test_they_are_those_of_floats(kind, compare, x, other):
    """Reflected, too; and with a number of any kind on both sides."""
    made = KINDS[kind](x)
    assert bool(compare(made, other)) is bool(compare(x, other))
    assert bool(compare(other, made)) is bool(compare(other, x))
    if type(other) is float:
        for another in KINDS.values():
            assert compare(made, another(other)) is compare(x, other)


TRANSFORMS = {
    "grad": lambda f, x: autodiff.value_and_grad(f)(x)[0],
    "jvp": lambda f, x: jvp(f, (x,), (1.0,))[0],
    "vjp": lambda f, x: autodiff.vjp(f, x)[0],
    "compile": lambda f, x: compile(f, backend="python")(x),
    "compiled value_and_grad": lambda f, x: compile(f, backend="python").value_and_grad(x)[0],
    "compiled jvp": lambda f, x: compile(f, backend="python").jvp((x,), (1.0,))[0],
    "compile of grad": lambda f, x: compile(lambda y: autodiff.value_and_grad(f)(y)[0], backend="python")(x),
    "grad of compile": lambda f, x: autodiff.value_and_grad(compile(f, backend="python"))(x)[0],
    "grad of jvp": lambda f, x: autodiff.value_and_grad(lambda y: jvp(f, (y,), (1.0,))[0])(x)[0],
}


@pytest.mark.parametrize("transform", TRANSFORMS)
@hypothesis.given(compare=st.sampled_from(COMPARISONS), x=st.sampled_from(FLOATS), other=NUMBERS, left=st.booleans())
def test_inside_every_transform_they_choose_as_for_floats(transform, compare, x, other, left):
    """Or say that they cannot: a program holds floats."""

    def function(y):
        return where(compare(other, y) if left else compare(y, other), 2.0, 3.0) + 0.0 * where(1.0, 0.0, y)

    found, problem = outcome(lambda: TRANSFORMS[transform](function, x))
    if problem is None:
        assert found == function(x)
    else:
        assert "A program compares floats" in problem
        assert type(other) in (int, Fraction, np.float32)


def outcome(function):
    """What a function returns; or what a `TraceError` says."""
    try:
        return function(), None
    except TraceError as error:
        return None, str(error)


@pytest.mark.parametrize("backend", replaying.BACKENDS)
@pytest.mark.parametrize("compare", [operator.eq, operator.ne])
def test_equality_in_a_program(backend, compare):
    f = compile(lambda x, y: where(compare(x, y), 2.0, 3.0), backend=backend)
    for x, y in itertools.product(FLOATS, repeat=2):
        assert f(x, y) == (2.0 if compare(x, y) else 3.0)


OTHERS = [None, "1.0", [1.0], (), object(), math, 1.0 + 0.0j, 1.0 + 2.0j, Decimal(1), Decimal("0.1"), b"", float]


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: type(other).__name__)
class TestWhatIsNoRealNumber:
    def test_is_compared_as_with_a_float(self, other):
        for make in KINDS.values():
            assert (make(1.0) == other) is (other == make(1.0)) is (other == 1.0)
            assert (make(1.0) != other) is (other != make(1.0)) is (other != 1.0)

    def test_has_no_order(self, other):
        if not isinstance(other, Decimal):
            for make in KINDS.values():
                with pytest.raises(TypeError, match="not supported between"):
                    operator.lt(make(1.0), other)

    @pytest.mark.parametrize("transform", TRANSFORMS)
    def test_inside_every_transform(self, transform, other):
        found, problem = outcome(lambda: TRANSFORMS[transform](lambda x: 2.0 * x if x == other else 3.0 * x, 1.0))
        if problem is None:
            assert found == (2.0 if other == 1.0 else 3.0)
        else:
            assert "a comparison with the" in problem
            assert isinstance(other, (complex, Decimal))


def test_arrays_compare_element_by_element():
    x, numbers = Value(1.0), np.array([0.0, 1.0, math.nan])
    for found in (x == numbers, numbers == x, np.array([Value(v) for v in numbers]) == x):
        assert found.tolist() == [False, True, False]
    assert (x != numbers).tolist() == [True, False, True]
    with pytest.raises(TraceError, match="the truth"):
        compile(lambda y: y * float((y == numbers).any()))(1.0)
    assert compile(lambda v: [where(t, 1.0, 2.0) for t in [y == 1.0 for y in v]])(numbers)[1] == 1.0


class TestLists:
    def test_they_find_numbers(self):
        x, y = Value(1.0), Value(2.0)
        assert y in [2.0]
        assert 2.0 in [x, y]
        assert [1.0, 2.0].index(y) == 1
        assert [1.0, y, 2].count(2.0) == 2
        assert Value(math.nan) not in [Value(math.nan)]
        assert (x, [y]) == (1.0, [2.0])

    @pytest.mark.parametrize(
        "function",
        [
            lambda x: 2.0 * x if x in [0.0, 1.0] else 3.0 * x,
            lambda x: 2.0 * x if 1.0 in (x, 5.0) else 3.0 * x,
            lambda x: [3.0, 3.0].count(x) * x + x + x,
            lambda x: [7.0, 5.0, 1.0].index(x) * x,
            lambda x: 2.0 * x if (x, 0.0) == (1.0, 0.0) else 3.0 * x,
            lambda x: 2.0 * x if {"a": x} == {"a": 1.0} else 3.0 * x,
            lambda x: 2.0 * x if types.SimpleNamespace(a=x) == types.SimpleNamespace(a=1.0) else 3.0 * x,
        ],
    )
    def test_under_transforms(self, function):
        assert grad(function)(1.0) == jvp(function, (1.0,), (1.0,))[1] == function(1.0) == 2.0
        with pytest.raises(TraceError, match="the truth of a Value"):
            compile(function)(1.0)


TABLE = {0.0: 5.0, 1.0: 7.0}
HASHES = {
    "in a set": lambda x: 2.0 * x if x in {0.0, 1.0} else 3.0 * x,
    "in a frozenset": lambda x: 2.0 * x if 1.0 in frozenset([x]) else 3.0 * x,
    "a table": lambda x: TABLE[x] * x,
    "a table with a default": lambda x: TABLE.get(x, 3.0) * x,
    "a key": lambda x: x * {x: 5.0}.get(1.0, 3.0),
    "a cache": lambda x: functools.lru_cache(lambda y: y * y)(x),
    "distinct": lambda x: x * len({x, 1.0 * x, 1.0}),
    "a counter": lambda x: x * collections.Counter([x, 1.0]).most_common()[0][1],
    "in a tuple": lambda x: x * {(1.0, "a"): 2.0}.get((x, "a"), 3.0),
    "of what is computed": lambda x: x * TABLE.get(sin(x) * 0.0, 3.0),
    "setdefault": lambda x: x * {1.0: 2.0}.setdefault(x, 3.0),
    "caught": lambda x: caught(lambda: TABLE[x], 3.0) * x,
    "caught as an attribute": lambda x: getattr(types.SimpleNamespace(), "a", caught(lambda: hash(x), 0)) * x,
}


def caught(function, default):
    try:
        return function()
    except Exception:
        return default


class TestHashes:
    def test_they_are_those_of_identity(self):
        x, y = Value(1.0), Value(1.0)
        assert len({x, y, x}) == 2
        assert {x: "x", y: "y"}[y] == "y"
        assert x not in {1.0}
        before = hash(x)
        x.data = 2.0
        assert hash(x) == before

    @pytest.mark.parametrize("name", HASHES)
    @pytest.mark.parametrize("transform", TRANSFORMS)
    def test_of_a_number_of_the_function_they_are_refused(self, name, transform):
        kind = GraphError if transform in ("grad", "jvp", "vjp", "grad of jvp", "grad of compile") else TraceError
        with pytest.raises(kind, match=r"the hash of a (Value|Dual) .*compare by ==, or take id\(v\)") as problem:
            TRANSFORMS[transform](HASHES[name], 1.0)
        assert type(problem.value) is kind
        assert hash(Value(1.0)), "afterwards all is as before"

    def test_what_belongs_to_nobody_has_one(self):
        """Eager code finds its own nodes by identity, in a function that is traced or differentiated, too."""
        w = [Value(2.0), Value(3.0)]
        numbers = {v: k for k, v in enumerate(w)}

        def function(x):
            constant = Value(5.0)
            return x * w[numbers[w[1]]] * len({constant, w[0], *w}) * {constant: 1.0}[constant]

        expected = 2.0 * 3.0 * 3.0
        assert function(2.0).data == expected
        for transform in TRANSFORMS.values():
            assert float(transform(function, 2.0)) == expected

    def test_what_is_around_a_function_is_refused_in_it_as_well(self):
        def inner(y, x):
            return TABLE.get(x, 3.0) * y

        with pytest.raises(GraphError, match="the hash"):
            grad(lambda x: grad(inner)(2.0, x) * x)(1.0)
        with pytest.raises(TraceError, match="the hash"):
            compile(lambda x: grad(inner)(2.0, x) * x)(1.0)
        assert grad(lambda x: grad(inner)(2.0, 1.0) * x)(1.0) == 7.0

    def test_tables_of_our_own_are_none_of_it(self):
        """Drawings, explanations and copies of what is differentiated."""
        sources = []

        def function(x):
            y = x * x + sin(x)
            sources.append((draw_forward(y).source, str(explain(y, x)), y.compile([x])(1.0)))
            return y

        assert grad(function)(1.0) == 2.0 + math.cos(1.0)
        assert sources[0][2] == 1.0 + math.sin(1.0)

    def test_a_modules_parameters_and_optimizers_work_in_a_function(self):
        model = nn.MLP(2, [3, 1], seed=0)

        def function(x):
            optimizer = nn.optim.SGD(model.parameters(), lr=0.1)
            assert len(set(model.parameters())) == len(optimizer.parameters)
            return model([x, 1.0])

        assert grad(function)(1.0) == compile(function).grad(1.0)


class TestTheRemovableSingularity:
    """Its value is right everywhere; its gradient at 0 needs the second `where` that the docstring tells of."""

    @staticmethod
    def sinc(x):
        return where(x == 0, 1.0, sin(x) / x)

    @staticmethod
    def safe(x):
        return where(x == 0, 1.0, sin(x) / where(x == 0, 1.0, x))

    @pytest.mark.parametrize("transform", TRANSFORMS)
    def test_values(self, transform):
        for x in (0.0, -0.0, 1.0, math.nan):
            expected = 1.0 if x == 0.0 else math.sin(x) / x
            for function in (self.sinc, self.safe):
                assert TRANSFORMS[transform](function, x) == pytest.approx(expected, rel=1e-15, nan_ok=True)

    def test_gradients(self):
        for find in (grad, lambda f: compile(f).grad):
            assert math.isnan(find(self.sinc)(0.0))
            assert find(self.safe)(0.0) == 0.0
            assert find(self.sinc)(1.0) == find(self.safe)(1.0) == pytest.approx(math.cos(1.0) - math.sin(1.0))

    def test_unequal(self):
        f = compile(lambda x: where(x != 0, sin(x) / where(x != 0, x, 1.0), 1.0))
        assert [f(x) for x in (0.0, 1.0)] == [1.0, math.sin(1.0)]

    def test_in_training(self):
        class Scaled(nn.Module):
            def __init__(self):
                self.w = nn.parameter(0.5)

            def __call__(self, x):
                return self.w * TestTheRemovableSingularity.safe(x[0])

        rows = [[k / 4] for k in range(-4, 5)]
        targets = [3.0 * self.safe(r) for (r,) in rows]
        ends = []
        for eager in (False, True):
            model = Scaled()
            optimizer = nn.optim.SGD(model.parameters(), lr=0.3)
            history = nn.fit(
                model, (rows, targets), epochs=5, optimizer=optimizer, loss=nn.losses.mse, eager=eager, progress=False
            )
            assert history.backend.startswith("eager") is eager
            ends.append(model.w.data)
        assert ends[0] == pytest.approx(ends[1], rel=1e-12)
        assert ends[0] == pytest.approx(3.0, abs=0.1)


class Switch(nn.Module):
    def __init__(self):
        self.w = [nn.parameter(0.1), nn.parameter(0.2)]
        self.slot = {p: k for k, p in enumerate(self.w)}


class ByBranch(Switch):
    def __call__(self, x):
        if x[1] == 1.0:
            return self.w[0] * x[0]
        return self.w[1] * x[0]


class ByList(Switch):
    def __call__(self, x):
        return self.w[[1.0, 0.0].index(x[1])] * x[0]


class ByTable(Switch):
    def __call__(self, x):
        return self.w[{1.0: 0, 0.0: 1}[x[1]]] * x[0]


class ByMembership(Switch):
    def __call__(self, x):
        return self.w[0 if x[1] in {1.0} else 1] * x[0]


class ByCatching(Switch):
    def __call__(self, x):
        return self.w[caught(lambda: 0 if x[1] != 0.0 else 1, 1)] * x[0]


class ByWhere(Switch):
    def __call__(self, x):
        return where(x[1] == 1.0, self.w[0], self.w[1]) * x[0]


class ByParameter(Switch):
    """Looks up its own parameters, which are Values in eager code, too."""

    def __call__(self, x):
        return where(x[1] != 1.0, self.w[self.slot[self.w[1]]], self.w[self.slot[self.w[0]]]) * x[0]


@pytest.mark.parametrize("kind", [ByBranch, ByList, ByTable, ByMembership, ByCatching, ByWhere, ByParameter])
def test_training_is_right_or_says_that_it_is_eager(kind):
    rows = [[0.25 * (k - 10), float(k % 2)] for k in range(20)]
    targets = [(2.0 if switch else -1.0) * x for x, switch in rows]
    model = kind()
    optimizer = nn.optim.SGD(model.parameters(), lr=0.2)
    history = nn.fit(model, (rows, targets), epochs=30, optimizer=optimizer, loss=nn.losses.mse, progress=False)
    assert [p.data for p in model.w] == pytest.approx([2.0, -1.0], abs=1e-3)
    assert history.backend.startswith("eager") is (kind not in (ByWhere, ByParameter))
    step = nn.compile(kind(), nn.losses.mse)
    if kind in (ByWhere, ByParameter):
        assert step(rows, targets) > 0.0
    else:
        with pytest.raises(TypeError, match=r"the (truth|hash) of a Value"):
            step(rows, targets)


class TestNodesAreFoundByIdentity:
    """Where the engine and `nn` look for nodes, equal numbers are not one node."""

    def test_inputs_of_a_compiled_graph(self):
        x, y, w = Value(1.0), Value(1.0), Value(1.0)
        f = (x * 2.0 + y * 3.0 + w).compile([y, x], wrt=[x])
        assert f(1.0, 0.0) == 4.0
        assert f.grad(1.0, 0.0) == (2.0,)
        with pytest.raises(ValueError, match="none of the inputs"):
            (x * y).compile([x], wrt=[y])
        with pytest.raises(ValueError, match="twice"):
            (x * y).compile([x, y, x])

    def test_a_weight_that_is_replaced_by_an_equal_one(self):
        neuron = nn.Neuron(2, activation="linear", init="zeros")
        neuron([1.0, 2.0])
        old, new = neuron.w[1], nn.parameter(0.0)
        neuron.w[1] = new
        neuron([1.0, 2.0]).backward()
        assert (old.grad, new.grad) == (0.0, 2.0)

    @pytest.mark.parametrize(
        "change",
        [
            lambda w, v: w.__setitem__(slice(1, 2), [v]),
            lambda w, v: (w.pop(), w.append(v)),
            lambda w, v: (w.pop(), w.extend([v])),
            lambda w, v: (w.insert(2, v), w.__delitem__(1)),
            lambda w, v: (w.clear(), w.__iadd__([Value(0.0), v])),
            lambda w, v: (w.remove(w[1]), w.append(v)),
            lambda w, v: (w.__setitem__(0, v), w.reverse()),
            lambda w, v: (w.__setitem__(0, v), w.sort(key=lambda p: p is v)),
        ],
    )
    def test_however_it_is_replaced(self, change):
        neuron = nn.Neuron(2, activation="linear", init="zeros")
        neuron([1.0, 2.0])
        new = nn.parameter(0.0)
        change(neuron.w, new)
        neuron([1.0, 2.0]).backward()
        assert new.grad == 2.0
        neuron.w = [nn.parameter(0.0), new]  # a plain list
        neuron([1.0, 3.0]).backward()
        assert new.grad == 5.0

    def test_outputs_of_a_drawing(self):
        x = Value(1.0)
        assert draw_forward(x * 1.0).source.count("penwidth") == 1
