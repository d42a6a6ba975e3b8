"""How a node is written and coloured: names, formulas and numbers for people, and the looks of a drawing.

Drawings look the same on a light and on a dark page, and can be told apart by the colour-blind.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

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


_INK, _GREY = "#111827", "#808080"  # text on the light fills; lines that show on white and on black
NODES = {
    "shape": "box",
    "style": "rounded,filled",
    "fontname": "Helvetica,Arial,sans-serif",
    "fontsize": "12",
    "fontcolor": _INK,
    "color": _GREY,
    "fillcolor": "#ffffff",
    "margin": "0.14,0.07",
    "height": "0.3",
    "width": "0.3",
}
ROLES = {
    "parameter": {"fillcolor": "#bfdbfe", "color": "#2563eb"},
    "input": {"fillcolor": "#e5e7eb"},
    "operation": {},
}
CONSTANT = {"fillcolor": "#f3f4f6", "style": "rounded,filled,dotted", "fontsize": "10", "margin": "0.06,0.03"}
_POSITIVE = ("#fff7ed", "#fdba74", "#cf6f0a")  # weakest fill, strongest fill, line
_NEGATIVE = ("#eff6ff", "#93c5fd", "#3b82f6")
_UNDEFINED = ("#f5d0fe", "#f5d0fe", "#c026d3")
EDGES = {"fontname": NODES["fontname"], "fontsize": "10", "fontcolor": _GREY, "color": _GREY, "arrowsize": "0.7"}
GRAPH = {"bgcolor": "transparent", "fontname": NODES["fontname"], "fontsize": "11", "fontcolor": _GREY}
GRAPH |= {"color": _GREY, "style": "rounded", "nodesep": "0.25", "ranksep": "0.45"}


def largest(numbers: Iterable[float]) -> float:
    """The largest finite absolute value: what shades are relative to."""
    return max((abs(x) for x in numbers if math.isfinite(x)), default=0.0)


def shade(x: float, top: float) -> tuple[str, str, float]:
    """Fill, line colour and strength (0 to 1) for a signed number. The square root keeps small numbers visible."""
    if x == 0.0:
        return "#e5e7eb", _GREY, 0.0
    weak, strong, line = _UNDEFINED if x != x else _POSITIVE if x > 0.0 else _NEGATIVE
    strength = math.sqrt(abs(x) / top) if abs(x) < top else 1.0
    return _blend(weak, strong, strength), line, strength


def _blend(weak: str, strong: str, share: float) -> str:
    pairs = [(int(weak[k : k + 2], 16), int(strong[k : k + 2], 16)) for k in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)
