"""From operations to machine arithmetic: the float function of an operation, translated from its own source.

Every operation has a function on floats, written in a small part of Python: arithmetic, comparisons, `if`, functions
of `math`, and other such functions. `lower` reads that source and writes what it computes as *primitive*
instructions, without branches: both sides of an `if` are computed, and one is selected. So an operation is lowered
from its one entry in the table, that of a user's `define` as well. A function that uses more than this cannot be
lowered (`NotLowerable`), and its program runs on the plain Python backend.

A source counts only if it is compiled to the very code that was loaded: a file may have been edited since.

Loops and comprehensions are those over the operands of an operation on sequences, whose number is known. A few
functions are not translated from their source; they stand at the end. The backend of plain Python reads sources, too.
"""

from __future__ import annotations

import ast
import builtins
import copy
import inspect
import math
import re
from collections import ChainMap
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache, partial, reduce
from types import CodeType
from typing import Any, cast

from autodiff import numerics
from autodiff.errors import GraphError
from autodiff.operation import OPERATIONS
from autodiff.program.primitives import MEANING, PRIMITIVES, TRUTHS
from autodiff.program.tape import CONSTANT, INPUT, SUM_OF_PRODUCTS, Tape

Definition = ast.FunctionDef | ast.Lambda


class NoSource(Exception):
    """The source of a function cannot be found, or not told from another one."""


def definition(function: Callable[..., Any]) -> Definition:
    """The `def` or `lambda` that a function comes from.

    `NoSource`: one of C or made by `exec` has none, or it is another one by now: a file was edited after its import.
    """
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType):
        raise NoSource(f"{function!r:.60}, whose source is not to be had")
    return _definition(function, code)


@cache
def _definition(function: Callable[..., Any], code: CodeType) -> Definition:
    """The same; a function may be given other code, as by a notebook that reloads."""
    try:
        lines, _ = inspect.findsource(function)
        tree = _parsed("".join(lines))
        found: list[Definition] = []
        for unit in _units(tree, code.co_firstlineno):
            if known := _count(code, unit):
                found = list({ast.dump(node): node for node in _definitions(unit) if _stands(node, code)}.values())
                if len(found) > 1:  # in one line: it is that without which there is one less
                    found = [node for node in found if _count(code, _without(node, unit)) < known]
                break
    except (OSError, TypeError, ValueError, SyntaxError, RecursionError):
        raise NoSource(f"{function!r:.60}, whose source is not to be had") from None
    if not found:
        raise NoSource(f"{function!r:.60}, whose source is not what was loaded: import it anew")
    return found[0]


@lru_cache(maxsize=8)
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def _units(tree: ast.Module, line: int) -> Iterator[ast.Module]:
    """What of a file is compiled to find the code of a line: a statement, behind the imports; by itself; or all.

    What is imported is called by other instructions. A notebook compiles one statement after the other.
    """
    statement = [s for s in tree.body if (s.end_lineno or 0) >= line][:1]
    imports: list[ast.stmt] = [s for s in tree.body if isinstance(s, (ast.Import, ast.ImportFrom))]
    yield ast.Module([*imports, *statement], [])
    yield ast.Module(statement, [])
    yield tree


def _definitions(tree: ast.AST) -> list[Definition]:
    return [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.Lambda))]


def _stands(node: Definition, code: CodeType) -> bool:
    """Whether a node has the name and the line of that code."""
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
    return code.co_firstlineno == first and code.co_name == getattr(node, "name", "<lambda>")


def _without(node: Definition, tree: ast.Module) -> ast.Module:
    """A copy in which one of the definitions does nothing."""
    k, other = _definitions(tree).index(node), copy.deepcopy(tree)
    emptied: Any = _definitions(other)[k]
    nothing = ast.copy_location(ast.Constant(None), node)
    emptied.body = nothing if isinstance(emptied, ast.Lambda) else [ast.copy_location(ast.Expr(nothing), node)]
    return other


def _count(code: CodeType, unit: ast.Module) -> int:
    """How many times something is compiled to that code."""
    codes = [compile(unit, "", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)]
    for outer in codes:  # to which what stands inside of it is added
        codes += [c for c in outer.co_consts if isinstance(c, CodeType)]
    at = code.co_name, code.co_firstlineno
    return sum(at == (c.co_name, c.co_firstlineno) and _traits(c) == _traits(code) for c in codes)


