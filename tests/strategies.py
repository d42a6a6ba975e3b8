"""What the property tests are fed: floats over the domain of an operation, and random expression graphs.

A graph is drawn as a `Program`, a list of instructions, so that the same one can be run on Values, on floats
and on the numbers of the reference, and its instructions can be put in another order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

import autodiff
from autodiff.operation import OPERATIONS, Nary, Op

PUBLIC = [name for name, op in OPERATIONS.items() if getattr(autodiff, name, None) is op]
"""Names of the operations that users see."""


SIZES = {"clip": 3, "where": 3}
"""How many operands an operation on a sequence takes, where that is fixed."""


def scaled(low: int = -1074, high: int = 1023) -> st.SearchStrategy[float]:
    """Floats of either sign whose binary exponent is uniform: subnormal, ordinary and huge ones."""
    return st.builds(
        lambda sign, m, e: sign * math.ldexp(m, e),
        st.sampled_from([1.0, -1.0]),
        st.floats(1.0, 2.0, exclude_max=True),
        st.integers(low, high),
    )


def within(domain: tuple[float, float], huge: bool = True) -> st.SearchStrategy[float]:
    """Floats of a closed interval: moderate ones, ones near its finite bounds, and ones of every size."""
    low, high = domain
    parts = [st.floats(max(low, -8.0), min(high, 8.0))]
    sizes = scaled() if huge else scaled(-20, 12)
    if low == 0.0:
        parts.append(sizes.map(abs))
    elif math.isinf(low):
        parts.append(sizes)
    elif high < math.inf:
        parts += [scaled(-1074 if huge else -20, -1), scaled(-53, 0).map(lambda x: math.copysign(1.0 - abs(x), x))]
    else:
        parts += [sizes.map(abs), scaled(-53, 0).map(lambda x: low + abs(x))]
    return st.one_of(parts).filter(lambda x: low <= x <= high)


@st.composite
def operands(draw: Callable[..., Any], op: Op, huge: bool = True, margin: float = 0.0) -> tuple[Any, ...]:
    """A point at which an operation is defined, off its singular set: numbers, or lists of numbers."""
    if isinstance(op, Nary):
        size = SIZES.get(op.name) or draw(st.integers(1, 6))
        number = st.one_of(st.floats(-8.0, 8.0), scaled(-300, 300) if huge else scaled(-20, 8))
        return tuple([draw(number) for _ in range(size)] for _ in range(op.groups))
    point = st.tuples(*(within(d, huge) for d in op.domain))
    return draw(point.filter(lambda p: op.singular is None or abs(op.singular(*p)) > margin * max(map(abs, p))))


Reference = int | float
"""An operand in a program: the number of an earlier slot, or a constant."""


@dataclass(frozen=True)
class Instruction:
    """Apply an operation to operands; for "softmax" take the probability number `pick`."""

    name: str
    operands: tuple[Reference, ...]
    pick: int = 0

    def groups(self, operands: Sequence[Any]) -> list[Any]:
        """The flat operands as the operation takes them."""
        if self.name == "softmax" or OPERATIONS[self.name].arity == 0:
            half = len(operands) // 2
            return [operands[:half], operands[half:]] if self.name == "dot" else [operands]
        return list(operands)


@dataclass(frozen=True)
class Program:
    """Leaves in the slots 0, 1, ...; then one instruction a slot. The last slot is the output."""

    leaves: tuple[float, ...]
    instructions: tuple[Instruction, ...]

    def run(self, leaves: Sequence[Any], apply: Callable[[Instruction, list[Any]], Any]) -> list[Any]:
        """All slots, with the given leaves; `apply` computes an instruction from its operands."""
        slots = list(leaves)
        for i in self.instructions:
            slots.append(apply(i, [slots[r] if isinstance(r, int) else r for r in i.operands]))
        return slots

    def build(self, leaves: Sequence[Any]) -> list[Any]:
        """All slots, computed by the engine's own functions: on floats or on Values."""
        return self.run(leaves, engine)

    def signs(self, slots: Sequence[float]) -> list[bool]:
        """On which side of its singular set each instruction was run."""
        found = []
        for i in self.instructions:
            singular = OPERATIONS[i.name].singular if i.name != "softmax" else None
            if singular:
                found.append(singular(*(slots[r] if isinstance(r, int) else r for r in i.operands)) > 0.0)
        return found


