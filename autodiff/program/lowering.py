"""From operations to machine arithmetic: the float function of an operation, translated from its own source.

Every operation has a function on floats, written in a small part of Python: arithmetic, comparisons, `if`, functions
of `math`, and other such functions. `lower` reads that source and writes what it computes as *primitive*
instructions, without branches: both sides of an `if` are computed, and one is selected. So an operation is lowered
from its one entry in the table, that of a user's `define` as well. A function that uses more than this cannot be
lowered (`NotLowerable`), and its program runs on the plain Python backend.

`primitives` has the table of primitives, `expansions` those functions that are not translated from their source.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from autodiff.operation import OPERATIONS, Nary
from autodiff.program.expansions import BUILTIN, SEQUENCES
from autodiff.program.primitives import (
    ARITIES,
    COMPARISONS,
    FUNCTIONS,
    GIVE_TRUTHS,
    KNOWN,
    LIBRARY,
    OPERATORS,
    TAKE_TRUTHS,
    NotLowerable,
    Slot,
)
from autodiff.program.sources import NoSource, definition, scope
from autodiff.program.tape import CONSTANT, INPUT, SUM_OF_PRODUCTS, Tape

__all__ = ["COMPARISONS", "LIBRARY", "NotLowerable", "lower"]

_OURS = ("autodiff.numerics", "autodiff.ops.special")


def lower(tape: Tape, live: Sequence[int]) -> tuple[Tape, dict[int, int]]:
    """Translate a program of operations into one of primitives.

    Parameters
    ----------
    tape : Tape
        The program.
    live : sequence of int
        Which of its slots are wanted, in order.

    Returns
    -------
    primitive : Tape
        The translated program; its inputs are those of the first, in order.
    slots : dict of int to int
        From the slots of the first to its own.

    Raises
    ------
    NotLowerable
        If an operation has no counterpart in machine arithmetic.
    """
    out = Tape()
    slots: dict[int, int] = {}
    for slot in live:
        name, operands = tape.code[slot]
        if name == INPUT:
            slots[slot] = out.input(tape.lane[slot])
        elif name == CONSTANT:
            slots[slot] = out.constant(tape.constants[slot])
        elif name == SUM_OF_PRODUCTS:
            slots[slot] = out.write(name, [slots[p] for p in operands])
        else:
            slots[slot] = _Translator(out, name).operation([slots[p] for p in operands])
    return out, slots


class _Translator:
    """Writes one application of an operation as primitives."""

    def __init__(self, out: Tape, name: str) -> None:
        self.out = out
        self.op = OPERATIONS[name]
        self.ours = True  # whether the function that is read is one of the package

    def operation(self, operands: Sequence[int]) -> int:
        arguments: list[Any] = [Slot(p) for p in operands]
        if isinstance(self.op, Nary):
            size = len(operands) // self.op.groups
            groups = [arguments[k * size : (k + 1) * size] for k in range(self.op.groups)]
            return self.slot(self.number(self.call(self.op.value, groups)))
        return self.slot(self.number(self.call(self.op.value, arguments)))

    def slot(self, x: Any) -> int:
        if isinstance(x, Slot):
            return x
        if isinstance(x, (bool, int, float)):
            return self.out.constant(float(x))
        raise NotLowerable(f"{self.op.name} computes with a {type(x).__name__}")

    def emit(self, name: str, *operands: Any) -> Any:
        """A primitive; what is known already is computed now."""
        if name in KNOWN and not any(isinstance(x, Slot) for x in operands):
            return KNOWN[name](*operands)
        truths = TAKE_TRUTHS.get(name, 0)
        given = [self.truth(x) if k < truths else self.number(x) for k, x in enumerate(operands)]
        return Slot(self.out.write(name, [self.slot(x) for x in given]))

    def is_truth(self, x: Any) -> bool:
        return isinstance(x, bool) or (isinstance(x, Slot) and self.out.code[x].name in GIVE_TRUTHS)

    def truth(self, x: Any) -> Any:
        return x if self.is_truth(x) else self.emit("ne", x, 0.0)

    def number(self, x: Any) -> Any:
        return self.emit("select", x, 1.0, 0.0) if isinstance(x, Slot) and self.is_truth(x) else x

    def select(self, condition: Any, a: Callable[[], Any], b: Callable[[], Any]) -> Any:
        if not isinstance(condition, Slot):
            return a() if condition else b()
        x, y = a(), b()
        if isinstance(x, tuple) or isinstance(y, tuple):
            return tuple([self.emit("select", condition, p, q) for p, q in zip(x, y, strict=True)])
        if isinstance(x, Slot) and isinstance(y, Slot) and x == y:
            return x
        return self.emit("select", condition, x, y)

    # -- Calls ---------------------------------------------------------------------------------------------------

    def call(self, function: Any, arguments: list[Any]) -> Any:
        if function in SEQUENCES:
            return SEQUENCES[function](self, *arguments)
        name = FUNCTIONS.get(function)
        if name is not None and len(arguments) == ARITIES.get(name, 1):
            return self.emit(name, *arguments)
        if function in BUILTIN:
            return BUILTIN[function](self, *arguments)
        function = inspect.unwrap(function)
        try:
            tree = definition(function)
        except NoSource as problem:
            raise NotLowerable(f"{self.op.name} calls {problem}") from None
        given = tree.args
        if len(given.args) != len(arguments) or given.posonlyargs or given.vararg or given.kwonlyargs or given.kwarg:
            raise NotLowerable(f"{self.op.name} calls {function!r:.60} not with as many numbers as it takes")
        body = tree.body if isinstance(tree.body, list) else [ast.Return(tree.body)]
        ours, self.ours = self.ours, function.__module__ in _OURS
        result = self.block(body, dict(zip([a.arg for a in given.args], arguments)), scope(function))
        self.ours = ours
        return result

    def block(self, body: Sequence[ast.stmt], names: dict[str, Any], scope: dict[str, Any]) -> Any:
        """What a sequence of statements returns; after an `if`, the rest is translated for either side."""
        for k, statement in enumerate(body):
            rest = body[k + 1 :]
            if isinstance(statement, ast.Return) and statement.value is not None:
                return self.expression(statement.value, names, scope)
            if isinstance(statement, ast.If):
                test = self.expression(statement.test, names, scope)
                sides = ([*statement.body, *rest], [*statement.orelse, *rest])
                yes, no = ((lambda s=side: self.block(s, dict(names), scope)) for side in sides)
                return self.select(test, yes, no)
            if isinstance(statement, ast.Try) and self.ours:  # the handlers give IEEE's answer, as the machine does
                return self.block([*statement.body, *rest], names, scope)
            if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                _assign(statement.targets[0], self.expression(statement.value, names, scope), names)
            elif isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
                target = ast.Name(statement.target.id, ast.Load())
                new = ast.BinOp(target, statement.op, statement.value)
                names[statement.target.id] = self.expression(new, names, scope)
            elif not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
                raise NotLowerable(f"{self.op.name} has a statement that is not lowered: {ast.unparse(statement):.60}")
        raise NotLowerable(f"{self.op.name} does not return a number on every way through it")

    def expression(self, node: ast.expr, names: dict[str, Any], scope: dict[str, Any]) -> Any:
        def of(part: ast.expr) -> Any:
            return self.expression(part, names, scope)

        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            return node.value
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self.name(node, names, scope)
        if isinstance(node, ast.Tuple):
            return tuple(map(of, node.elts))
        if isinstance(node, ast.Call) and not node.keywords:
            return self.call(of(node.func), list(map(of, node.args)))
        if isinstance(node, ast.IfExp):
            return self.select(of(node.test), lambda: of(node.body), lambda: of(node.orelse))
        if isinstance(node, ast.UnaryOp) and type(node.op) in OPERATORS:
            return self.emit(OPERATORS[type(node.op)], of(node.operand))
        if isinstance(node, ast.BinOp):
            return self.arithmetic(node.op, of(node.left), of(node.right))
        if isinstance(node, ast.BoolOp):
            name = "and" if isinstance(node.op, ast.And) else "or"
            tests = list(map(of, node.values))
            if not all(map(self.is_truth, tests)):
                raise NotLowerable(f"{self.op.name} takes one of several numbers: {ast.unparse(node):.60}")
            return self.together(name, tests)
        if isinstance(node, ast.Compare) and all(type(o) in OPERATORS for o in node.ops):
            parts = [of(part) for part in (node.left, *node.comparators)]
            return self.together(
                "and", (self.emit(OPERATORS[type(o)], a, b) for o, a, b in zip(node.ops, parts, parts[1:]))
            )
        raise NotLowerable(f"{self.op.name} has an expression that is not lowered: {ast.unparse(node):.60}")

    def name(self, node: ast.Name | ast.Attribute, names: dict[str, Any], scope: dict[str, Any]) -> Any:
        if isinstance(node, ast.Attribute):
            return getattr(self.expression(node.value, names, scope), node.attr)
        for space in (names, scope):
            if node.id in space:
                return space[node.id]
        raise NotLowerable(f"{self.op.name} uses {node.id}, which is not lowered")

    def arithmetic(self, kind: ast.operator, a: Any, b: Any) -> Any:
        if isinstance(kind, ast.FloorDiv) and self.ours:  # of small whole numbers; Python's own is not floor(a / b)
            return self.emit("floor", self.emit("div", a, b))
        if isinstance(kind, ast.Pow) and b == 2:
            return self.emit("mul", a, a)
        if type(kind) not in OPERATORS:
            raise NotLowerable(f"{self.op.name} uses an operator that is not lowered: {type(kind).__name__}")
        return self.emit(OPERATORS[type(kind)], a, b)

    def together(self, name: str, tests: Iterable[Any]) -> Any:
        """All of some tests, or any; one that is known already decides, or falls away."""
        open_tests = []
        for test in tests:
            if isinstance(test, Slot):
                open_tests.append(test)
            elif bool(test) is (name == "or"):
                return name == "or"
        if not open_tests:
            return name == "and"
        whole = open_tests[0]
        for test in open_tests[1:]:
            whole = self.emit(name, whole, test)
        return whole


def _assign(target: ast.expr, x: Any, names: dict[str, Any]) -> None:
    if isinstance(target, ast.Name):
        names[target.id] = x
    elif isinstance(target, ast.Tuple) and isinstance(x, (tuple, list)) and len(x) == len(target.elts):
        for t, part in zip(target.elts, x):
            _assign(t, part, names)
    else:
        raise NotLowerable(f"an assignment that is not lowered: {ast.unparse(target):.60}")