def _traits(code: CodeType) -> tuple[Any, ...]:
    """What it does: its instructions, and what they are about; numbers to the sign of zero, as they are written."""
    constants = [_traits(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    caught = getattr(code, "co_exceptiontable", b"")  # since Python 3.11
    names = code.co_names, code.co_varnames, code.co_cellvars, code.co_freevars
    return code.co_code, caught, constants, names, code.co_argcount, code.co_kwonlyargcount


def scope(function: Callable[..., Any]) -> Mapping[str, Any]:
    """What the names in a function that are not its own stand for."""
    around = zip(function.__code__.co_freevars, function.__closure__ or ())
    return ChainMap({name: cell.cell_contents for name, cell in around}, function.__globals__, vars(builtins))


@cache
def formula(function: Callable[..., Any]) -> str | None:
    """A function of `autodiff.numerics` that is one sum or choice of its arguments, as a format for them; else None."""
    try:
        tree = definition(function) if function.__module__ == numerics.__name__ else None
    except NoSource:
        return None
    if not isinstance(tree, ast.FunctionDef) or len(tree.body) != 2 or not isinstance(tree.body[1], ast.Return):
        return None
    places = {a.arg: f"{{{k}}}" for k, a in enumerate(tree.args.args)}
    for node in ast.walk(tree.body[1]):
        if isinstance(node, ast.Name) and node.id not in {*places, "inf", "nan"}:
            return None
        if isinstance(node, ast.BinOp) and not isinstance(node.op, (ast.Add, ast.Sub)):
            return None
    text = ast.unparse(tree.body[1]).removeprefix("return ")
    return re.sub(r"\b[A-Za-z_]\w*\b", lambda m: places.get(m[0], m[0]), text)


_OURS = ("autodiff.numerics", "autodiff.ops.special")
_DEFINE = "autodiff.ops.define"
_MANY = 2000  # blocks of statements in an operation: each branch behind another doubles them


def _home(function: Any) -> Any:
    """The name of the module that a function stands in. A decorator may have given it the `__module__` of another."""
    return getattr(function, "__globals__", {}).get("__name__")


class NotLowerable(GraphError):
    """The float function of an operation uses what has no counterpart in machine arithmetic; it says what."""


class Slot(int):
    """A number of the primitive program, as against a Python number that is known already."""


def lower(tape: Tape, live: Sequence[int]) -> tuple[Tape, dict[int, int]]:
    """A tape of primitives for the slots that are wanted of one of operations, in order; and where they are on it."""
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
        self.blocks = 0

    def operation(self, operands: Sequence[int]) -> int:
        arguments = self.op.grouped([Slot(p) for p in operands])
        try:
            return self.slot(self.number(self.call(self.op.value, list(arguments))))
        except RecursionError:
            raise NotLowerable(f"{self.op.name} calls itself, or is nested too deep") from None

    def slot(self, x: Any) -> int:
        if isinstance(x, Slot):
            return x
        if isinstance(x, (bool, int, float)):
            return self.out.constant(float(x))
        raise NotLowerable(f"{self.op.name} computes with a {type(x).__name__}")

    def emit(self, name: str, *operands: Any) -> Any:
        """A primitive; what is known already is computed now."""
        row = PRIMITIVES[name]
        if not any(isinstance(x, Slot) for x in operands):
            return row.python(*operands)
        given = [self.truth(x) if k < row.takes else self.number(x) for k, x in enumerate(operands)]
        return Slot(self.out.write(name, [self.slot(x) for x in given]))

    def is_truth(self, x: Any) -> bool:
        return isinstance(x, bool) or (isinstance(x, Slot) and self.out.code[x].name in TRUTHS)

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
        if not isinstance(function, Hashable):
            raise NotLowerable(f"{self.op.name} calls {function!r:.60}, whose source is not to be had")
        if function in _BY_HAND:
            return _BY_HAND[function](self, *arguments)
        row = MEANING.get(function)
        if row is not None and len(arguments) == row.arity:
            return self.emit(row.name, *arguments)
        try:
            if _home(function) == _DEFINE:  # what makes a float of a user's number; other wrappers do what they say
                function = cast(Any, function).__wrapped__
            tree = definition(function)
        except NoSource as problem:
            raise NotLowerable(f"{self.op.name} calls {problem}") from None
        given = tree.args
        if len(given.args) != len(arguments) or given.posonlyargs or given.vararg or given.kwonlyargs or given.kwarg:
            raise NotLowerable(f"{self.op.name} calls {function!r:.60} not with as many numbers as it takes")
        body = tree.body if isinstance(tree.body, list) else [ast.Return(tree.body)]
        ours, self.ours = self.ours, _home(function) in _OURS
        result = self.block(body, dict(zip([a.arg for a in given.args], arguments)), scope(function))
        self.ours = ours
        return result

    def block(self, body: Sequence[ast.stmt], names: dict[str, Any], scope: Mapping[str, Any]) -> Any:
        """What a sequence of statements returns; after an `if`, the rest is translated for either side."""
        self.blocks += 1
        if self.blocks > _MANY:
            raise NotLowerable(f"{self.op.name} has too many branches")
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
            self.step(statement, names, scope)
        raise NotLowerable(f"{self.op.name} does not return a number on every way through it")

    def step(self, statement: ast.stmt, names: dict[str, Any], scope: Mapping[str, Any]) -> None:
        """An assignment, or a loop of such over operands."""
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            _assign(statement.targets[0], self.expression(statement.value, names, scope), names)
        elif isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
            old = self.name(statement.target, names, scope)
            new = self.expression(statement.value, names, scope)
            names[statement.target.id] = self.arithmetic(statement.op, old, new)
        elif isinstance(statement, ast.For) and self.is_list(statement.iter, names) and not statement.orelse:
            for x in self.expression(statement.iter, names, scope):
                _assign(statement.target, x, names)
                for part in statement.body:
                    self.step(part, names, scope)
        elif not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
            raise NotLowerable(f"{self.op.name} has a statement that is not lowered: {ast.unparse(statement):.60}")

    def is_list(self, node: ast.expr, names: Mapping[str, Any]) -> bool:
        """Whether it is the name of operands."""
        return isinstance(node, ast.Name) and isinstance(names.get(node.id), list)

    def expression(self, node: ast.expr, names: dict[str, Any], scope: Mapping[str, Any]) -> Any:
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
        if isinstance(node, ast.UnaryOp) and type(node.op) in MEANING:
            return self.emit(MEANING[type(node.op)].name, of(node.operand))
        if isinstance(node, ast.BinOp):
            return self.arithmetic(node.op, of(node.left), of(node.right))
        if isinstance(node, ast.BoolOp):
            name = "and" if isinstance(node.op, ast.And) else "or"
            tests = list(map(of, node.values))
            if not all(map(self.is_truth, tests)):
                raise NotLowerable(f"{self.op.name} takes one of several numbers: {ast.unparse(node):.60}")
            return self.together(name, tests)
        if isinstance(node, ast.Compare) and all(type(o) in MEANING for o in node.ops):
            parts = [of(part) for part in (node.left, *node.comparators)]
            kinds = [MEANING[type(o)].name for o in node.ops]
            return self.together("and", map(self.emit, kinds, parts, parts[1:]))
        if isinstance(node, ast.Compare) and type(node.ops[0]) is ast.In and self.is_list(node.comparators[0], names):
            return self.together("or", (self.emit("eq", of(node.left), x) for x in of(node.comparators[0])))
        if isinstance(node, (ast.ListComp, ast.GeneratorExp)) and len(node.generators) == 1:
            loop = node.generators[0]
            if self.is_list(loop.iter, names) and isinstance(loop.target, ast.Name) and not loop.ifs:
                return [self.expression(node.elt, {**names, loop.target.id: x}, scope) for x in of(loop.iter)]
        raise NotLowerable(f"{self.op.name} has an expression that is not lowered: {ast.unparse(node):.60}")

    def name(self, node: ast.Name | ast.Attribute, names: dict[str, Any], scope: Mapping[str, Any]) -> Any:
        if isinstance(node, ast.Attribute):
            owner = self.expression(node.value, names, scope)
            if isinstance(owner, (Slot, list)):
                raise NotLowerable(f"{self.op.name} asks a number for {node.attr!r}, which is not lowered")
            return getattr(owner, node.attr)
        for space in (names, scope):
            if node.id in space:
                return space[node.id]
        raise NotLowerable(f"{self.op.name} uses {node.id}, which is not lowered")

    def arithmetic(self, kind: ast.operator, a: Any, b: Any) -> Any:
        if isinstance(kind, ast.FloorDiv) and self.ours:  # of small whole numbers; Python's own is not floor(a / b)
            return self.emit("floor", self.emit("div", a, b))
        if isinstance(kind, ast.Pow) and b == 2 and not isinstance(b, Slot):
            return self.emit("mul", a, a)
        if type(kind) not in MEANING:
            raise NotLowerable(f"{self.op.name} uses an operator that is not lowered: {type(kind).__name__}")
        return self.emit(MEANING[type(kind)].name, a, b)

    def together(self, name: str, tests: Iterable[Any]) -> Any:
        """All of some tests, or any; one that is known already decides, or falls away."""
        tests, decisive = list(tests), name == "or"
        if any(bool(test) is decisive for test in tests if not isinstance(test, Slot)):
            return decisive
        open_tests = [test for test in tests if isinstance(test, Slot)]
        return reduce(partial(self.emit, name), open_tests) if open_tests else not decisive


def _assign(target: ast.expr, x: Any, names: dict[str, Any]) -> None:
    if isinstance(target, ast.Name):
        names[target.id] = x
    elif isinstance(target, ast.Tuple) and isinstance(x, (tuple, list)) and len(x) == len(target.elts):
        for t, part in zip(target.elts, x):
            _assign(t, part, names)
    else:
        raise NotLowerable(f"an assignment that is not lowered: {ast.unparse(target):.60}")


# -- What is not translated from its source --------------------------------------------------------------------------


def _extreme(test: str, t: _Translator, *xs: Any) -> Any:
    if len(xs) == 1 and isinstance(xs[0], list):
        (xs,) = xs
    elif len(xs) < 2:
        raise NotLowerable(f"{t.op.name} takes the least or largest of a sequence")
    return reduce(lambda a, b: t.select(t.emit(test, b, a), lambda: b, lambda: a), xs)


def _map(t: _Translator, function: Any, xs: list[Any]) -> list[Any]:
    if not t.ours:  # it may be gone through once, unlike a list
        raise NotLowerable(f"{t.op.name} calls {map!r}, whose source is not to be had")
    return [t.call(function, [x]) for x in xs]


def _isfinite(t: _Translator, x: Any) -> Any:
    return t.emit("lt", t.emit("fabs", x), math.inf)


def _dot(t: _Translator, xs: list[Any], ys: list[Any]) -> Any:
    """In order, not exactly as `math.fsum` has it."""
    if not xs:
        return 0.0
    return t.emit(SUM_OF_PRODUCTS, 0.0, 1.0, *[z for pair in zip(xs, ys) for z in pair])  # a sum of -0.0 alone is 0.0


def _sum(t: _Translator, xs: list[Any]) -> Any:
    return _dot(t, xs, [1.0] * len(xs))


def _logsumexp(t: _Translator, xs: list[Any]) -> Any:
    """As `numerics.logsumexp`: the first of the largest terms counts 1 exactly and is left out of the sum."""
    top = t.call(numerics.peak, [xs])
    seen: Any = False
    rest = []
    for x in xs:
        here = t.emit("eq", x, top)
        term = t.emit("exp", t.emit("sub", x, top))
        first = t.together("and", [here, t.emit("not", seen)])
        rest.append(t.emit("select", first, 0.0, term) if isinstance(first, Slot) else 0.0 if first else term)
        seen = t.together("or", [seen, here])
    whole = t.emit("add", top, t.emit("log1p", _sum(t, rest)))
    return t.select(_isfinite(t, top), lambda: whole, lambda: top)


def _power(t: _Translator, a: Any, b: Any) -> Any:
    """A root is faster than a power, and differs from it at -0.0 and at -inf alone."""
    if not isinstance(b, Slot) or t.out.constants.get(b) != 0.5:
        return t.emit("pow", a, b)
    root = t.emit("add", t.emit("sqrt", a), 0.0)
    return t.select(t.emit("eq", a, -math.inf), lambda: math.inf, lambda: root)


_BY_HAND: dict[Any, Callable[..., Any]] = {
    math.frexp: lambda t, x: (t.emit("mantissa", x), t.emit("exponent", x)),
    math.isfinite: _isfinite,
    math.isinf: lambda t, x: t.emit("eq", t.emit("fabs", x), math.inf),
    math.isnan: lambda t, x: t.emit("ne", x, x),
    math.prod: lambda t, xs: reduce(partial(t.emit, "mul"), xs, 1.0),
    min: partial(_extreme, "lt"),
    max: partial(_extreme, "gt"),
    all: lambda t, xs: t.together("and", map(t.truth, xs)),
    map: _map,
    float: lambda t, x: x,
    len: lambda t, xs: len(xs),
    numerics.power: _power,
    numerics.total: _sum,
    numerics.dot: _dot,
    numerics.logsumexp: _logsumexp,
}
