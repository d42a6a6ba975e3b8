"""Random expression graphs over all public operations, made from a seed in a fraction of a millisecond."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from random import Random
from typing import Any

import strategies

import autodiff
from autodiff import Value
from autodiff.operation import OPERATIONS

NAMES = [*strategies.PUBLIC, "softmax", "log_softmax", "clip", "where"]
ON_SEQUENCES = {name for name in NAMES if name not in OPERATIONS or OPERATIONS[name].arity == 0}
CONSTANTS = (2.0, -1.0, 0.5, 3.0, 1.0, -2.0, 0.3)

MARGIN = 1e-3
"""How far from a kink or a pole a graph stays: there, numbers that are nearly equal have different derivatives."""

LARGEST = 50.0

Operand = Value | float


def number(x: Operand) -> float:
    """The number of a node or of a constant."""
    return x if isinstance(x, float) else x.data


def graph(random: Random, most: int = 30) -> tuple[Value, list[Value]]:
    """Make a graph of up to so many operations.

    Parameters
    ----------
    random : Random
        Where it comes from.
    most : int
        How many operations at most; those that bring operands into a domain, and the parts of a softmax, come to it.

    Returns
    -------
    output, leaves : Value, list of Value
        What it ends with, and the few leaves it is made of.
    """
    leaves = [Value(random.uniform(-3.0, 3.0)) for _ in range(random.randint(1, 4))]
    slots = list(leaves)
    for _ in range(random.randint(1, most)):
        y = applied(random.choice(NAMES), slots, random)
        slots.append(y if y is not None and abs(y.data) < LARGEST else _operand(slots, random).tanh())
    return _joined(slots, random), leaves


def _joined(slots: list[Value], random: Random) -> Value:
    """One output: the last node, or all that no other is made of, added up in one node or one after the other."""
    kind = random.random()
    if kind < 0.25:
        return slots[-1]
    used = {p for v in slots for p in v.operands}
    loose = [v for v in slots if v not in used]
    if kind < 0.6:
        return autodiff.sum(loose)
    random.shuffle(loose)
    return functools.reduce(operator.add, loose)


def applied(name: str, slots: list[Value], random: Random) -> Value | None:
    """An operation on some of the nodes; None next to a singular point. Nodes made for it become slots, too."""
    if name in ON_SEQUENCES:
        return _on_sequence(name, slots, random)
    op = OPERATIONS[name]
    operands: list[Operand] = [_operand(slots, random)]
    if op.arity == 2:
        operands.insert(random.randint(0, 1), _operand_or_constant(slots, random))
    operands = [_inside(x, *domain, slots) for x, domain in zip(operands, op.domain)]
    if op.singular and abs(op.singular(*map(number, operands))) < MARGIN:
        return None
    if all(isinstance(x, float) for x in operands):
        return None
    y: Value = op(*operands)
    return y


def _on_sequence(name: str, slots: list[Value], random: Random) -> Value | None:
    count = strategies.SIZES.get(name) or random.randint(1, 5)
    xs: list[Operand] = [_operand_or_constant(slots, random) for _ in range(count)]
    xs[random.randrange(count)] = _operand(slots, random)
    if name in ("softmax", "log_softmax"):
        y: Any = random.choice(getattr(autodiff, name)(xs))
        return y if isinstance(y, Value) else None
    if name == "clip" and not _apart([number(x) for x in xs]):
        return None
    if name == "where" and abs(number(xs[0])) < MARGIN:
        return None
    if name in strategies.SIZES:
        y = getattr(autodiff, name)(*xs)
    elif name == "dot":
        y = autodiff.dot(xs, [_operand_or_constant(slots, random) for _ in xs])
    else:
        y = OPERATIONS[name](xs)
    return y if isinstance(y, Value) else None


def _apart(numbers: Sequence[float]) -> bool:
    return all(abs(a - b) > MARGIN for k, a in enumerate(numbers) for b in numbers[:k])


def _operand(slots: list[Value], random: Random) -> Value:
    """A node; half of the time one of the last five: graphs get deep, and nodes are shared."""
    return random.choice(slots[-5:] if random.random() < 0.5 else slots)


def _operand_or_constant(slots: list[Value], random: Random) -> Operand:
    return random.choice(CONSTANTS) if random.random() < 0.2 else _operand(slots, random)


def _inside(x: Operand, low: float, high: float, slots: list[Value]) -> Operand:
    """An operand, or what brings it well inside an interval."""
    if low + 0.1 < number(x) < high - 0.1:
        return x
    if isinstance(x, float):
        return max(low, 0.0) + 0.75
    x = x.softplus() + (max(low, 0.0) + 0.25) if math.isinf(high) else x.tanh() * 0.8
    slots.append(x)
    return x
