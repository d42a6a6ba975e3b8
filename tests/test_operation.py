"""What holds for every operation, read off the one table: an operation that lacks something fails here."""

from __future__ import annotations

import builtins
import copy
import itertools
import math
import pickle
import pydoc
import zlib
from decimal import Decimal
from fractions import Fraction
from random import Random

import methods_stub
import pytest
import reference
import strategies
from test_numerics import SPECIAL, same

import autodiff
from autodiff import Value, numerics, ops
from autodiff.operation import OPERATIONS, Binary, Nary, Unary, real

ALL = [pytest.param(op, id=name) for name, op in OPERATIONS.items()]
NUMERIC = [pytest.param(op, id=name) for name, op in OPERATIONS.items() if op.arity]
USERS = [pytest.param(OPERATIONS[name], id=name) for name in strategies.PUBLIC]
USERS_BINARY = [pytest.param(OPERATIONS[name], id=name) for name in strategies.PUBLIC if OPERATIONS[name].arity == 2]
SEQUENCES = [pytest.param(op, id=name) for name, op in OPERATIONS.items() if isinstance(op, Nary)]
WRONG = [Decimal(1), 1j, "one", None, [1.0], object()]


def on_nodes(op, *numbers):
    """Apply an operation to Values, in the form that it takes."""
    nodes = [Value(x) for x in numbers]
    return (op(*nodes) if op.arity else op(*[nodes] * op.groups)), nodes


@pytest.mark.parametrize("op", ALL)
def test_it_is_declared_in_full(op):
    assert op.doc[-1] in ".)", "the docstring is a sentence"
    assert isinstance(op, (Unary, Binary, Nary))
    assert len(op.domain) == (op.arity or op.groups)
    assert all(low < high for low, high in op.domain)
    assert op.singular is None or callable(op.singular)
    assert callable(op.value)
    assert OPERATIONS[op.name] is op
    assert op.__name__ == op.name
    assert op.name in repr(op)


@pytest.mark.parametrize("op", ALL)
def test_its_label_formats(op):
    names = ["first", "second"][: op.arity] or ["first, second"]
    text = op.label.format(*names)
    assert all(name in text for name in names)
    assert "{" not in text


@pytest.mark.parametrize("op", ALL)
def test_it_is_where_users_look_for_it(op):
    if op.name in strategies.PUBLIC:
        assert getattr(autodiff, op.name) is op
        assert (op.name in autodiff.__all__) is not hasattr(builtins, op.name), "`import *` leaves Python's sum alone"
        assert getattr(ops, op.name) is op
        assert op.method or not op.arity, "a public function of numbers has a method or an operator"
    else:
        assert not op.method
        # clip and where are plain functions that put their operands into a sequence
        assert hasattr(autodiff, op.name) is (op.name in strategies.SIZES)
    if op.method:
        method = getattr(Value, op.method)
        assert method.__name__ == op.method
        assert method.__doc__ == op.doc


@pytest.mark.parametrize("op", ALL)
def test_its_formula_can_be_evaluated_and_is_what_it_computes(op):
    """A formula that is left out is the label, which may be one of mpmath's functions, too."""
    operands = [1.25, 1.75][: op.arity] if op.arity else [[0.25, 1.25, 0.75]] * op.groups
    y = op.value(*operands)
    assert y != y or abs(reference.formula(op.name)(*map(reference.exact, operands)) - y) <= 1e-15 * abs(
        y
    )  # atanh(1.25)


@pytest.mark.parametrize("op", NUMERIC)
def test_its_value_and_its_partials_are_total(op):
    for point in itertools.product(SPECIAL, repeat=op.arity):
        y = op.value(*point)
        assert type(y) is float, point
        partials = op.partials(y, point, [True] * op.arity)
        assert all(p is None or type(p) is float for p in partials), point


@pytest.mark.parametrize("op", SEQUENCES)
def test_its_value_and_its_partials_are_total_on_sequences(op):
    random = Random(1)
    for size in [strategies.SIZES[op.name]] if op.name in strategies.SIZES else (1, 2, 3, 5):
        for _ in range(200):
            groups = [[random.choice(SPECIAL) for _ in range(size)] for _ in range(op.groups)]
            y = op.value(*groups)
            assert type(y) is float
            flat = [x for group in groups for x in group]
            partials = op.partials(y, flat, [True] * len(flat))
            assert len(partials) == len(flat)
            assert all(p is None or type(p) is float for p in partials)


