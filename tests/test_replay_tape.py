"""The tape: what is folded, what falls away, what is shared, what is done once; and the derivative of a program."""

from __future__ import annotations

import itertools
import math
import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from replaying import SPECIAL, same

from autodiff import Value, ops
from autodiff.operation import OPERATIONS
from autodiff.program.derivative import reverse
from autodiff.program.program import Output, Program, padded
from autodiff.program.simplify import SimplifyingTape as Tape
from autodiff.program.tape import CONSTANT, INPUT, SUM_OF_PRODUCTS
from autodiff.replay.tracer import transcribe

NUMBERS = [*SPECIAL, 7.25, -1e-5]


def unary(build):
    """A tape of one input, and what `build(tape, x)` made of it."""
    tape = Tape()
    x = tape.input(lane=True)
    return tape, x, build(tape, x)


class TestConstants:
    def test_one_slot_for_each_number_but_two_for_the_zeros(self):
        tape = Tape()
        slots = [tape.constant(x) for x in (0.0, -0.0, 1.0, 0.0, -0.0, 1.0, math.nan, math.nan)]
        assert slots[:3] == slots[3:6]
        assert slots[0] != slots[1]
        assert slots[6] == slots[7]
        assert [math.copysign(1.0, tape.constants[s]) for s in slots[:2]] == [1.0, -1.0]

    @pytest.mark.parametrize("name", [name for name, op in OPERATIONS.items() if op.arity == 2])
    def test_operations_on_constants_are_computed_at_once(self, name):
        tape = Tape()
        for a, b in itertools.product([-0.0, 0.5, math.inf], repeat=2):
            slot = tape.apply(OPERATIONS[name], (tape.constant(a), tape.constant(b)))
            assert same(tape.constants[slot], OPERATIONS[name](a, b))
        assert tape.counts["folded"] == tape.counts["asked"] == 9

    def test_sequences_of_constants(self):
        tape = Tape()
        one, two = tape.constant(1.0), tape.constant(2.0)
        assert tape.constants[tape.apply(ops.dot, (one, two, two, two))] == 6.0
        assert tape.constants[tape.apply(ops.sum, (one, two, two))] == 5.0
        assert tape.code[tape.apply(ops.sum, ())].name == "sum", "there is nothing to see that it is constant"


# What stands for the operation on x: x itself, a constant, or an operation. Each is checked at all numbers below.
FOLDED = {
    "x * 1": (lambda t, x: t.apply(ops.mul, (x, t.constant(1.0))), lambda x: x * 1.0),
    "1 * x": (lambda t, x: t.apply(ops.mul, (t.constant(1.0), x)), lambda x: 1.0 * x),
    "x / 1": (lambda t, x: t.apply(ops.div, (x, t.constant(1.0))), lambda x: x / 1.0),
    "x - 0": (lambda t, x: t.apply(ops.sub, (x, t.constant(0.0))), lambda x: x - 0.0),
    "x + -0": (lambda t, x: t.apply(ops.add, (x, t.constant(-0.0))), lambda x: x + -0.0),
    "-0 + x": (lambda t, x: t.apply(ops.add, (t.constant(-0.0), x)), lambda x: -0.0 + x),
    "--x": (lambda t, x: t.apply(ops.neg, (t.apply(ops.neg, (x,)),)), lambda x: operator.neg(operator.neg(x))),
    "x**1": (lambda t, x: t.apply(ops.pow, (x, t.constant(1.0))), lambda x: x**1.0),
}
KEPT = {
    "x + 0": (ops.add, 0.0),
    "x - -0": (ops.sub, -0.0),
    "x * 0": (ops.mul, 0.0),
    "x * -0": (ops.mul, -0.0),
    "x / 0": (ops.div, 0.0),
    "x / 3": (ops.div, 3.0),
    "x / inf": (ops.div, math.inf),
    "x / nan": (ops.div, math.nan),
    "x / tiny": (ops.div, 2.0**-1074),
    "x**0.5": (ops.pow, 0.5),
    "x**-2": (ops.pow, -2.0),
    "x**5": (ops.pow, 5.0),
}


