"""From the float function of an operation to machine arithmetic: what is translated, and what is left to Python."""

from __future__ import annotations

import contextlib
import math
import re
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replaying import BACKENDS, NEEDS, SPECIAL, installed, same

import autodiff
from autodiff import GraphError, compile, numerics
from autodiff.operation import OPERATIONS, Unary
from autodiff.program.lowering import NoSource, NotLowerable, definition, lower
from autodiff.program.tape import CONSTANT, INPUT, SUM_OF_PRODUCTS, Tape

PRIMITIVES = {"add", "sub", "mul", "div", "neg", "fabs", "sqrt", "floor", "copysign", "ldexp", "mantissa", "exponent"}
PRIMITIVES |= {"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not", "select", SUM_OF_PRODUCTS, INPUT, CONSTANT}
PRIMITIVES |= {"exp", "expm1", "log", "log1p", "log2", "log10", "pow", "sin", "cos", "tan", "asin", "acos", "atan"}
PRIMITIVES |= {"atan2", "hypot", "sinh", "cosh", "asinh", "acosh", "atanh", "tanh", "erf", "erfc", "fmod"}


@contextlib.contextmanager
def defined(value, arity=1):
    """An operation of the user's own, for a while."""
    rule = (lambda y, a: 1.0, lambda y, a, b: 1.0)[arity - 1]
    op = autodiff.define("temporary", value, [rule] * arity)
    try:
        yield op
    finally:
        del OPERATIONS["temporary"]


def lowered(name, *lanes):
    """The primitive instructions of an operation, as text."""
    tape = Tape()
    slots = [tape.input(lane) for lane in lanes]
    result = tape.write(name, slots)
    out, to = lower(tape, [*slots, result])
    return out, to[result]


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_lowered_to_primitives(name):
    op = OPERATIONS[name]
    out, _ = lowered(name, *[True] * (op.arity or {"clip": 3, "where": 3}.get(name, 4)))
    assert {instruction.name for instruction in out.code} <= PRIMITIVES


def test_truth_values_stay_among_themselves():
    """`select`, `and`, `or` and `not` take them; arithmetic, comparisons and results do not."""
    truths = {"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not"}
    takes = {"select": 1, "not": 1, "and": 2, "or": 2}
    for name, op in OPERATIONS.items():
        out, result = lowered(name, *[True] * (op.arity or {"clip": 3, "where": 3}.get(name, 4)))
        assert out.code[result].name not in truths
        for what, operands in out.code:
            for k, p in enumerate(operands):
                assert (out.code[p].name in truths) is (k < takes.get(what, 0)), (name, what)


@pytest.mark.parametrize("backend", BACKENDS)
def test_sums_of_minus_zeros(backend):
    """As `math.fsum` has them: 0.0."""
    f = compile(
        lambda a: [autodiff.sum([a, a]), autodiff.dot([a], [1.0]), autodiff.mean([a])], in_axes=0, backend=backend
    )
    assert all(same(row[0], 0.0) for row in f(array("d", [-0.0])))


HALF = 0.5


def helper(x):
    """Negative numbers three times."""
    return x * 3 if x < 0 else x


def power(a):
    return a**3


def branches(a):
    if a > 1:
        b = a * a
    elif a == 0.25:
        return 7
    else:
        b = -a
    b += HALF
    return b if a != 2 else 2.5


def calls(a):
    low, high = min(a, 1.0, 2), max(a, -1, 0.5)
    return helper(low) + numerics.sigmoid(high) + abs(a) + float(a)


def truth(a):
    return a > 0.5


def truths(a):
    return (a > 0.5) * 2.0 + (0.0 < a < 1.0 or not a < 3.0) - (a != a)


def of_a_truth(a):
    positive = a > 0.0
    return 1.0 if positive and (a < 2.0) == 1.0 else 0.0


def number_as_condition(a):
    return 1.0 if a else 2.0


def closure(factor, shift=1.0):
    def inner(a):
        return a * factor + shift

    return inner


