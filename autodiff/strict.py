"""Strict mode: the block, and what it does where a nan or an infinity arises: find the line, and say what happened.

Nothing here is on the way of a program that is not in strict mode.
"""

from __future__ import annotations

import contextlib
import linecache
import math
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from autodiff import recording
from autodiff.errors import NonFiniteError
from autodiff.graph import Node
from autodiff.operation import Op
from autodiff.recording import Stamp

_MOST = 4  # operands of a sequence that are spelled out
_strict: ContextVar[bool] = ContextVar("_strict", default=False)


@contextlib.contextmanager
def strict() -> Iterator[None]:
    """Raise at the first nan or infinity: where an operation gives one, and where a gradient becomes one.

    It holds for the current thread (more precisely, the current context), and may be used as a decorator. It looks at
    operations on Values, forward and in `Value.refresh`, and at the partials and adjoints of every reverse
    sweep. A leaf may hold an infinity: what an operation makes of it must be finite. Functions of plain floats stay
    as they are, and so does forward mode, which computes with them.

    Raises
    ------
    NonFiniteError
        Naming the operation, its operands, and the line of your code that made the node. The line is known of nodes
        made in strict mode. If a sweep raises, every ``.grad`` is as it was.

    Notes
    -----
    A program that is not in strict mode pays nothing: operations test one global, which `no_grad` needs anyway.
    Inside, making a node takes a few microseconds more, most of it for finding the line.

    Examples
    --------
    >>> import autodiff
    >>> x = autodiff.Value(0.0, "x")
    >>> with autodiff.strict():  # doctest: +ELLIPSIS
    ...     y = x.log()
    Traceback (most recent call last):
    autodiff.errors.NonFiniteError: log(x) gave -inf at x = 0.0, at ...
    """
    with recording.entered(_strict):
        yield


def is_strict() -> bool:
    """Whether the current context is inside `strict`, and no function is recorded in it: that is done on nan."""
    return recording.paused > 0 and _strict.get() and not recording.is_tracing()


def check_result(op: Op, y: float, a: Any, b: Any, stamp: Stamp) -> None:
    """Raise `NonFiniteError` in strict mode if an operation gave a nan or an infinity."""
    if is_strict() and not math.isfinite(y):
        formula, at = described(op, a, b)
        raise NonFiniteError(f"{formula} gave {y}{at}{_made(stamp, 'at')}")


def check_seed(seed: float) -> None:
    """Raise `NonFiniteError` if the adjoint that a sweep starts from is a nan or an infinity."""
    if not math.isfinite(seed):
        raise NonFiniteError(f"the sweep was to start from {seed}: pass backward() a finite seed")


def check_flow(v: Node, p: Node, partial: Any, adjoint: Any, total: Any) -> None:
    """Raise `NonFiniteError` if what a node adds to the adjoint of its operand is a nan or an infinity.

    Only floats are looked at: nodes were when they were made.
    """
    op = v.op
    if op is None or all(type(x) is not float or math.isfinite(x) for x in (partial, total)):
        return
    formula, at = described(op, v._a, v._b)
    slot = [q is p for q in v.operands].index(True)
    name = p.label or f"operand {slot}"
    if type(partial) is float and not math.isfinite(partial):
        what = f"the partial of {formula} with respect to {name} is {partial}"
    else:
        what = f"the gradient of {name} in {formula} became {total}, by {partial} times the adjoint {adjoint}"
    raise NonFiniteError(f"{what}{at}{_made(v._stamp, 'node made at')}")


def described(op: Op, a: Any, b: Any) -> tuple[str, str]:
    """An operation on operands as a formula, and `` at x = 0.0`` with the numbers of those that have a name."""
    at: dict[str, float] = {}
    if op.arity:
        formula = op.label.format(*[_name(p, "ab"[k], at) for k, p in enumerate((a, b)[: op.arity])])
    else:
        members = [[_name(p, f"{letter}{k}", at) for k, p in enumerate(g)] for letter, g in zip("ab", (a, b)) if g]
        formula = op.label.format(", ".join(f"[{', '.join(_cut(group))}]" for group in members))
    bad = {name: x for name, x in at.items() if not math.isfinite(x)}
    shown = _cut([f"{name} = {x!r}" for name, x in ({**bad, **at} if len(at) > _MOST else at).items()])
    return f"{op.name}: {formula}" if not formula.startswith(f"{op.name}(") else formula, (
        f" at {', '.join(shown)}" if shown else ""
    )


def _name(p: Any, letter: str, at: dict[str, float]) -> str:
    """What an operand is called in the message: its label, a letter, or a constant its number."""
    if isinstance(p, float):
        return repr(p)
    name = p.label or letter
    if at.setdefault(name, p._data) is not p._data:
        name = letter + "'"
        at[name] = p._data
    return str(name)


def _cut(parts: list[str]) -> list[str]:
    return parts if len(parts) <= _MOST else [*parts[:_MOST], f"... ({len(parts)} in all)"]


def _made(stamp: Stamp, how: str) -> str:
    """Where a node was made: the file and line, with the source if it can be read; else its scope."""
    scope = f" in scope {'/'.join(stamp.scope)!r}" if stamp.scope else ""
    if stamp.place is None:
        return f"{scope}; its line is known only if the graph is built inside strict()"
    path, line = stamp.place
    source = linecache.getline(path, line).strip()
    return f"{scope}, {how} {path}:{line}" + (f": {source}" if source else "")
