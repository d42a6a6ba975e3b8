"""How programs run: sums over samples, padding, functions that a program is cut into, the polynomials of LLVM."""

from __future__ import annotations

import math
import platform
from array import array
from random import Random

import pytest
import reference
from replaying import BACKENDS, SPECIAL, applied, flattened, needing, same, table

import autodiff
from autodiff import compile
from autodiff.operation import OPERATIONS
from autodiff.replay.backends.llvm import native, program_text
from autodiff.replay.kernel import Kernel
from autodiff.replay.tracer import Tracer

LLVM = needing("llvm")


class TestSums:
    """Losses and gradients summed over the samples, as training needs them."""

    @staticmethod
    def kernel(backend):
        tracer = Tracer([False, True, True])
        w, x, _ = tracer.leaves

        def function(w, x, y):
            return autodiff.tanh(w * x) * y + autodiff.exp(w)

        value, square = tracer.trace(function, *tracer.leaves), tracer.trace(lambda w: w * w, w)
        tracer.want([value], "sum")
        tracer.want_gradient(value, [w], "sum")
        tracer.want([value], "each")
        tracer.want([square], "one")
        tracer.want([square, x], "sum")
        tracer.want_gradient(value, [x], "each")
        tracer.want([value, 2.5], "sum")
        return function, Kernel(tracer, backend)

    @staticmethod
    def room(kernel, w, xs, ys, rest):
        """What stands behind the samples in their buffer counts for nothing."""
        room = kernel.bound(len(xs))
        room.shared[0] = w
        room.inputs.buffer[:] = array("d", [rest]) * len(room.inputs.buffer)
        room.inputs.fill([array("d", xs), array("d", ys)])
        return room

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_every_length(self, backend):
        function, kernel = self.kernel(backend)
        random, w = Random(3), 0.75
        for n in (0, 1, 2, 7, 8, 9, 15, 16, 17, 1000, 1001):
            xs, ys = ([random.uniform(-2.0, 2.0) for _ in range(n)] for _ in range(2))
            room = self.room(kernel, w, xs, ys, math.nan)
            found = room()
            pairs = [autodiff.value_and_grad(function, (0, 1))(w, x, y) for x, y in zip(xs, ys)]
            values = [v for v, _ in pairs]
            sums = [values, [g[0] for _, g in pairs], None, [w * w] * n, xs, values, [2.5] * n]
            for got, terms in zip(found, sums, strict=True):
                exact = w * w if terms is None else math.fsum(terms)
                size = 1.0 if terms is None else math.fsum(map(abs, terms))
                assert abs(got - exact) <= (n + 8) * 2.0**-52 * size
            each, slopes = map(list, room.outputs.copies())
            assert each == pytest.approx(values, rel=1e-14)
            assert slopes == pytest.approx([g[1] for _, g in pairs], rel=1e-14)

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_nan_and_infinities_are_not_lost(self, backend):
        _, kernel = self.kernel(backend)
        for n, at, bad in ((9, 8, math.nan), (16, 3, math.nan), (11, 10, math.inf)):
            ys = [1.0] * n
            ys[at] = bad
            found = self.room(kernel, 0.5, [1.0] * n, ys, 0.0)()
            assert same(found[0], bad)
            assert found[4] == n


def _in_order(x, terms):
    total = 0.0
    for k in range(terms):
        total = total + x * (0.1 * k)
    return total


def _inside_of_each_other(x, depth, around):
    for _ in range(depth):
        x = around(x)
    return x