class TestIdentities:
    @pytest.mark.parametrize("name", FOLDED)
    def test_what_changes_no_number_is_left_out(self, name):
        build, function = FOLDED[name]
        tape, x, slot = unary(build)
        assert slot == x
        assert tape.counts["identities"] >= 1
        for number in NUMBERS:  # it is true what the tape takes for granted
            assert same(function(number), number)

    @pytest.mark.parametrize("name", KEPT)
    def test_what_may_change_a_number_is_kept(self, name):
        op, c = KEPT[name]
        tape, x, slot = unary(lambda t, x: t.apply(op, (x, t.constant(c))))
        assert tape.code[slot] == (op.name, (x, tape.constant(c)))
        assert tape.counts["identities"] == 0

    @pytest.mark.parametrize(
        ("op", "negated", "expected"),
        [
            (ops.add, 1, ("sub", 0, 1)),
            (ops.add, 0, ("sub", 1, 0)),
            (ops.sub, 1, ("add", 0, 1)),
        ],
    )
    def test_a_negation_beside_a_sum_is_taken_into_it(self, op, negated, expected):
        tape = Tape()
        operands = [tape.input(), tape.input()]
        given = [tape.apply(ops.neg, (p,)) if k == negated else p for k, p in enumerate(operands)]
        name, *places = expected
        assert tape.code[tape.apply(op, given)] == (name, tuple(operands[k] for k in places))
        for x, y in itertools.product(NUMBERS, repeat=2):  # true of every pair of floats
            numbers = [-z if k == negated else z for k, z in enumerate((x, y))]
            assert same(op(*numbers), getattr(ops, name)(*((x, y)[k] for k in places)))

    def test_why_zeros_are_kept(self):
        assert not same(-0.0 + 0.0, -0.0)
        assert not same(-0.0 - -0.0, -0.0)
        assert not same(math.inf * 0.0, 0.0)
        assert not same(-1.0 * 0.0, 0.0)

    @pytest.mark.parametrize("condition", [1.0, -2.0, math.inf, 5e-324, 0.0, -0.0, math.nan])
    def test_a_choice_that_is_made_already(self, condition):
        tape = Tape()
        x, y = tape.input(), tape.input()
        slot = tape.apply(OPERATIONS["where"], (tape.constant(condition), x, y))
        expected = ops.where(condition, 3.0, 4.0)
        assert same(tape.constants.get(slot, {x: 3.0, y: 4.0}.get(slot)), float(expected))
        assert tape.apply(OPERATIONS["where"], (x, x, y)) not in (x, y)

    def test_products_with_minus_one_are_negations(self):
        for build in (
            lambda t, x: t.apply(ops.mul, (x, t.constant(-1.0))),
            lambda t, x: t.apply(ops.mul, (t.constant(-1.0), x)),
        ):
            tape, x, slot = unary(build)
            assert tape.code[slot] == ("neg", (x,))
        for number in NUMBERS:
            assert same(number * -1.0, -number)

    @pytest.mark.parametrize("c", [2.0, 0.5, -4.0, 2.0**-999, 2.0**999])
    def test_division_by_a_power_of_two_is_a_product(self, c):
        tape, x, slot = unary(lambda t, x: t.apply(ops.div, (x, t.constant(c))))
        assert tape.code[slot] == ("mul", (x, tape.constant(1.0 / c)))
        for number in NUMBERS:
            assert same(number / c, number * (1.0 / c))

    def test_powers(self):
        def power(n):
            return unary(lambda t, x: t.apply(ops.pow, (x, t.constant(n))))

        for n in (0.0, -0.0):
            tape, _, slot = power(n)
            assert tape.constants[slot] == 1.0
        tape, x, slot = power(-1.0)
        assert tape.code[slot] == ("div", (tape.constant(1.0), x))
        tape, x, slot = power(2.0)
        assert tape.code[slot] == ("mul", (x, x))
        tape, x, slot = power(3.0)
        square = tape.write("mul", (x, x))
        assert tape.code[slot] == ("mul", (square, x))
        tape, x, slot = power(4.0)
        square = tape.write("mul", (x, x))
        assert tape.code[slot] == ("mul", (square, square))

    @given(x=st.floats())
    def test_powers_as_products_are_within_two_ulp(self, x):
        for n, product in ((-1.0, ops.div(1.0, x)), (2.0, x * x), (3.0, (x * x) * x), (4.0, (x * x) * (x * x))):
            exact = ops.pow(x, n)
            assert same(product, exact) or abs(product - exact) <= 2.0 * math.ulp(exact)

    @given(x=st.floats(), c=st.integers(-999, 999))
    def test_quotients_by_powers_of_two_are_exact(self, x, c):
        assert same(x / 2.0**c, x * (1.0 / 2.0**c))


