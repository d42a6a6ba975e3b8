"""Every backend gives what eager gives: every operation, every edge case, random graphs; values and two derivatives."""

from __future__ import annotations

import functools
import itertools
import math
from random import Random

import edge_cases
import pytest
import replaying
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st
from replaying import BACKENDS, OPS, SPECIAL, allowed, applied, close, flattened, partials, same, table, width

import autodiff
from autodiff import Value
from autodiff.operation import OPERATIONS

np = pytest.importorskip("numpy", reason="NumPy is not installed: the tests compare whole batches")

MODES = ["value_and_grad", "hessian"]
FEW = settings(max_examples=max(20, settings.default.max_examples // 10))
"""Each random graph has to be compiled."""


def numbers(random: Random) -> float:
    """One of those that make trouble, a moderate one, or one of any size."""
    return random.choice(
        [
            random.choice(SPECIAL),
            random.uniform(-8.0, 8.0),
            random.uniform(-1.0, 1.0),
            random.choice([-1.0, 1.0]) * 2.0 ** random.uniform(-40.0, 40.0),
            random.choice([-1.0, 1.0]) * 2.0 ** random.uniform(-1000.0, 1000.0),
        ]
    )


@functools.cache
def points(count: int, wide: int) -> list[tuple[float, ...]]:
    random = Random(wide)
    found = [(x,) for x in SPECIAL] if wide == 1 else []
    if wide == 2:
        found = random.sample(list(itertools.product(SPECIAL, repeat=2)), 60)
    return [*found, *(tuple(numbers(random) for _ in range(wide)) for _ in range(count))]


@functools.cache
def compiled(name: str, backend: str):
    op = OPERATIONS[name]
    k = width(op)
    return autodiff.compile(
        lambda *xs: applied(op, xs), in_axes=(0,) * k, argnums=tuple(range(k)), backend=backend, cache_size=2
    )


@functools.cache
def eager_at(name: str, mode: str):
    """What eager gives at the fixed points, one row an output."""
    return eager(name, mode, points(60, width(OPERATIONS[name])))


def eager(name: str, mode: str, at):
    op = OPERATIONS[name]
    derived = getattr(autodiff, mode)(lambda *xs: applied(op, xs), argnums=tuple(range(width(op))))
    return np.array([flattened(derived(*p)) for p in at]).T


def disagreements(name: str, mode: str, backend: str, at, expected):
    """Where a backend is not within what rounding may do, and for how many numbers that is not known."""
    f = compiled(name, backend)
    columns = np.array(at).T.copy()
    got = np.array(flattened(getattr(f, mode)(*columns)))
    program = f._latest(mode).kernel.program
    bounds = allowed(program, [], columns)
    good = close(got, expected, bounds)
    unknown = np.count_nonzero(~np.isfinite(bounds) & np.isfinite(expected)) / good.size
    wrong = [(at[i], float(got[o, i]), float(expected[o, i]), float(bounds[o, i])) for o, i in np.argwhere(~good)]
    return wrong, unknown


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("op", OPS)
def test_every_operation(op, backend):
    at = points(60, width(op))
    for mode in MODES:
        wrong, unknown = disagreements(op.name, mode, backend, at, eager_at(op.name, mode))
        assert not wrong, (mode, wrong[:5])
        assert unknown < 0.1, "too little is compared"


@pytest.mark.parametrize("backend", BACKENDS)
@given(data=st.data())
def test_every_operation_at_any_floats(backend, data):
    name = data.draw(st.sampled_from(list(OPERATIONS)))
    k = width(OPERATIONS[name])
    at = data.draw(st.lists(st.tuples(*[st.floats() | st.floats(-9.0, 9.0)] * k), min_size=1, max_size=20))
    for mode in MODES:
        wrong, _ = disagreements(name, mode, backend, at, eager(name, mode, at))
        assert not wrong, (mode, wrong[:5])


@pytest.mark.parametrize("op", OPS)
def test_plain_python_has_the_same_bits(op):
    f = compiled(op.name, "python")
    at = points(60, width(op))
    expected = eager_at(op.name, "value_and_grad")
    got = np.array(flattened(f.value_and_grad(*np.array(at).T)))
    for o, i in itertools.product(*map(range, got.shape)):
        assert same(got[o, i], expected[o, i]), (at[i], o)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("function", [table, partials])
def test_every_operation_without_a_batch(function, backend):
    """Of numbers that samples share, which the backends compute in another way than those of each."""
    f = autodiff.compile(function, backend=backend)
    at = points(60, 4)
    got = np.array([flattened(f(*p)) for p in at]).T
    expected = np.array([flattened(function(*p)) for p in at]).T
    batched = autodiff.compile(function, in_axes=0, backend="python")
    batched(*np.array(at).T)
    bounds = allowed(batched._latest("value").kernel.program, [], np.array(at).T)
    names = [name for name, y in function(*at[0]).items() for _ in flattened(y)]
    good = close(got, expected, bounds)
    assert good.all(), [(names[o], at[i], got[o, i], expected[o, i]) for o, i in np.argwhere(~good)[:5]]


def agree(got: float, expected: float) -> bool:
    """The same, but for 4 ulp of a number that is neither 0 nor infinite nor nan."""
    return same(got, expected) or (expected != 0.0 and abs(got - expected) <= 4.0 * math.ulp(expected))


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_edge_case(backend):
    """In a batch of 9: a whole vector and a rest."""
    for case in edge_cases.CASES:
        f = autodiff.compile(case.function, argnums=tuple(range(len(case.at))), in_axes=0, backend=backend)
        columns = [np.full(9, x) for x in case.at]
        value, gradient = f.value_and_grad(*columns)
        for row in range(9):
            assert agree(value[row], case.value), case.name
            for got, expected in zip(gradient, case.partials, strict=True):
                assert expected is None or agree(got[row], expected), case.name


@pytest.mark.parametrize("backend", BACKENDS)
def test_second_derivatives_at_kinks(backend):
    for name, function, at, expected in edge_cases.SECOND_DERIVATIVES:
        got = autodiff.compile(function, in_axes=0, backend=backend).hessian(np.full(9, at))
        assert all(agree(x, expected) for x in got), name


CONSTANTS = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 3.0, 4.0, 5.0, -3.0, 0.5, -0.5, 1 / 3, math.inf, -math.inf, math.nan]
CONSTANTS += [1e300, 1e-310, 2.0**-1022, 2.0**1000, 2.0**-1000, 2.0**-999]
PAIRS = [(name, c) for name in ("add", "sub", "mul", "div", "pow") for c in CONSTANTS]
PAIRS += [(name, c) for name, op in OPERATIONS.items() if op.arity == 2 for c in (0.0, -2.0, math.inf)]
POWERS = {f"pow(x, {c})" for c in (3.0, 4.0, 5.0)}  # products, or have one for a derivative


def with_constants(x):
    """Every operation on two numbers with a constant on either side: what is folded, or falls away, changes nothing."""
    found = {f"{name}(x, {c})": OPERATIONS[name](x, c) for name, c in PAIRS}
    return found | {f"{name}({c}, x)": OPERATIONS[name](c, x) for name, c in PAIRS}


def slopes_with_constants(x):
    node = Value(x) if isinstance(x, float) else x
    found = {name: autodiff.grad_graph(y, node) for name, y in with_constants(node).items()}
    return {name: y.data for name, y in found.items()} if node is not x else found


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("function", [with_constants, slopes_with_constants])
def test_constants_on_either_side(function, backend):
    at = [x for (x,) in points(20, 1)]
    f = autodiff.compile(function, in_axes=0, backend=backend)
    got = f(np.array(at))
    expected = [function(x) for x in at]
    bounds = allowed(f._latest("value").kernel.program, [], np.array([at]))
    for bound, (name, y) in zip(bounds, got.items(), strict=True):
        rounded = 3.0 * replaying.EPS * np.abs(y) if name in POWERS else 0.0
        good = close(y, [e[name] for e in expected], bound + np.nan_to_num(rounded, posinf=0.0))
        assert good.all(), [(name, at[i], y[i], expected[i][name]) for i in np.flatnonzero(~good)]


# -- Random graphs ---------------------------------------------------------------------------------------------------


@st.composite
def batches(draw, sizes):
    """A random graph, and a batch of points about the one where it is off all kinks; a few not so near."""
    program = draw(strategies.programs(instructions=10))
    n = draw(sizes)
    random = Random(draw(st.integers(0, 2**32)))
    at = [[x + random.choice([0.0, 1e-3, 0.3]) * random.uniform(-1.0, 1.0) for x in program.leaves] for _ in range(n)]
    return program, at


def on_list(program):
    return lambda leaves: program.build(leaves)[-1]


@pytest.mark.parametrize("mode", ["value_and_grad", "hessian", "jvp"])
@pytest.mark.parametrize("backend", BACKENDS)
@given(drawn=batches(st.sampled_from([1, 2, 7, 8, 9, 16, 17])))
@FEW
def test_random_graphs(backend, mode, drawn):
    program, at = drawn
    function = on_list(program)
    f = autodiff.compile(function, in_axes=0, backend=backend)
    columns = [np.array(c) for c in np.array(at).T]
    if mode == "jvp":
        direction = [np.full(len(at), 1.0 - 0.7 * k) for k in range(len(columns))]
        got = f.jvp((columns,), (direction,))
        expected = [autodiff.jvp(function, (p,), ([d[0] for d in direction],)) for p in at]
        samples = np.array([*columns, *direction])
    else:
        got = getattr(f, mode)(columns)
        expected = [getattr(autodiff, mode)(function)(p) for p in at]
        samples = np.array(columns)
    bounds = allowed(f._latest(mode).kernel.program, [], samples, certain=False)
    rows = np.array([flattened(e) for e in expected]).T
    if mode == "value_and_grad":
        rows[1:] += 0.0  # a gradient is never -0.0, but for a few graphs with constants in them, in `autodiff.grad`
    good = close(flattened(got), rows, bounds)
    assert good.all(), [(at[i], flattened(got)[o][i], rows[o][i], bounds[o][i]) for o, i in np.argwhere(~good)[:4]]
