"""A look inside a compiled function: tape, drawing, report, and source in two languages that computes the same."""

from __future__ import annotations

import ctypes
import math
import re
import shutil
import subprocess
import time
from array import array
from random import Random

import pytest
from replaying import SPECIAL, flattened, needing, partials, same, table

import autodiff
from autodiff import GraphError, Value, compile
from autodiff.operation import OPERATIONS
from autodiff.program.program import padded

STRICTLY = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def example(w, x):
    return autodiff.tanh(w * 2.0) * x + autodiff.tanh(2.0 * w) + x * 1.0 + autodiff.exp(Value(0.0))


def numbered(tape):
    """The lines of a tape, with its slots named a, b, ... in order."""
    names = dict.fromkeys(re.findall(r"v\d+", tape))
    letters = {name: chr(ord("a") + k) for k, name in enumerate(sorted(names, key=lambda v: int(v[1:])))}
    return re.sub(r"v\d+", lambda found: letters[found[0]], tape).splitlines()


class TestTape:
    def test_the_program_line_by_line(self):
        f = compile(example, in_axes=(None, 0), backend="python")
        f(1.0, array("d", [1.0]))
        assert repr(f.tape()) == str(f.tape())
        assert numbered(f.tape()) == [
            "x0 = input",
            "x1 = input, one a sample",
            "a = x0 * 2.0",
            "b = tanh(a)",
            "c = b * x1  (for each sample)",
            "d = c + b  (for each sample)",
            "e = d + x1  (for each sample)",
            "f = e + 1.0  (for each sample)",
            "return f, one a sample",
        ]

    def test_sums_of_products_are_written_without_factors_of_one(self):
        f = compile(lambda x, y: x * y + autodiff.exp(x) * x)
        f.grad(2.0, 3.0)
        assert numbered(f.tape("grad")) == [
            "x0 = input",
            "x1 = input",
            "a = exp(x0)",
            "b = a + a * x0 + x1",
            "c = b + 0.0",
            "return c",
        ]

    def test_constants_and_inputs_as_results(self):
        f = compile(lambda x: [3.0, x, -0.0])
        f(1.0)
        assert f.tape().splitlines() == ["x0 = input", "return 3.0", "return x0", "return -0.0"]

    def test_the_latest_program_of_a_mode(self):
        f = compile(lambda x: x * x)
        for look in (f.tape, f.report, f.draw):
            with pytest.raises(GraphError, match="nothing is recorded yet for anything: call"):
                look()
        f(2.0)
        with pytest.raises(GraphError, match="nothing is recorded yet for 'grad'"):
            f.tape("grad")
        f.grad(2.0)
        assert "x0 + x0" in f.tape()
        assert "x0 * x0" in f.tape("value")


def test_the_report_adds_up():
    f = compile(example, in_axes=(None, 0), backend="python")
    f(1.0, array("d", [1.0]))
    report = f.report()
    assert (report.asked, report.folded, report.identities, report.shared) == (10, 1, 1, 2)
    assert (report.instructions, report.once, report.each) == (6, 2, 4)
    assert report.asked - report.folded - report.identities - report.shared == report.instructions
    assert report.recorded == 10 + 3, "operations, and three leaves"
    assert (report.backend, report.buffer_bytes, report.notes) == ("python", 0, ())
    assert 0.0 < report.seconds < 10.0
    for figure in ("instructions left", "python", f"{report.recorded}"):
        assert figure in str(report)
    assert "<table" in report._repr_html_()


def test_a_node_is_counted_once_though_value_and_gradient_are_asked_for():
    f = compile(lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2)
    f(1.0, 2.0)
    recorded = f.report().recorded
    f.value_and_grad(1.0, 2.0)
    assert f.report().recorded == recorded == 9


def test_the_time_is_that_of_the_first_call():
    def slow(x):
        time.sleep(0.05)
        return x

    f = compile(slow)
    f(1.0)
    assert f.report().seconds > 0.05


def test_dead_code_is_not_in_the_figures():
    def function(x):
        autodiff.exp(x)
        return x * x

    f = compile(function)
    f(1.0)
    assert f.report().instructions == 1
    assert "exp" not in f.tape()


@pytest.mark.parametrize("backend", [needing("llvm")])
def test_the_report_of_machine_code(backend):
    f = compile(example, in_axes=(None, 0), backend=backend)
    f(1.0, array("d", [1.0]))
    assert f.report().backend == "llvm"
    assert f.report().buffer_bytes % 8 == 0 < f.report().buffer_bytes


