"""Functions as syntax trees: what the translation to primitives reads, and how source comes to stand by itself."""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import itertools
import math
from collections.abc import Callable
from functools import cache, lru_cache
from types import CodeType
from typing import Any

from autodiff.errors import GraphError

__all__ = ["Module", "NoSource", "definition", "scope"]

Definition = ast.FunctionDef | ast.Lambda


class NoSource(Exception):
    """The source of a function cannot be found, or not told from another one."""


@cache
def definition(function: Callable[..., Any]) -> Definition:
    """The `def` or `lambda` that a function comes from.

    Raises
    ------
    NoSource
        If it is not to be had: a function of C, or one made by `exec`; or if it stands in a line with others like it.
    """
    try:
        lines, _ = inspect.findsource(function)
        definitions = _definitions("".join(lines))
    except (OSError, TypeError, SyntaxError):
        raise NoSource(f"{function!r:.60}, whose source is not to be had") from None
    found = [n for n in definitions if _is(n, function)]
    if len(found) > 1:
        found = [n for n in found if _like(function.__code__, n)]
    if len({ast.dump(n) for n in found}) != 1:
        raise NoSource(f"{function!r:.60}, which is one of several functions in a line")
    return found[0]


@lru_cache(maxsize=8)
def _definitions(text: str) -> list[Definition]:
    return [n for n in ast.walk(ast.parse(text)) if isinstance(n, (ast.FunctionDef, ast.Lambda))]


def _is(node: Definition, function: Callable[..., Any]) -> bool:
    """Whether a function may come from a node: its name and line are right."""
    own = function.__code__
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
    return own.co_firstlineno == first and own.co_name == getattr(node, "name", "<lambda>")


def _like(own: CodeType, node: Definition) -> bool:
    """Whether a node may compile to that code: it has the same constants, names and operators, in order."""
    if not isinstance(node, ast.Lambda):
        return True
    codes = [c for c in compile(ast.Expression(node), "", "eval").co_consts if isinstance(c, CodeType)]
    return any(_traits(c) == _traits(own) for c in codes)


def _traits(code: CodeType) -> tuple[Any, ...]:
    operators = [(i.opname, i.argrepr) for i in dis.get_instructions(code) if i.opname.startswith(_OPERATORS)]
    return code.co_consts, code.co_varnames, {*code.co_names, *code.co_freevars}, operators


_OPERATORS = ("BINARY", "COMPARE", "UNARY")


def scope(function: Callable[..., Any]) -> dict[str, Any]:
    """What the names in a function that are not its own stand for."""
    return {**vars(builtins), **function.__globals__, **inspect.getclosurevars(function).nonlocals}


class Module:
    """A Python module in the making: functions, and whatever functions and numbers they need, each once.

    Attributes
    ----------
    texts : list of str
        The definitions.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._names: dict[Any, str] = {}
        self._taken = {"math", "operator", "inf", "nan", "run", *vars(builtins)}

    def add(self, function: Any) -> str:
        """The expression for a function, which is written first if need be.

        Raises
        ------
        GraphError
            If it needs what source cannot say.
        """
        if not inspect.isfunction(function):
            return self._constant(function)
        if function not in self._names:
            own = function.__name__ if function.__name__.isidentifier() else "function"
            name = own
            for k in itertools.count(2):
                if name not in self._taken:
                    break
                name = f"{own}_{k}"
            self._names[function] = name  # before its text: it may call itself
            self._taken.add(name)
            try:
                self.texts.append(self._text(name, function))
            except NoSource as problem:
                raise GraphError(f"source for {name} needs that of {problem}") from None
        return self._names[function]

    def _text(self, name: str, function: Any) -> str:
        tree = _Outward(self, definition(function), scope(function)).tree
        if isinstance(tree, ast.Lambda):
            return f"{name} = {ast.unparse(tree)}"
        tree.name = name
        return ast.unparse(tree)

    def _constant(self, x: Any) -> str:
        if isinstance(x, float) and not math.isfinite(x):
            return "math.nan" if x != x else "math.inf" if x > 0 else "(-math.inf)"
        if x is None or isinstance(x, (bool, int, float, str)):
            return f"({x!r})"
        if isinstance(x, tuple):
            return f"({''.join(f'{self._constant(part)}, ' for part in x)})"
        module = {"math": "math.", "_operator": "operator.", "builtins": ""}.get(getattr(x, "__module__", None) or "")
        if module is not None and callable(x):
            return f"{module}{x.__name__}"
        raise GraphError(f"a {type(x).__name__} cannot be written as source: {x!r:.60}")


class _Outward(ast.NodeTransformer):
    """Replaces what a function takes from outside by what the module has for it."""

    def __init__(self, module: Module, tree: Definition, outside: dict[str, Any]) -> None:
        self._module = module
        self._outside = outside
        own = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        self._own = own | {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
        copy: Any = ast.parse(ast.unparse(tree)).body[0]
        self.tree: Definition = self.visit(copy.value if isinstance(copy, ast.Expr) else copy)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.decorator_list, node.returns = [], None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        return self.generic_visit(ast.Assign([node.target], node.value) if node.value else ast.Pass())

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self._own or node.id not in self._outside:
            return node
        value = self._outside[node.id]
        return node if inspect.isclass(value) else self._written(value)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        value = node.value
        if isinstance(value, ast.Name) and value.id not in self._own and inspect.ismodule(self._outside.get(value.id)):
            return self._written(getattr(self._outside[value.id], node.attr))
        return self.generic_visit(node)

    def _written(self, value: Any) -> ast.AST:
        return ast.parse(self._module.add(value), mode="eval").body
