"""The interpreter for large programs, made to run small ones: every operation, and sums of products in eights."""

from __future__ import annotations

import math
from array import array
from fractions import Fraction
from random import Random

import pytest
from replaying import SPECIAL, applied, needing, same, width

import autodiff
from autodiff.operation import OPERATIONS
from autodiff.program.lowering import NotLowerable
from autodiff.program.program import Output, Program
from autodiff.program.tape import SUM_OF_PRODUCTS, Tape
from autodiff.replay.backends.llvm import interpreter, native
from autodiff.replay.backends.llvm.interpreter import ARITY, EIGHT, KINDS

pytestmark = [pytest.mark.parametrize("backend", [needing("llvm")])]
RNG = Random(5)


@pytest.fixture
def interpreted(monkeypatch):
    """Within it, every program without samples is interpreted."""

    def on(function, *args, **options):
        monkeypatch.setattr(native, "_LARGE", 0)
        f = autodiff.compile(function, backend="llvm", **options)
        f(*args)
        return f

    return on


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_operation_gives_what_straight_code_gives(backend, name, interpreted):
    op = OPERATIONS[name]
    points = [[RNG.choice(SPECIAL) for _ in range(width(op))] for _ in range(60)]
    straight = autodiff.compile(lambda *xs: applied(op, xs), backend="llvm")
    try:
        straight(*points[0])
    except NotLowerable:
        pytest.skip("has no counterpart in machine arithmetic")
    f = interpreted(lambda *xs: applied(op, xs), *points[0])
    for point in points:
        assert same(f(*point), straight(*point)), point


def used(f):
    """Which kinds of instructions the tables of a compiled function hold, with how many rows of each."""
    (entry,) = f._programs.entries.values()
    words = array("q", interpreter.workspace(entry.kernel.program.lowered()).tobytes())
    count, at = words[0], words[3]
    groups = [words[at + 4 * g : at + 4 * g + 4] for g in range(count)]
    rows = dict.fromkeys((KINDS[kind] for kind, *_ in groups), 0)
    for kind, n, *_ in groups:
        rows[KINDS[kind]] += n
    return rows


def exact(row, x):
    return float(sum(Fraction(a) * Fraction(b) for a, b in zip(row, x)))


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 16, 23])
@pytest.mark.parametrize("columns", [2, 3, 8])
def test_a_matrix_times_a_vector(backend, rows, columns, interpreted):
    matrix = [[RNG.gauss(0.0, 1.0) for _ in range(columns)] for _ in range(rows)]
    x = [RNG.gauss(0.0, 1.0) for _ in range(columns)]
    f = interpreted(lambda m, x: [autodiff.dot(row, x) for row in m], matrix, x)
    got = f(matrix, x)
    assert got == pytest.approx([exact(row, x) for row in matrix], rel=0, abs=1e-14)
    kinds = used(f)
    assert kinds.get(EIGHT[SUM_OF_PRODUCTS], 0) == rows // 8
    assert kinds.get(SUM_OF_PRODUCTS, 0) == rows % 8
    # Other numbers, by the same program.
    other = [[a + 1.0 for a in row] for row in matrix]
    assert f(other, x) == pytest.approx([exact(row, x) for row in other], rel=0, abs=1e-14)


def test_the_way_back_through_a_matrix_uses_neighbours_without_copies(backend, interpreted):
    matrix = [[RNG.gauss(0.0, 1.0) for _ in range(16)] for _ in range(3)]
    y = [RNG.gauss(0.0, 1.0) for _ in range(3)]
    columns = [[row[j] for row in matrix] for j in range(16)]
    f = interpreted(lambda m, y: [autodiff.dot([row[j] for row in m], y) for j in range(16)], matrix, y)
    assert f(matrix, y) == pytest.approx([exact(column, y) for column in columns], rel=0, abs=1e-14)
    assert used(f) == {"copy": 8, EIGHT[SUM_OF_PRODUCTS]: 2}  # of the 0.0 that a sum begins with


def test_copies_are_made_once(backend, interpreted):
    matrix = [[RNG.gauss(0.0, 1.0) for _ in range(4)] for _ in range(8)]
    xs = [[RNG.gauss(0.0, 1.0) for _ in range(4)] for _ in range(5)]
    f = interpreted(lambda m, xs: [[autodiff.dot(row, x) for row in m] for x in xs], matrix, xs)
    for got, x in zip(f(matrix, xs), xs):
        assert got == pytest.approx([exact(row, x) for row in matrix], rel=0, abs=1e-14)
    assert used(f) == {"copy": 8 + 32, EIGHT[SUM_OF_PRODUCTS]: 5}