def test_the_drawing_shows_the_optimised_graph():
    pytest.importorskip("graphviz", reason="drawing needs the extra: pip install graphviz pygraphviz")
    f = compile(example, in_axes=(None, 0), backend="python")
    f(1.0, array("d", [1.0]))
    drawing = f.draw()
    assert drawing.source.count("tanh(") == 1, "the common part stands once"
    assert "exp" not in drawing.source, "what is constant is folded"
    assert "x0" in drawing.source
    assert "rankdir=TB" in f.draw(rankdir="TB").source
    f.hessian(1.0, array("d", [1.0]))
    assert "sech2" in f.draw("hessian").source


# -- Source ----------------------------------------------------------------------------------------------------------


def points(n):
    random = Random(n)
    kinds = (lambda: random.choice(SPECIAL), lambda: random.uniform(-3.0, 3.0), lambda: random.uniform(-50.0, 50.0))
    return [tuple(random.choice(kinds)() for _ in range(4)) for _ in range(n)]


AT = points(250)
SUMS = {"dot", "sum", "mean", "logsumexp"}


@pytest.fixture(scope="module", params=[table, partials])
def recorded(request):
    """All operations, or all partials, compiled for a batch; with what eager gives."""
    function = request.param
    f = compile(function, in_axes=0, backend="python")
    f(*(array("d", c) for c in zip(*AT)))
    names = [name for name, y in function(*AT[0]).items() for _ in flattened(y)]
    return f, names, [flattened(function(*p)) for p in AT]


def buffers(f, count):
    """The inputs and room for the outputs of a batch, as `run` takes them."""
    n, stride = len(AT), padded(len(AT))
    samples = array("d", [x for column in zip(*AT) for x in (*column, *[0.0] * (stride - n))])
    return n, stride, array("d", [0.0]), samples, array("d", [0.0]), array("d", bytes(8 * stride * count))


def agree(name, got, expected, at):
    if same(got, expected):
        return True
    if name in SUMS:  # added in order: within the sizes of the terms; and one that overflows on its way is not known
        sizes = [abs(a * b) for a, b in zip(at[:2], at[2:])] if name == "dot" else list(map(abs, at))
        return not math.isfinite(sum(sizes)) or abs(got - expected) <= 2.0**-50 * sum(sizes)
    return abs(got - expected) <= math.ulp(expected)


@pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")
def test_c_source_compiles_and_computes_the_same(recorded, tmp_path):
    f, names, expected = recorded
    (tmp_path / "program.c").write_text(f.source("c"))
    command = [COMPILER, *STRICTLY, "-O1", "-ffp-contract=off", "-shared", "-fPIC"]
    subprocess.run([*command, "program.c", "-o", "program.so", "-lm"], cwd=tmp_path, check=True)
    run = ctypes.CDLL(str(tmp_path / "program.so")).run
    run.restype, run.argtypes = None, [ctypes.c_long] * 2 + [ctypes.c_void_p] * 4
    n, stride, *rest = buffers(f, len(names))
    run(n, stride, *(b.buffer_info()[0] for b in rest))
    for k, name in enumerate(names):
        for s, row in enumerate(expected):
            assert agree(name, rest[3][k * stride + s], row[k], AT[s]), (name, AT[s], rest[3][k * stride + s], row[k])


@pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")
def test_c_source_of_a_gradient(tmp_path):
    """Shared inputs, a value and a gradient for each sample, constants that C writes in words."""

    def function(w, x):
        far = autodiff.where(w[0] - 5.0, math.inf, math.nan)
        return autodiff.logsumexp([w[0] * x, autodiff.softplus(w[1])]) + autodiff.minimum(x, far)

    f = compile(function, in_axes=(None, 0), backend="python")
    xs, w = [0.5, -1.0, 3.0], [0.25, -2.0]
    value, gradient = f.value_and_grad(w, array("d", xs))
    (tmp_path / "gradient.c").write_text(f.source("c"))
    command = [
        COMPILER,
        *STRICTLY,
        "-O2",
        "-ffp-contract=off",
        "-shared",
        "-fPIC",
        "gradient.c",
        "-o",
        "gradient.so",
        "-lm",
    ]
    subprocess.run(command, cwd=tmp_path, check=True)
    run = ctypes.CDLL(str(tmp_path / "gradient.so")).run
    run.restype, run.argtypes = None, [ctypes.c_long] * 2 + [ctypes.c_void_p] * 4
    rest = array("d", w), array("d", [*xs, *[0.0] * 5]), array("d", [0.0]), array("d", [0.0] * 24)
    run(3, 8, *(b.buffer_info()[0] for b in rest))
    for k, row in enumerate([value, *gradient]):
        assert rest[3][8 * k : 8 * k + 3].tolist() == pytest.approx(row.tolist(), rel=1e-15)
    assert value[0] == pytest.approx(function(w, 0.5), rel=1e-15)


@pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")
def test_c_source_with_negative_constants(tmp_path):
    """Two signs in a row would be a decrement."""
    f = compile(lambda x: 1.0 - (autodiff.exp(x) - x) * autodiff.where(x > 9.0, -2.0, -1.0) - -x, backend="python")
    minus = compile(lambda x: 1.0 - (-x + autodiff.exp(x)))
    for k, g in enumerate((f, minus)):
        expected = g.grad(0.5)
        (tmp_path / f"{k}.c").write_text(g.source("c"))
        command = [
            COMPILER,
            *STRICTLY,
            "-O2",
            "-ffp-contract=off",
            "-shared",
            "-fPIC",
            f"{k}.c",
            "-o",
            f"{k}.so",
            "-lm",
        ]
        subprocess.run(command, cwd=tmp_path, check=True)
        run = ctypes.CDLL(str(tmp_path / f"{k}.so")).run
        run.restype, run.argtypes = None, [ctypes.c_long] * 2 + [ctypes.c_void_p] * 4
        shared, result = array("d", [0.5]), array("d", [0.0])
        run(0, 0, shared.buffer_info()[0], None, result.buffer_info()[0], None)
        assert result[0] == expected


def _none_used(x, y):
    return 2.0


def _some_used(x, y):
    return y * 3.0


WARNINGS = {
    "nothing used": (_none_used, {}),
    "one used": (_some_used, {}),
    "one of a batch": (_some_used, {"in_axes": (0, None)}),
    "another of a batch": (_some_used, {"in_axes": (None, 0)}),
    "nothing of a batch": (_none_used, {"in_axes": 0}),
    "taken apart": (lambda x, y: autodiff.cbrt(x), {}),
    "a long sum": (lambda x, y: autodiff.sum([x * float(k) for k in range(3000)]), {}),
    "truths": (lambda x, y: autodiff.where(x < y, autodiff.where(x > 1e-310, x, -0.0), 1e308), {}),
    "large and small": (lambda x, y: x * 1e300 * 5e-324 + y * 1.7976931348623157e308, {}),
    "vectors": (lambda x, y: autodiff.logsumexp([x, y, x * y]) + autodiff.hypot(x, y) ** y, {"in_axes": (0, 0)}),
}


@pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")
@pytest.mark.parametrize("mode", ["value", "grad", "hessian"])
@pytest.mark.parametrize("name", WARNINGS)
def test_c_source_gives_no_cause_for_warnings(name, mode, tmp_path):
    function, options = WARNINGS[name]
    f = compile(function, backend="python", **options)
    axes = options.get("in_axes", (None, None))
    axes = (axes, axes) if axes == 0 else axes
    given = [0.5 if axis is None else array("d", [0.5]) for axis in axes]
    (f if mode == "value" else getattr(f, mode))(*given)
    (tmp_path / "program.c").write_text(f.source("c"))
    command = [COMPILER, *STRICTLY, "-O2", "-ffp-contract=off", "-c", "program.c"]
    found = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert not found.stderr
    assert found.returncode == 0


@pytest.mark.parametrize("backend", [needing("llvm")])
def test_llvm_source_is_complete(backend):
    import llvmlite.binding as llvm

    f = compile(example, in_axes=(None, 0), backend=backend)
    f(1.0, array("d", [1.0]))
    module = llvm.parse_assembly(f.source("llvm"))
    module.verify()
    assert not module.get_function("run").is_declaration
    assert f.source("llvm") == f.source("llvm", "value")


def test_other_languages():
    f = compile(lambda x: x)
    f(1.0)
    for language in ("rust", "python"):
        with pytest.raises(ValueError, match=f"source in llvm, c, not in '{language}'"):
            f.source(language)
    with pytest.raises(GraphError, match="nothing is recorded"):
        f.source("c", "hessian")


def test_every_operation_has_source():
    assert {*table(1.0, 2.0, 3.0, 4.0)} == {*OPERATIONS}