LONG = {
    "a number used often": lambda x: _in_order(x, 3000),
    "a sum": lambda x: autodiff.sum([x * float(k) for k in range(3000)]),
    "a dot product": lambda x: autodiff.dot([x, 2.0] * 1500, [0.1, x] * 1500),
    "a chain": lambda x: _inside_of_each_other(x, 1500, autodiff.sin),
    "a largest one": lambda x: autodiff.logsumexp([x * (0.001 * k) for k in range(300)]),
    "a chain of choices": lambda x: _inside_of_each_other(x, 200, lambda y: autodiff.where(y > x, y * 0.5, y + 0.25)),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", LONG)
def test_programs_may_be_long(backend, name):
    function = LONG[name]
    f = compile(function, backend=backend)
    value, slope = autodiff.value_and_grad(function)(0.7)
    assert f(0.7) == pytest.approx(value, rel=1e-12)
    assert f.value_and_grad(0.7) == pytest.approx((value, slope), rel=1e-12)
    batch = compile(function, backend=backend, in_axes=0)
    assert batch.grad(array("d", [0.7, 0.7])).tolist() == pytest.approx([slope, slope], rel=1e-12)
    assert f.source("c")
    assert f.tape()


@pytest.mark.parametrize("backend", BACKENDS)
def test_many_arguments_and_results(backend):
    f = compile(lambda *xs: [x * 2.0 for x in reversed(xs)], backend=backend)
    xs = [float(k) for k in range(1000)]
    assert f(*xs) == f(*xs) == [2.0 * x for x in reversed(xs)]
    assert compile(lambda *xs: autodiff.sum(xs), backend=backend).grad(*xs, argnums=(0, -1)) == (1.0, 1.0)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("around", [lambda y: [y], lambda y: (y, y)[:1], lambda y: {"a": y}])
def test_results_may_be_nested_deep(backend, around):
    def function(x):
        return _inside_of_each_other(x * 2.0, 200, around)

    f = compile(function, backend=backend)
    assert f(3.0) == f(3.0) == function(3.0)


@pytest.mark.parametrize("backend", [needing("numpy")])
def test_a_long_sum_is_added_in_order(backend):
    """Where it is cut into lines makes no difference."""
    numbers = [Random(5).uniform(-1.0, 1.0) * 10.0**k for k in range(-8, 9) for _ in range(40)]
    total = 0.0
    for c in numbers:
        total += c
    assert compile(lambda x: autodiff.sum([x * c for c in numbers]), backend=backend)(1.0) == total


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "function", [lambda x, y, z: x * y - z, lambda x, y, z: z - x * y, lambda x, y, z: x * y + z * -1.0]
)
def test_products_outside_of_sums_are_rounded_by_themselves(backend, function):
    """A fused operation would give what rounding lost in place of 0."""
    xs = array("d", [1.1, 0.3, 1.0 / 3.0, 7.7, 1e10 + 0.1, 0.1, 1.7, 2.3, 1e-5])
    ys = array("d", [1.7, 0.7, 1.0 / 7.0, 0.1, 1e-3 + 1e-9, 0.1, 1.9, 3.1, 3.3])
    zs = array("d", [x * y for x, y in zip(xs, ys)])
    assert any(math.fsum([-z, *_exactly(x, y)]) for x, y, z in zip(xs, ys, zs)), "something is lost"
    assert compile(function, in_axes=0, backend=backend)(xs, ys, zs).tolist() == [0.0] * 9
    alone = compile(function, backend=backend)
    assert [alone(*at) for at in zip(xs, ys, zs)] == [0.0] * 9


def _exactly(x, y):
    """Floats that add up to the product."""
    a, b = (t - (t - u) for u, t in ((x, 134217729.0 * x), (y, 134217729.0 * y)))
    return a * b, a * (y - b), (x - a) * b, (x - a) * (y - b)


def shuffled(n):
    random = Random(n)
    return [
        array("d", [random.choice([random.choice(SPECIAL), random.uniform(-9.0, 9.0)]) for _ in range(n)])
        for _ in range(4)
    ]


@pytest.mark.parametrize("backend", [LLVM])
@pytest.mark.parametrize("chunk", [1, 2, 7])
def test_where_a_program_is_cut_makes_no_difference(backend, chunk, monkeypatch):
    """Numbers and truth values cross from function to function; the shared ones too."""
    columns = shuffled(19)
    at = [c[4] for c in columns]
    whole, alone = compile(table, in_axes=0, backend=backend), compile(table, backend=backend)
    expected = [[row.tolist() for row in flattened(whole(*columns))], flattened(alone(*at))]
    monkeypatch.setattr(program_text, "_CHUNK", chunk)
    cut, alone = compile(table, in_axes=0, backend=backend), compile(table, backend=backend)
    got = [[row.tolist() for row in flattened(cut(*columns))], flattened(alone(*at))]
    assert cut.source("llvm").count("define internal void @lane_") > cut.report().each // chunk
    for a, b in zip(flattened(got), flattened(expected), strict=True):
        assert same(a, b)


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="the processors named are of the x86-64 family"
)
@pytest.mark.parametrize("backend", [LLVM])
@pytest.mark.parametrize("processor", ["haswell", "x86-64"])
def test_machines_with_shorter_vectors(backend, processor, monkeypatch):
    """AVX2, with fused operations; SSE2, without: the same numbers, but for sums."""
    import llvmlite.binding as binding

    columns = shuffled(19)
    expected = compile(table, in_axes=0, backend=backend)(*columns)
    asked = []
    monkeypatch.setattr(binding, "get_host_cpu_name", lambda: asked.append(processor) or processor)
    monkeypatch.setattr(binding, "get_host_cpu_features", lambda: binding.targets.FeatureMap())
    native._machine_code.cache_clear()
    got = compile(table, in_axes=0, backend=backend)(*columns)
    native._machine_code.cache_clear()
    assert asked == [processor]
    for name, row in got.items():
        for a, b, at in zip(row, expected[name], zip(*columns), strict=True):
            fused = name == "dot" and abs(a - b) <= 4.0 * 2.0**-52 * (abs(at[0] * at[2]) + abs(at[1] * at[3]))
            assert same(a, b) or fused, (name, at)