LOWERED = [power, branches, calls, truth, truths, of_a_truth, number_as_condition, closure(2.5), closure(-1.0, 4)]
LOWERED.append(lambda a: 2.0 * math.fabs(0.5 * a) + 1)  # with a comment behind it
IMPRECISE = {calls}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("value", LOWERED)
def test_functions_of_the_user(value, backend):
    at = [-2.5, -1.0, -0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 2.0, 2.5, 3.0, 1e100, math.nan]
    with defined(value) as op:
        f = compile(lambda x: op(x) * 1.0, in_axes=0, backend=backend)
        for x, y in zip(at, f(array("d", at)), strict=True):
            expected = op(x)
            assert same(y, expected) or (value in IMPRECISE and abs(y - expected) <= 4.0 * math.ulp(expected)), x
        alone = compile(lambda x: op(x) * 1.0, backend=backend)
        assert [alone(x) for x in (0.25, 0.5, 2.0)] == pytest.approx([op(x) for x in (0.25, 0.5, 2.0)], rel=1e-15)


def loops(a):
    for _ in range(2):
        a = a * a
    return a


def caught(a):
    try:
        return math.log(a)
    except ValueError:
        return -1.0


def either(a):
    return a or 1.0


def defaults(a, b=2.0):
    return a * b


UNTOLD: dict[str, object] = {}
exec("def untold(a):\n    return a * 2.0", UNTOLD)

