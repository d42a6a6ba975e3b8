"""Functions as syntax trees: what the translation to primitives, and the backend of plain Python, read."""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import re
from collections import ChainMap
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from types import CodeType
from typing import Any

from autodiff import numerics

Definition = ast.FunctionDef | ast.Lambda


class NoSource(Exception):
    """The source of a function cannot be found, or not told from another one."""


@cache
def definition(function: Callable[..., Any]) -> Definition:
    """The `def` or `lambda` that a function comes from.

    `NoSource`: one of C or made by `exec` has none, or it stands in a line with others like it.
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


def scope(function: Callable[..., Any]) -> Mapping[str, Any]:
    """What the names in a function that are not its own stand for."""
    around = zip(function.__code__.co_freevars, function.__closure__ or ())
    return ChainMap({name: cell.cell_contents for name, cell in around}, function.__globals__, vars(builtins))


@cache
def formula(function: Callable[..., Any]) -> str | None:
    """A function of `autodiff.numerics` that is one sum or choice of its arguments, as a format for them; else None."""
    tree = definition(function) if function.__module__ == numerics.__name__ else None
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