def long(w, x):
    """Some thousand steps, shared and for each sample; early ones, choices among them, are used late."""
    kept = [autodiff.where(x - 0.25 * k, w * k, x) for k in range(8)]
    kept += [autodiff.maximum(w, 0.1 * k) for k in range(8)]
    y = x
    for k in range(300):
        y = autodiff.tanh(y + kept[k % 16] * 0.01) + autodiff.where(kept[k % 8], 0.5, w) * 0.001
    for k in range(100):
        w = autodiff.sin(w + 0.1 * k)
    return y + w + autodiff.sum(kept)


@pytest.mark.parametrize("backend", BACKENDS)
def test_programs_of_several_functions(backend):
    f = compile(long, in_axes=(None, 0), argnums=(0, 1), backend=backend)
    xs = array("d", [math.sin(k) * 2.0 for k in range(9)])
    value, gradient = f.value_and_grad(0.375, xs)
    assert f.report().each > 400
    for s in (0, 3, 8):
        expected, slopes = autodiff.value_and_grad(long, (0, 1))(0.375, xs[s])
        assert value[s] == pytest.approx(expected, rel=1e-13)
        assert [g[s] for g in gradient] == pytest.approx(slopes, rel=1e-12)


@pytest.mark.parametrize("backend", [LLVM])
@pytest.mark.parametrize(
    ("name", "low", "high"), [("exp", -746.0, 710.0), ("log", 0.0, math.inf), ("tanh", -25.0, 25.0)]
)
def test_polynomials_are_right_to_two_ulp(backend, name, low, high):
    """On vectors; against mpmath, subnormal results and operands too."""
    random = Random(11)
    xs = [random.uniform(max(low, -40.0), min(high, 40.0)) for _ in range(400)]
    xs += [s * 2.0 ** random.uniform(-1074.0, 10.0) for _ in range(300) for s in ((1.0, -1.0) if low < 0.0 else (1.0,))]
    xs += [1.0 + random.uniform(-1.0, 1.0) * 2.0 ** -random.randrange(1, 53) for _ in range(200)]
    xs += [random.uniform(low, high) for _ in range(200)] if high < math.inf else [2.0 ** random.uniform(0.0, 1023.9)]
    xs = [x for x in xs if low <= x <= high]
    got = compile(OPERATIONS[name], in_axes=0, backend=backend)(array("d", xs))
    errors = [reference.error_in_ulp(y, reference.value(name, x)) for x, y in zip(xs, got)]
    assert max(errors) <= 2.0, xs[errors.index(max(errors))]


@pytest.mark.parametrize("backend", [LLVM])
def test_polynomials_at_the_ends(backend):
    inf, nan = math.inf, math.nan
    for name, at in {
        "exp": {inf: inf, -inf: 0.0, 0.0: 1.0, 709.79: inf, -746.0: 0.0, 1e300: inf, -1e300: 0.0, nan: nan},
        "log": {inf: inf, -inf: nan, 0.0: -inf, 1.0: 0.0, -5e-324: nan, nan: nan},
        "tanh": {inf: 1.0, -inf: -1.0, 0.0: 0.0, 30.0: 1.0, -1e300: -1.0, 5e-324: 5e-324, nan: nan},
    }.items():
        f = compile(OPERATIONS[name], in_axes=0, backend=backend)
        for x, expected in at.items():
            assert all(same(y, expected) for y in f(array("d", [x] * 9))), (name, x)
    log, tanh = (compile(OPERATIONS[name], in_axes=0, backend=backend) for name in ("log", "tanh"))
    assert log(array("d", [-0.0]))[0] == -inf
    assert same(tanh(array("d", [-0.0]))[0], -0.0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_vectors_of_all_lengths_for_each_function(backend):
    """Functions that are called number by number keep the numbers apart."""
    names = ["sin", "atan", "erf", "log1p", "cbrt", "hypot", "pow"]

    def several(x):
        return [applied(OPERATIONS[name], [x, 1.5][: OPERATIONS[name].arity]) for name in names]

    f = compile(several, in_axes=0, backend=backend)
    xs = array("d", [0.1 * k for k in range(1, 20)])
    rows = f(xs)
    for row, name in zip(rows, names, strict=True):
        for x, y in zip(xs, row, strict=True):
            expected = several(x)[names.index(name)]
            assert abs(y - expected) <= 4.0 * math.ulp(expected)