@pytest.mark.parametrize("op", NUMERIC)
def test_singular_tells_where_it_is_not_smooth(op):
    """Smooth where declared so: finite partials that hardly change over a small step; singular() has zeros else."""
    random = Random(zlib.crc32(op.name.encode()))
    signs = set()
    for _ in range(200):
        point = [random.uniform(max(low, -6.0), min(high, 6.0)) for low, high in op.domain]
        if op.singular:
            s = op.singular(*point)
            signs.add(s > 0.0)
            if abs(s) < 1e-2:
                continue
        near = [x + 1e-7 for x in point]
        wanted = [True] * op.arity
        here, there = (op.partials(op.value(*p), p, wanted) for p in (point, near))
        for p, q in zip(here, there):
            if p is not None:
                assert math.isfinite(p)
                assert abs(p - q) <= 1e-3 * (1.0 + abs(p))
    if op.singular:
        low_or_zero = any(low > -math.inf for low, _ in op.domain)  # the singular point is the end of the domain
        alone = op.name in ("hypot", "direction", "turn")  # the origin: a point has no other side
        assert signs == {True} if low_or_zero or alone else signs == {True, False}
        ends = [math.pi / 2.0 if op.name == "tan" else low if low > -math.inf else 0.0 for low, _ in op.domain]
        assert abs(op.singular(*ends)) < 1e-16
        partials = op.partials(op.value(*ends), ends, [True] * op.arity)
        jump = op.value(*(x + 1e-9 for x in ends[:1]), *ends[1:]) - op.value(*(x - 1e-9 for x in ends[:1]), *ends[1:])
        kinked = any(p is not None and (not math.isfinite(p) or p in (0.0, 0.5, 1.0)) for p in partials)
        assert kinked or not abs(jump) < 0.5


@pytest.mark.parametrize("op", USERS)
def test_floats_in_float_out(op):
    numbers = [0.75] * (op.arity or 2)
    y = op(*numbers) if op.arity else op(*[numbers] * op.groups)
    assert type(y) is float
    y = op(*map(Fraction, numbers)) if op.arity else op(*[list(map(Fraction, numbers))] * op.groups)
    assert type(y) is float


@pytest.mark.parametrize("op", USERS)
@pytest.mark.parametrize("number", [1, True, Fraction(3, 4), 2**60], ids=repr)
def test_every_real_number_is_an_operand(op, number):
    exact = op(*[float(number)] * op.arity) if op.arity else op(*[[float(number)]] * op.groups)
    plain = op(*[number] * op.arity) if op.arity else op(*[[number]] * op.groups)
    assert type(plain) is float
    assert same(plain, exact)
    if op.arity == 2:
        assert same(op(Value(number), number).data, exact)
        assert same(op(number, Value(number)).data, exact)
    if not op.arity:
        x = Value(1.0)
        groups = [[x, number]] * op.groups
        assert same(op(*groups).data, op(*[[1.0, float(number)]] * op.groups))


@pytest.mark.parametrize("op", USERS)
@pytest.mark.parametrize("wrong", WRONG, ids=lambda w: type(w).__name__)
def test_anything_else_is_a_type_error_that_names_the_type(op, wrong):
    name = type(wrong).__name__
    x = Value(1.0)
    if op.arity == 1:
        calls = [lambda: op(wrong)]
    elif op.arity == 2:
        calls = [lambda: op(wrong, 1.0), lambda: op(1.0, wrong), lambda: op(x, wrong), lambda: op(wrong, x)]
    else:
        rest = [[1.0, 1.0]] * (op.groups - 1)
        calls = [lambda: op([wrong, 1.0], *rest), lambda: op([x, wrong], *rest), lambda: op([wrong, x], *rest)]
    for call in calls:
        with pytest.raises(TypeError, match=name):
            call()


@pytest.mark.parametrize("op", [p for p in USERS_BINARY if not p.values[0].method.startswith("__")])
@pytest.mark.parametrize("wrong", WRONG, ids=lambda w: type(w).__name__)
def test_a_method_refuses_other_types(op, wrong):
    with pytest.raises(TypeError, match=type(wrong).__name__):
        getattr(Value(1.0), op.method)(wrong)


