"""Functions as syntax trees: what the translation to primitives reads, and how source comes to stand by itself."""

from __future__ import annotations

import ast
import builtins
import inspect
import itertools
import math
import textwrap
from collections.abc import Callable
from functools import cache
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
        If it is not to be had: a function of C, or one made by `exec`; or if it stands in a line with others.
    """
    try:
        text = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        raise NoSource(f"{function!r:.60}, whose source is not to be had") from None
    try:
        tree = ast.parse(text)
    except SyntaxError:  # a lambda on a line of its own, among the arguments of a call
        try:
            tree = ast.parse(f"(\n{text}\n)")
        except SyntaxError:
            raise NoSource(f"{function!r:.60}, whose source is part of a longer statement") from None
    found = [n for n in ast.walk(tree) if _is(n, function)]
    if len({ast.dump(n) for n in found}) != 1:
        raise NoSource(f"{function!r:.60}, which is one of several functions in a statement")
    return found[0]  # type: ignore[return-value]


def _is(node: ast.AST, function: Callable[..., Any]) -> bool:
    """Whether a function may come from a node: names and lambdas are told apart by what they compile to."""
    if isinstance(node, ast.FunctionDef):
        return node.name == function.__name__
    if not isinstance(node, ast.Lambda) or function.__name__ != "<lambda>":
        return False
    code, own = compile(ast.Expression(node), "", "eval").co_consts[0], function.__code__
    return bool(code.co_consts == own.co_consts and code.co_varnames == own.co_varnames and _names(code) == _names(own))


def _names(code: Any) -> set[str]:
    return {*code.co_names, *code.co_freevars}


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
