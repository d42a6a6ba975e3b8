"""The table of primitives: every row does in every column what it does in Python; and the operations made of them."""

from __future__ import annotations

import ctypes
import math
import shutil
import subprocess
from array import array
from random import Random

import pytest
from replaying import BACKENDS, EPS, LIBRARY_ULPS, SPECIAL, needing, same

import autodiff
from autodiff.operation import OPERATIONS
from autodiff.program.primitives import MEANING, PRIMITIVES, TRUTHS
from autodiff.program.program import Output, Program, padded
from autodiff.program.tape import SUM_OF_PRODUCTS, Tape
from autodiff.replay.backends import c, numpy_calls
from autodiff.replay.backends.llvm import interpreter, native

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
STRICTLY = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]


class Primitive(Program):
    """A program of primitives already."""

    def lowered(self):
        return self


def all_rows(lane):
    """A program of every row, on four numbers and a whole one; with the operands of each."""
    tape = Tape()
    inputs = [tape.input(lane) for _ in range(5)]
    zero, one = tape.constant(0.0), tape.constant(1.0)
    places = {name: list(range(row.arity or 4)) for name, row in PRIMITIVES.items()} | {"ldexp": [0, 4]}
    outputs = []
    for name, row in PRIMITIVES.items():
        given = [inputs[k] for k in places[name]]
        given[: row.takes] = [tape.write("ne", [slot, zero]) for slot in given[: row.takes]]
        result = tape.write(name, given)
        outputs.append(tape.write("select", [result, one, zero]) if row.gives else result)
    return Primitive(tape, inputs, [Output(slot, "each" if lane else "one") for slot in outputs]), places


def in_c(program, folder):
    if COMPILER is None:
        pytest.skip("there is no C compiler")
    (folder / "rows.c").write_text(c.source(program))
    command = [COMPILER, *STRICTLY, "-O2", "-ffp-contract=off", "-shared", "-fPIC"]
    subprocess.run([*command, "rows.c", "-o", "rows.so", "-lm"], cwd=folder, check=True)
    run = ctypes.CDLL(str(folder / "rows.so")).run
    run.restype, run.argtypes = None, [ctypes.c_long] * 2 + [ctypes.c_void_p] * 4
    return lambda n, stride, *buffers: run(n, stride, *(b.buffer_info()[0] for b in buffers))


COLUMNS = {
    "c": in_c,
    "llvm": lambda program, folder: native.compile_program(program),
    "numpy": lambda program, folder: numpy_calls.compile_program(program),
    "interpreter": lambda program, folder: native.NativeRun(interpreter.machine_code(), interpreter.workspace(program)),
}


def points(n):
    random = Random(n)
    kinds = [
        lambda: random.choice(SPECIAL),
        lambda: random.uniform(-3.0, 3.0),
        lambda: random.uniform(-800.0, 800.0),
        lambda: random.choice([-1.0, 1.0]) * 2.0 ** random.uniform(-1074.0, 1023.9),
    ]
    return [(*(random.choice(kinds)() for _ in range(4)), float(random.randrange(-2200, 2200))) for _ in range(n)]


def agree(row, x, got):
    expected = float(row.python(*(t != 0.0 if k < row.takes else t for k, t in enumerate(x))))
    if same(got, expected):
        return True
    if row.name == SUM_OF_PRODUCTS:  # terms may be fused, so one that overflows by itself may not do so
        size = sum(abs(a * b) for a, b in zip(x[::2], x[1::2]))
        return (math.isinf(size) and all(map(math.isfinite, x))) or abs(got - expected) <= 4.0 * EPS * size
    return row.library and expected != 0.0 and abs(got - expected) <= LIBRARY_ULPS * math.ulp(expected)


@pytest.mark.parametrize(
    ("column", "lane"),
    [
        ("c", False),
        ("c", True),
        *(pytest.param(name, lane, marks=needing(name).marks) for name in ("llvm", "numpy") for lane in (False, True)),
        pytest.param("interpreter", False, marks=needing("llvm").marks),
    ],
)
def test_every_row_in_every_column(column, lane, tmp_path):
    """On ordinary and on special numbers: the bits of the Python column; of the C library's functions, but for ulps."""
    program, places = all_rows(lane)
    run = COLUMNS[column](program, tmp_path)
    at = points(403)
    if lane:
        stride = padded(len(at))
        samples = array("d", [x for given in zip(*at) for x in (*given, *[0.0] * (stride - len(at)))])
        out = array("d", bytes(8 * stride * len(PRIMITIVES)))
        run(len(at), stride, array("d", [0.0]), samples, array("d", [0.0]), out)
        found = [out[k * stride : k * stride + len(at)] for k in range(len(PRIMITIVES))]
    else:
        out = array("d", bytes(8 * len(PRIMITIVES)))
        each = [run(0, 0, array("d", x), array("d", [0.0]), out, array("d", [0.0])) or out[:] for x in at]
        found = list(zip(*each))
    for (name, row), results in zip(PRIMITIVES.items(), found, strict=True):
        for x, got in zip(at, results, strict=True):
            operands = [x[k] for k in places[name]]
            assert agree(row, operands, got), (name, operands, got, row.python(*operands))


@pytest.mark.parametrize("name", PRIMITIVES)
def test_rows_are_complete(name):
    row = PRIMITIVES[name]
    assert (row.name, name in TRUTHS) == (name, row.gives)
    for text in (row.numpy, row.c, row.llvm):
        assert all(f"{{{k}}}" in text for k in range(row.arity)), text
        assert f"{{{row.arity or 2}}}" not in text
    assert all(MEANING[x] is row for x in (row.python, *row.source))


# -- Operations on sequences that are translated from their source ---------------------------------------------------


def sequences(n, count):
    """Ordinary ones, some with zeros, nan and infinities, some whose product leaves the range on the way."""
    random = Random(n)

    def ordinary():
        return random.choice([-1.0, 1.0]) * 2.0 ** random.uniform(-3.0, 3.0)

    def large_or_small():
        return random.choice([-1.0, 1.0]) * 2.0 ** random.uniform(-1074.0, 1023.9)

    def special():
        return random.choice([random.choice(SPECIAL), ordinary()])

    kinds = [ordinary, large_or_small, special, lambda: random.choice([ordinary, large_or_small, special])()]
    return [[kinds[k % 4]() for _ in range(n)] for k in range(count)]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 9, 13, 30])
def test_products_and_the_largest_have_the_bits_of_eager(backend, n):
    def both(xs):
        return [autodiff.prod(xs), OPERATIONS["peak"](xs)]

    at = sequences(n, 203)
    batch = autodiff.compile(both, in_axes=0, backend=backend)([array("d", column) for column in zip(*at)])
    alone = autodiff.compile(both, backend=backend)
    for xs, product, largest in zip(at, *batch, strict=True):
        for got in ([product, largest], alone(xs)):
            assert all(map(same, got, both(xs))), (xs, got)


@pytest.mark.parametrize("backend", [needing("llvm")])
def test_long_products_have_the_bits_of_eager(backend, monkeypatch):
    """By the interpreter of large programs."""
    monkeypatch.setattr(native, "_LARGE", 0)
    f = autodiff.compile(autodiff.prod, backend=backend)
    for xs in sequences(300, 8):
        assert same(f(xs), autodiff.prod(xs))