@pytest.mark.parametrize("op", USERS)
def test_an_int_too_large_for_a_float(op):
    huge = 10**400
    with pytest.raises(OverflowError):
        op(*[huge] * op.arity) if op.arity else op(*[[huge]] * op.groups)
    if op.arity == 2:
        for call in (lambda: op(Value(1.0), huge), lambda: op(huge, Value(1.0))):
            with pytest.raises(OverflowError):
                call()


@pytest.mark.parametrize("op", [p for p in USERS if p.values[0].arity])
def test_function_method_and_operator_agree(op):
    numbers = [0.75, 0.5][: op.arity]
    x, *rest = map(Value, numbers)
    for y in (op(x, *rest), getattr(x, op.method)(*rest)):
        assert y.op is op
        assert y.operands == (x, *rest)
        assert same(y.data, op(*numbers))  # nan for acosh
        assert same(y.data, op.value(*numbers))
    if op.arity == 2:
        y = op(0.75, Value(0.5))
        assert same(y.data, op(*numbers))
        assert y.operands[0] == 0.75
        assert type(y.operands[0]) is float


OPERATORS = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": lambda a, b: a**b,
}


@pytest.mark.parametrize("name", OPERATORS)
def test_binary_operators(name):
    op, f = OPERATIONS[name], OPERATORS[name]
    x, y = Value(3.0), Value(2.0)
    for a, b in ((x, y), (x, 2), (x, 2.0), (3, y), (3.0, y), (Fraction(3), y), (x, Fraction(2)), (x, True)):
        node = f(a, b)
        assert node.op is op, "a - b is a subtraction and a / b a division"
        assert node.data == op(float(a), float(b))


def test_operators_refuse_other_types():
    x = Value(1.0)
    for f in OPERATORS.values():
        for wrong in (Decimal(1), 1j, None, object()):
            with pytest.raises(TypeError, match=type(wrong).__name__):
                f(x, wrong)
            with pytest.raises(TypeError, match=type(wrong).__name__):
                f(wrong, x)
        with pytest.raises(TypeError, match=r"str|sequence"):
            f(x, "one")
        with pytest.raises(TypeError, match=r"str|sequence|not all arguments"):
            f("one", x)


@pytest.mark.parametrize("op", [p for p in SEQUENCES if p.values[0].name not in strategies.SIZES])
def test_sequences_of_every_kind(op):
    x, y = Value(1.0), Value(2.0)
    for kind in (list, tuple, iter, lambda p: (q for q in p)):
        node = op(*[kind([x, y]) for _ in range(op.groups)])
        assert node.op is op
        assert node.operands == (x, y) * op.groups
    mixed = op(*[[1.0, y]] * op.groups)
    assert mixed.data == op(*[[1.0, 2.0]] * op.groups)


def test_two_sequences_must_be_as_long():
    with pytest.raises(ValueError, match=r"2 and 1"):
        autodiff.dot([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match=r"2 and 1"):
        autodiff.dot([Value(1.0), Value(2.0)], [1.0])
    with pytest.raises(TypeError, match="2 sequence"):
        autodiff.dot([1.0])
    with pytest.raises(TypeError, match="1 sequence"):
        autodiff.sum([1.0], [1.0])


@pytest.mark.parametrize(("xs", "ys"), list(itertools.product(["vv", "vf", "fv", "ff"], repeat=2)))
def test_dot_takes_nodes_and_numbers_in_any_mixture(xs, ys):
    def operand(kind, x):
        return Value(x) if kind == "v" else x

    a = [operand(k, x) for k, x in zip(xs, (2.0, 3.0))]
    b = [operand(k, x) for k, x in zip(ys, (5.0, 7.0))]
    y = autodiff.dot(a, b)
    if "v" not in xs + ys:
        assert y == 31.0
        return
    assert y.data == 31.0
    y.backward()
    for p, g in zip((*a, *b), (5.0, 7.0, 2.0, 3.0)):
        if isinstance(p, Value):
            assert p.grad == g


@pytest.mark.parametrize("op", ALL)
def test_it_is_pickled_and_copied_by_name(op):
    assert copy.deepcopy(op) is op
    assert copy.copy(op) is op
    assert pickle.loads(pickle.dumps(op)) is op


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match="exp"):
        Unary("exp", numerics.exp, da=None, singular=None, doc="Another.")
    assert OPERATIONS["exp"] is autodiff.exp