class TestSharing:
    def test_the_same_instruction_stands_once(self):
        tape = Tape()
        x, y = tape.input(), tape.input()
        assert tape.apply(ops.exp, (x,)) == tape.apply(ops.exp, (x,))
        assert tape.apply(ops.sub, (x, y)) == tape.apply(ops.sub, (x, y))
        assert tape.apply(ops.sub, (x, y)) != tape.apply(ops.sub, (y, x))
        assert tape.apply(ops.add, (x, y)) == tape.apply(ops.add, (y, x))
        assert tape.apply(ops.mul, (x, y)) == tape.apply(ops.mul, (y, x))
        assert tape.apply(ops.maximum, (x, y)) != tape.apply(ops.maximum, (y, x))
        assert tape.counts["shared"] == 5
        assert tape.counts["asked"] == 12

    def test_inputs_are_never_the_same(self):
        tape = Tape()
        assert tape.input() != tape.input()

    def test_lanes_spread(self):
        tape = Tape()
        shared, sample = tape.input(), tape.input(lane=True)
        once = tape.apply(ops.exp, (shared,))
        each = tape.apply(ops.mul, (once, sample))
        assert [tape.lane[s] for s in (shared, sample, once, each, tape.constant(3.0))] == [
            False,
            True,
            False,
            True,
            False,
        ]

    def test_what_nothing_needs_is_dead(self):
        tape = Tape()
        x, y = tape.input(), tape.input()
        wanted = tape.apply(ops.exp, (x,))
        tape.apply(ops.sin, (wanted,))
        tape.apply(ops.exp, (y,))
        assert tape.live([wanted]) == [x, wanted]
        program = Program(tape, [x, y], [Output(wanted, "one")])
        assert program.steps(lane=False) == [wanted]
        assert program.steps(lane=True) == []

    def test_once_and_for_each(self):
        tape = Tape()
        w, x = tape.input(), tape.input(lane=True)
        a = tape.apply(ops.exp, (w,))
        b = tape.apply(ops.mul, (a, x))
        program = Program(tape, [w, x], [Output(b, "each"), Output(b, "sum"), Output(a, "one")])
        assert (program.steps(lane=False), program.steps(lane=True)) == ([a], [b])
        assert (program.shared_inputs, program.sample_inputs) == ([w], [x])
        assert [o.kind for o in program.shared_outputs] == ["sum", "one"]
        assert [o.kind for o in program.sample_outputs] == ["each"]

    def test_padding(self):
        assert [padded(n) for n in (0, 1, 7, 8, 9, 16, 1001)] == [0, 8, 8, 8, 16, 16, 1008]


def run(tape, slots, given):
    """Compute a tape's slots by the operations themselves."""
    numbers = {}
    inputs = iter(given)
    for k, (name, operands) in enumerate(tape.code):
        x = [numbers[p] for p in operands]
        if name == INPUT:
            numbers[k] = next(inputs)
        elif name == CONSTANT:
            numbers[k] = tape.constants[k]
        elif name == SUM_OF_PRODUCTS:
            numbers[k] = math.fsum(a * b for a, b in zip(x[::2], x[1::2]))
        else:
            op = OPERATIONS[name]
            half = len(x) // 2
            numbers[k] = op(*x) if op.arity else op(x[:half], x[half:]) if name == "dot" else op(x)
    return [0.0 if s is None else numbers[s] for s in slots]


class TestReverse:
    @pytest.mark.parametrize(
        "function",
        [
            lambda x, y: x * y + x,
            lambda x, y: (x * y).tanh() * x - y / x,
            lambda x, y: ops.dot([x, y, x], [y, y, x]),
            lambda x, y: ops.sum([x, x, y, 1.0]) * ops.logsumexp([x, y]),
            lambda x, y: x * 0.0 + 3.0,
            lambda x, y: x,
            lambda x, y: (x + y) * (x + y),
            lambda x, y: ops.where(x, y * y, x) + abs(y),
        ],
    )
    def test_it_is_the_gradient(self, function):
        x, y = Value(1.25), Value(-0.5)
        z = function(x, y)
        tape = Tape()
        slots = {id(x): tape.input(), id(y): tape.input()}
        z = z + 0.0 if z is x else z
        leaves = [v for v in _leaves(z) if id(v) not in slots]
        slots |= {id(v): tape.constant(v.data) for v in leaves}
        transcribe(tape, [z], slots)
        gradient = reverse(tape, slots[id(z)], [slots[id(x)], slots[id(y)]])
        z.backward()
        assert run(tape, gradient, [1.25, -0.5]) == pytest.approx([x.grad, y.grad], rel=1e-15)
        assert run(tape, [slots[id(z)]], [1.25, -0.5]) == [z.data]

    def test_none_where_there_is_no_dependence(self):
        tape = Tape()
        x, y = tape.input(), tape.input()
        z = tape.apply(ops.exp, (x,))
        assert reverse(tape, z, [y]) == [None]
        assert reverse(tape, y, [x]) == [None]
        assert tape.constants[reverse(tape, y, [y])[0]] == 1.0
        step = tape.apply(OPERATIONS["step"], (x,))
        assert reverse(tape, step, [x]) == [None], "a rule of None"

    def test_a_program_may_be_differentiated_twice(self):
        tape = Tape()
        x = tape.input()
        cube = tape.apply(ops.mul, (tape.apply(ops.mul, (x, x)), x))
        (first,) = reverse(tape, cube, [x])
        (second,) = reverse(tape, first, [x])
        (third,) = reverse(tape, second, [x])
        assert run(tape, [first, second, third], [2.0]) == [12.0, 12.0, 6.0]

    def test_only_what_leads_to_the_inputs_is_differentiated(self):
        tape = Tape()
        x, w = tape.input(), tape.input()
        z = tape.apply(ops.mul, (x, tape.apply(ops.tanh, (w,))))
        before = len(tape.code)
        (g,) = reverse(tape, z, [x])
        assert tape.code[g].name == "tanh"
        assert all(code.name == CONSTANT for code in tape.code[before:]), "nothing of the derivative of tanh"


def _leaves(z):
    from autodiff.graph import topological

    return [v for v in topological([z]) if v.op is None]
