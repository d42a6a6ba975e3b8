"""What the nodes of a graph are called, and how their formulas and numbers are written for people."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from autodiff.value import Value

_MOST = 4  # members of a list, terms of a sum: longer ones are cut


class Names:
    """What the nodes of a graph are called: their ids in DOT, and their names for people."""

    def __init__(self, order: Sequence[Value]) -> None:
        labels = [" ".join(v.label.split()) for v in order]
        taken = set(labels)
        self.id = {v: f"n{k}" for k, v in enumerate(order)}
        self.name: dict[Value, str] = {}
        for k, (v, label) in enumerate(zip(order, labels)):
            name = label or f"v{k}"
            while not label and name in taken:
                name += "'"
            self.name[v] = name if len(name) <= 40 else f"{name[:24]}...{name[-13:]}"

    def inner(self, operand: Value | float) -> str:
        """An operand inside a formula: in brackets if it would be misread without."""
        if isinstance(operand, float):
            return number(operand, bracket=True)
        name = self.name[operand]
        return name if re.fullmatch(r"[^\s+\-*/^|=(),]+|[\w.]+\([^()]*\)", name) else f"({name})"

    def equation(self, v: Value) -> str:
        """The name of a leaf, or ``name = formula``."""
        op = v.op
        if op is None:
            return self.name[v]
        if op.arity:
            called = op.label.startswith(f"{op.name}(")
            formula = op.label.format(
                *[number(p) if called and isinstance(p, float) else self.inner(p) for p in v.operands]
            )
        else:
            lists = [_listed([self.inner(p) for p in group]) for group in op.grouped(v.operands)]
            formula = op.label.format(lists[0] if len(lists) == 1 else ", ".join(f"[{members}]" for members in lists))
        return f"{self.name[v]} = {formula}"


def _listed(members: list[str]) -> str:
    return ", ".join(members if len(members) <= _MOST else [*members[:2], "...", members[-1]])


def arithmetic(left: str, terms: list[str], right: str) -> list[str]:
    """``left = sum of the terms = right``, two terms a line; a long sum is cut."""
    if not terms:
        return [f"{left} = {right}"]
    shown = terms if len(terms) <= _MOST else [*terms[:2], f"... ({len(terms)} terms)"]
    lines = [" + ".join(shown[k : k + 2]) for k in range(0, len(shown), 2)]
    lines[0] = f"{left} = {lines[0]}"
    lines[-1] += f" = {right}"
    return [lines[0], *(f"+ {line}" for line in lines[1:])]


def number(x: float, bracket: bool = False) -> str:
    """A number in at most four digits, or as a whole one; a negative one in brackets if asked for.

    >>> number(-2.0, bracket=True), number(1 / 3), number(1e-9), number(12345.0)
    ('(-2)', '0.3333', '1e-09', '12345')
    """
    digits = f"{x:.0f}" if math.isfinite(x) and x == int(x) and abs(x) < 1e6 else f"{x:.4g}"
    return f"({digits})" if bracket and digits.startswith("-") else digits