def test_real():
    assert real(True) == 1.0
    assert type(real(2)) is float
    assert real(Fraction(1, 4)) == 0.25
    for wrong in WRONG:
        with pytest.raises(TypeError, match=type(wrong).__name__):
            real(wrong)
    with pytest.raises(TypeError, match="Value"):
        real(Value(1.0))
    with pytest.raises(OverflowError):
        real(10**400)


class TestNumpy:
    @pytest.fixture
    def np(self):
        return pytest.importorskip("numpy", reason="NumPy is not installed")

    @pytest.mark.parametrize("kind", ["float64", "float32", "float16", "int64", "int8", "uint8", "longdouble"])
    def test_scalars_are_real_numbers(self, np, kind):
        two = getattr(np, kind)(2)
        assert type(Value(two).data) is float
        x = Value(3.0)
        for name, f in OPERATORS.items():
            for node, a, b in ((f(x, two), 3.0, 2.0), (f(two, x), 2.0, 3.0)):
                assert type(node) is Value
                assert node.data == OPERATIONS[name](a, b)
        for name in strategies.PUBLIC:
            op = OPERATIONS[name]
            y = op(*[two] * op.arity) if op.arity else op(*[np.array([two, two])] * op.groups)
            assert type(y) is float
        assert x > two
        assert two < x

    @pytest.mark.parametrize("kind", ["float64", "int64", "object"])
    def test_arrays_on_either_side_give_object_arrays(self, np, kind):
        array = np.array([[1, 2], [3, 4]], dtype=kind)
        x = Value(3.0)
        for name, f in OPERATORS.items():
            for result, order in ((f(array, x), (0, 1)), (f(x, array), (1, 0))):
                assert result.dtype == object
                assert result.shape == array.shape
                for node, element in zip(result.flat, array.flat):
                    pair = (float(element), 3.0)
                    assert type(node) is Value
                    assert node.data == OPERATIONS[name](pair[order[0]], pair[order[1]])

    def test_object_arrays_compute_and_differentiate(self, np):
        xs = np.array([Value(0.5), Value(2.0)])
        assert xs.dtype == object
        y = np.dot(np.exp(xs), np.sqrt(xs)) + np.sum(np.tanh(xs) / np.log1p(xs) - abs(xs))
        y.backward()
        h = 1e-6

        def f(a):
            return np.dot(np.exp(a), np.sqrt(a)) + np.sum(np.tanh(a) / np.log1p(a) - abs(a))

        for k, x in enumerate(xs):
            step = np.eye(2)[k] * h
            slope = (f(np.array([0.5, 2.0]) + step) - f(np.array([0.5, 2.0]) - step)) / (2 * h)
            assert x.grad == pytest.approx(slope, rel=1e-8)

    def test_arrays_of_nodes_are_sequences(self, np):
        xs = np.array([Value(1.0), Value(2.0)])
        assert autodiff.sum(xs).data == 3.0
        y = autodiff.dot(np.array([3.0, 4.0]), xs)
        y.backward()
        assert [x.grad for x in xs] == [3.0, 4.0]

    def test_an_array_is_no_scalar(self, np):
        for call in (
            lambda: Value(np.array([1.0, 2.0])),
            lambda: autodiff.exp(np.array([1.0])),
            lambda: autodiff.maximum(Value(1.0), np.array([1.0])),
        ):
            with pytest.raises(TypeError, match="ndarray"):
                call()


@pytest.mark.parametrize("op", USERS)
def test_its_help_shows_how_it_is_called_and_its_calculus(op):
    text = pydoc.render_doc(op, renderer=pydoc.plaintext)
    assert f"{op.name}(" in text
    assert op.doc.splitlines()[0] in text
    assert f"formula    {op.formula}" in text
    assert ("derivative " if op.arity == 1 else "d/d") in text
    assert "domain     " in text


def test_help_begins_with_what_a_user_needs():
    text = pydoc.render_doc(autodiff, renderer=pydoc.plaintext)
    before = text[: text.index("PACKAGE CONTENTS")]
    for name in ("backward", "grad", "draw_forward", "compile", "check_grads", "errors"):
        assert name in before


def test_what_type_checkers_know_of_its_method_is_up_to_date():
    assert methods_stub.STUB.read_text(encoding="utf-8") == methods_stub.stub(), "run python tests/methods_stub.py"