LEFT = {
    "a loop": (loops, "a statement that is not lowered: for"),
    "other errors than IEEE's answers": (caught, "a statement that is not lowered: try"),
    "one of two numbers": (either, "one of several numbers: a or 1.0"),
    "floor division": (lambda a: a // 0.3, "an operator that is not lowered: FloorDiv"),
    "a remainder": (lambda a: a % 3, "an operator that is not lowered: Mod"),
    "a conversion": (
        lambda a: int(numerics.guard(abs(a), 1.0)) if a == a else a,
        "<class 'int'>, whose source is not to be had",
    ),
    "a library function": (lambda a: math.gamma(abs(a) + 1.0), "gamma.*, whose source is not to be had"),
    "two arguments": (lambda a: math.log(abs(a) + 1.0, 2.0), "log.*, whose source is not to be had"),
    "an extreme of a list": (lambda a: max([a, 1.0]), "an expression that is not lowered"),
    "comprehensions": (lambda a: sum(a * k for k in (1, 2)), "an expression that is not lowered"),
    "nested comprehensions": (lambda a: max(a * j * k for j in (1, 2) for k in (3, 4)), "an expression that is not lo"),
    "an iterator": (lambda a: 1.0 if all(map(math.isfinite, (a, 1.0))) else 0.0, "<class 'map'>, whose source is not"),
    "keywords": (lambda a: helper(x=a), "an expression that is not lowered"),
    "a default": (defaults, "not with as many numbers"),
    "no source": (UNTOLD["untold"], "whose source is not to be had"),
    "a bound method": (helper.__call__, "whose source is not to be had"),
}


@pytest.mark.parametrize("name", LEFT)
def test_what_is_left_to_python(name):
    value, why = LEFT[name]
    at = [-2.5, 0.0, 0.3, 0.9, 7.0]
    with defined(value) as op:
        f = compile(lambda x: op(x) + x, in_axes=0)
        assert f(array("d", at)).tolist() == [op(x) + x for x in at]
        assert f.report().backend == "python"
        for note in f.report().notes:
            assert re.match(rf"(?s)no (llvm|numpy): (it is not installed|temporary.*{why})", note)
        with pytest.raises(GraphError, match=f"(?s)temporary.*{why}"):
            f.source("c")
        for backend in filter(installed_backend, ("llvm", "numpy")):
            with pytest.raises(
                GraphError, match=f"(?s)no {backend} for this program: temporary.*{why}.*backend='auto'"
            ):
                compile(lambda x: op(x), in_axes=0, backend=backend)(array("d", at))


def installed_backend(name):
    return installed(NEEDS[name])


def test_floor_division_of_floats_is_not_the_floor_of_the_quotient():
    """Why it is left to Python."""
    assert 1.0 // 0.1 == 9.0
    assert math.floor(1.0 / 0.1) == 10


def test_results_are_floats_whatever_the_function_returns():
    with defined(lambda a: 3 if a > 0 else 2) as op:
        for backend in ("auto", "python"):
            y = compile(lambda x: op(x), backend=backend)(1.0)
            assert (y, type(y)) == (3.0, float)


def head(a):
    return a + 1.0


def test_functions_of_one_name_are_kept_apart():
    def other():
        def head(a):
            return a * 10.0

        return head

    with defined(head) as op:
        try:
            second = autodiff.define("second", other(), lambda y, a: 10.0)
            for backend in ("auto", "python"):
                f = compile(lambda x: op(x) + second(x) + autodiff.gelu(x), backend=backend)
                assert f(2.0) == 3.0 + 20.0 + autodiff.gelu(2.0)
        finally:
            del OPERATIONS["second"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_exponents_in_any_place_are_exponents(backend):
    """Those that stand in slot 2 too: a square is a product, whose exponent is the number 2."""
    rules = [lambda y, a, b: 1.0, lambda y, a, b: 1.0]
    try:
        op = autodiff.define("temporary", lambda a, b: a**b, rules)
        f = compile(lambda w, x, y, z: [op(x, k) for k in (w, x, y, z)], backend=backend)
        assert f(1.0, 3.0, 4.0, 5.0) == [3.0, 27.0, 81.0, 243.0]
    finally:
        del OPERATIONS["temporary"]


def test_definitions_are_told_apart():
    first, second = (lambda a: a + 1.0), (lambda a: a - 1.0)  # two in one line
    assert "a + 1.0" in _text(first)
    assert "a - 1.0" in _text(second)
    same_place, same_code = (lambda a: a), (lambda a: a)
    assert _text(same_place) == _text(same_code)
    for builtin in (math.gamma, len):
        with pytest.raises(NoSource, match="not to be had"):
            definition(builtin)


def _text(function):
    import ast

    return ast.unparse(definition(function))


def test_an_operation_as_the_guide_adds_it():
    """The example of the contributors' guide: a lambda with a comment behind it."""
    op = Unary(
        "versin_for_a_while",
        lambda a: 2.0 * numerics.sin(0.5 * a) ** 2,  # the plain 1 - cos(a) cancels
        formula="1 - cos(a)",
        da=lambda y, a: autodiff.sin(a),
        singular=None,
        doc="Versed sine.",
    )
    try:
        for backend in ("auto", "python"):
            f = compile(lambda x: op(x) * 1.0, in_axes=0, backend=backend)
            assert f(array("d", [1.0, 2.0])).tolist() == pytest.approx([op(1.0), op(2.0)], rel=1e-15)
            assert not [note for note in f.report().notes if "versin" in note]
    finally:
        del OPERATIONS["versin_for_a_while"]


def test_not_lowerable_is_an_error_of_the_package():
    assert issubclass(NotLowerable, GraphError)


@given(x=st.floats() | st.sampled_from(SPECIAL), e=st.integers(-3000, 3000))
@settings(max_examples=100)
def test_taking_numbers_apart(x, e):
    """The mantissa and the exponent as `math.frexp` has them, and their way back, in every backend that there is."""
    for run in APART:
        m, k = run(x, float(max(-1074, min(1023, e))))[:2]
        expected = math.frexp(x)
        assert same(m, expected[0])
        assert k == (float(expected[1]) if math.isfinite(x) else 0.0)


def _apart():
    from autodiff.program.program import Output, Program
    from autodiff.replay.backends.llvm.native import compile_program as native
    from autodiff.replay.backends.numpy_calls import compile_program as vectors

    class Primitive(Program):
        def lowered(self):
            return self

    tape = Tape()
    x, e = tape.input(lane=True), tape.input(lane=True)
    slots = [tape.write("mantissa", [x]), tape.write("exponent", [x]), tape.write("ldexp", [x, e])]
    program = Primitive(tape, [x, e], [Output(s, "each") for s in slots])
    found = []
    for make in (native, vectors):
        with contextlib.suppress(ImportError):
            run = make(program)

            def on(a, b, run=run):
                samples, results = array("d", [a] * 8 + [b] * 8), array("d", [0.0] * 24)
                run(8, 8, array("d", [0.0]), samples, array("d", [0.0]), results)
                return results[0], results[15], results[16]

            found.append(on)
    return found


APART = _apart()
