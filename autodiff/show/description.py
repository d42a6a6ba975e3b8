"""An operation of the table in words, for `help` and for the page of all operations.

A derivative is recorded: the rule is run on Values with names, and the graph is written out. So it is said what the
code does.
"""

from __future__ import annotations

import ast
import math

from autodiff import ops
from autodiff.derivatives import grad_graph
from autodiff.operation import Nary, Op, Tuned
from autodiff.show.notation import number
from autodiff.value import Value


def derivatives(op: Op) -> list[tuple[str, str]]:
    """Names of operands, and the partials with respect to them; of those of a sequence that are alike, the first."""
    groups: dict[str, tuple[Value, ...]] = {}
    if isinstance(op, Nary):
        groups = {
            name: tuple(Value(0.5 + k, label=f"{name}[{k}]") for k in range(3)) for name in ("xs", "ys")[: op.groups]
        }
        leaves = [x for group in groups.values() for x in group]
        shown = leaves if hasattr(ops, f"_{op.name}") or op.name in ("clip", "where") else leaves[::3]
    else:
        leaves = shown = [Value(0.5 + max(low, -1.0), label=letter) for (low, _), letter in zip(op.domain, "ab")]
    y: Value = op(*op.grouped(leaves))  # type: ignore[operator]
    return [(x.label, _written(g, groups)) for x, g in zip(shown, grad_graph(y, shown))]


def _written(v: Value | float, groups: dict[str, tuple[Value, ...]]) -> str:
    """A graph as a formula, as short as can be; names of sequences stand for all their members."""

    def text(p: Value | float) -> str:
        if isinstance(p, float):
            return f"({number(p)})"
        op = p.op
        if op is None:
            return p.label or f"({number(p.data)})"
        if op.name == "guard":  # a, or nan outside the domain
            return text(p.operands[0])
        seeds = [type(q) is float and q == 1.0 for q in p.operands]
        if op.name == "mul" and any(seeds):
            return text(p.operands[seeds.index(False)])
        if op.name == "abs":
            return f"abs({text(p.operands[0])})"
        if op.arity:
            return f"({op.label.format(*[f'({text(q)})' for q in p.operands])})"
        whole = [name for name, group in groups.items() if [*map(id, group)] == [*map(id, p.operands)]]
        return op.label.format(", ".join(whole or map(text, p.operands)))

    plain = ast.unparse(ast.parse(text(v), mode="eval"))  # without the brackets that are not needed
    return plain.replace(" ** ", "**").replace("1**2", "1")


def domain(op: Op) -> list[str]:
    """Where the operation is defined, one condition an operand; none for everywhere."""
    parts = []
    for (low, high), letter in zip(op.domain, "ab"):
        if math.isfinite(low):
            both = f"{number(low)} <= {letter} <= {number(high)}"
            parts.append(both if math.isfinite(high) else f"{letter} >= {number(low)}")
    return parts


def described(self: Op) -> str:
    """What `help` shows of an operation of the table: how it is called, what it is, and its calculus."""
    if getattr(ops, self.name, None) is not self:
        return self.doc
    letters = ["xs", "ys"][: self.groups] if isinstance(self, Nary) else ["a", "b"][: self.arity]
    partials = [(f"d/d{x}" if self.arity != 1 else "derivative", text) for x, text in derivatives(self)]
    rows = [("formula", self.formula), *partials, ("domain", ", ".join(domain(self)) or "everywhere")]
    facts = "\n".join(f"    {name:10} {text}" for name, text in rows)
    calls = ["Takes Values and real numbers, gives a Value; of numbers alone a float."]
    if isinstance(self, Tuned):
        letters[1] += f"={self.default}"
        calls.append(f"The second can be given by name, as `{self.parameter}`.")
    if self.method:
        calls.append(f"As a method or operator: `Value.{self.method}`.")
    return f"{self.name}({', '.join(letters)})\n\n{self.doc}\n\n{facts}\n\n{chr(10).join(calls)}"


Op.describe = described  # type: ignore[method-assign]