def engine(i: Instruction, operands: list[Any]) -> Any:
    """Run an instruction with the function of the same name in the `autodiff` namespace."""
    result = getattr(autodiff, i.name)(*i.groups(operands))
    return result[i.pick] if i.name == "softmax" else result


_SINGULAR_MARGIN = 1e-3
_SIZE = 50.0


@st.composite
def programs(draw: Callable[..., Any], instructions: int = 14) -> Program:
    """A random expression graph over all public operations, with shared nodes, at a point off all kinks.

    Operands outside a domain are brought inside by ``softplus(x) + 0.25`` or ``0.8 tanh(x)``; where a result would
    be huge or next to a singular point, ``tanh`` of the operand stands in its place.
    """
    leaves = tuple(draw(st.lists(st.floats(-3.0, 3.0).map(lambda x: round(x, 6)), min_size=1, max_size=4)))
    slots: list[float] = list(leaves)
    code: list[Instruction] = []

    def emit(name: str, args: Sequence[Reference], pick: int = 0) -> int | None:
        i = Instruction(name, tuple(args), pick)
        at = [slots[r] if isinstance(r, int) else r for r in args]
        singular = OPERATIONS[name].singular if name != "softmax" else None
        if singular and abs(singular(*at)) < _SINGULAR_MARGIN:
            return None
        y = engine(i, at)
        if not abs(y) < _SIZE:
            return None
        slots.append(y)
        code.append(i)
        return len(slots) - 1

    def operand(constants: bool) -> Reference:
        if constants and draw(st.integers(0, 5)) == 0:
            return draw(st.sampled_from([2.0, -1.0, 0.5, 3.0, 1.0, -2.0, 0.3]))
        back = draw(st.integers(0, min(len(slots), 5) - 1))  # the late ones more often: deep graphs
        return len(slots) - 1 - back if draw(st.booleans()) else draw(st.integers(0, len(slots) - 1))

    for _ in range(draw(st.integers(1, instructions))):
        name = draw(st.sampled_from([*PUBLIC, "softmax"]))
        if name == "softmax" or OPERATIONS[name].arity == 0:
            size = draw(st.integers(1, 4)) * (2 if name == "dot" else 1)
            args = [operand(constants=True) for _ in range(size)]
            if not any(isinstance(r, int) for r in args):
                args[0] = operand(constants=False)
            done = emit(name, args, draw(st.integers(0, size - 1)))
        else:
            args = [operand(constants=False)]
            if OPERATIONS[name].arity == 2:
                args.append(operand(constants=True))
                if draw(st.booleans()):
                    args.reverse()
            for k, (r, (low, high)) in enumerate(zip(args, OPERATIONS[name].domain)):
                at = slots[r] if isinstance(r, int) else r
                if at <= low + 0.1 or at >= high - 0.1:
                    squeeze, step, by = (
                        ("softplus", "add", max(low, 0.0) + 0.25) if high > 1.0 else ("tanh", "mul", 0.8)
                    )
                    inner = emit(squeeze, [r]) if isinstance(r, int) else None
                    inside = emit(step, [inner, by]) if inner is not None else None
                    args[k] = max(low, 0.0) + 0.75 if inside is None else inside
            done = emit(name, args) if any(isinstance(r, int) for r in args) else None
        if done is None:
            emit("tanh", [operand(constants=False)])
    if not code:
        emit("sin", [0])
    return Program(leaves, tuple(code))


@st.composite
def reorderings(draw: Callable[..., Any], program: Program) -> list[int]:
    """The numbers of a program's instructions in another order that computes every operand before its use."""
    first = len(program.leaves)
    waiting = list(range(len(program.instructions)))
    order: list[int] = []
    while waiting:
        ready = [
            k
            for k in waiting
            if all(not isinstance(r, int) or r < first or r - first in order for r in program.instructions[k].operands)
        ]
        chosen = draw(st.sampled_from(ready))
        order.append(chosen)
        waiting.remove(chosen)
    return order