def test_sums_of_the_same_products_and_of_others_are_side_by_side(backend, interpreted):
    x = [RNG.gauss(0.0, 1.0) for _ in range(20)]
    f = interpreted(
        lambda x: (
            [autodiff.dot([x[0], x[k]], [x[1], x[2]]) for k in range(3, 19)]  # one product in all
            + [autodiff.dot([x[k], x[k + 1]], [x[k + 1], x[k - 1]]) for k in range(1, 17)]  # none alike
        ),
        x,
    )
    want = [exact([x[0], x[k]], [x[1], x[2]]) for k in range(3, 19)]
    want += [exact([x[k], x[k + 1]], [x[k + 1], x[k - 1]]) for k in range(1, 17)]
    assert f(x) == pytest.approx(want, rel=0, abs=1e-14)
    assert {EIGHT[SUM_OF_PRODUCTS], SUM_OF_PRODUCTS} <= used(f).keys()


def test_special_numbers_in_eights(backend, interpreted):
    matrix = [[RNG.choice(SPECIAL) for _ in range(3)] for _ in range(64)]
    x = [math.inf, -0.0, 3.0]

    def product(m, x):
        return [autodiff.dot(row, x) for row in m]

    straight = autodiff.compile(product, backend="llvm")(matrix, x)
    f = interpreted(product, matrix, x)
    for got, want, row in zip(f(matrix, x), straight, matrix, strict=True):
        assert same(got, want), row
    assert any(map(math.isinf, straight))
    assert any(map(math.isnan, straight))


def test_gradients_of_a_network_are_the_eager_ones(backend, interpreted):
    def loss(first, second, x):
        hidden = [autodiff.tanh(autodiff.dot(row, x)) for row in first]
        shares = autodiff.softmax([autodiff.dot(row, hidden) for row in second])
        return -autodiff.log(shares[3])

    first, second = ([[RNG.gauss(0.0, 1.0) for _ in range(n)] for _ in range(m)] for m, n in ((17, 9), (10, 17)))
    x = [RNG.gauss(0.0, 1.0) for _ in range(9)]
    f = interpreted(loss, first, second, x, argnums=(0, 1, 2))
    value, gradients = f.value_and_grad(first, second, x)
    want, slopes = autodiff.value_and_grad(loss, (0, 1, 2))(first, second, x)
    assert value == pytest.approx(want, rel=1e-14)
    for got, slope in zip([*gradients[0], *gradients[1], gradients[2]], [*slopes[0], *slopes[1], slopes[2]]):
        assert got == pytest.approx(slope, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("name", sorted(set(EIGHT) - {SUM_OF_PRODUCTS}))
def test_each_vector_instruction_gives_what_eight_single_ones_give(backend, name, monkeypatch):
    """Of operands that are neighbours; that are the same for all eight; and of some that are neither."""
    arity = ARITY[name]
    truths = {"and": 2, "or": 2, "not": 1, "select": 1}.get(name, 0)

    def results(together):
        tape = Tape()
        inputs = [tape.input() for _ in range(8 * arity)]
        shuffled = [inputs[k * 5 % len(inputs)] for k in range(len(inputs))]
        zero = tape.constant(0.0)
        outputs = []
        for columns in (inputs, [inputs[0]] * 8 + inputs[8:], shuffled):
            given = [columns[8 * a : 8 * a + 8] for a in range(arity)]
            for a in range(truths):
                given[a] = [tape.write("ne", (slot, zero)) for slot in given[a]]
            outputs += [tape.write(name, operands) for operands in zip(*given)]
        if not together:
            monkeypatch.setattr(interpreter, "EIGHT", {})
        program = Program(tape, inputs, [Output(s, "one") for s in outputs])
        run = native.NativeRun(interpreter.machine_code(), interpreter.workspace(program))
        random, out = Random(7), array("d", bytes(8 * len(outputs)))
        found = []
        for _ in range(40):
            run(0, 0, array("d", [random.choice(SPECIAL) for _ in inputs]), out, out, out)
            found += out
        return found

    for got, want in zip(results(True), results(False), strict=True):
        assert same(got, want)
