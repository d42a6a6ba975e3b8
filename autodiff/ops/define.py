"""Operations of your own, as good as those in the table."""

from __future__ import annotations

import keyword
import math
from collections.abc import Callable, Sequence
from typing import Any, overload

from autodiff import recording
from autodiff.operation import EVERYWHERE, Binary, Interval, Rule, Unary, real

Value = Callable[..., Any]
One = Callable[..., Any] | float | tuple[Rule]
Two = tuple[Rule, Rule]


@overload
def define(name: str, value: Value, partials: One, **about: Any) -> Unary: ...
@overload
def define(name: str, value: Value, partials: Two, **about: Any) -> Binary: ...
@overload
def define(name: str, *, partials: One, **about: Any) -> Callable[[Value], Unary]: ...
@overload
def define(name: str, *, partials: Two, **about: Any) -> Callable[[Value], Binary]: ...
@overload
def define(name: str, value: Value | None = None, partials: list[Rule] = ..., **about: Any) -> Any: ...
def define(  # type: ignore[misc]  # above, `about` stands for its keywords
    name: str,
    value: Value | None = None,
    partials: Rule | Sequence[Rule] = (),
    *,
    domain: Interval | Sequence[Interval] | None = None,
    singular: Callable[..., float] | None = None,
    label: str = "",
    formula: str = "",
    doc: str = "",
) -> Any:
    """Make an operation of your own on one number or two: a function that is recorded as a single node.

    Parameters
    ----------
    name : str
        Its name in drawings, messages and pickled graphs: an identifier that no operation has yet.
    value : callable
        The function on floats, of one or two operands; it gives a real number. Leave it out to decorate a function.
    partials : rule, or sequence of one or two rules
        The derivative with respect to each operand; their number makes the operation unary or binary. A rule is a
        function of the output and all operands, ``rule(y, a)`` or ``rule(y, a, b)``, or a number for a partial that is
        the same everywhere, or None (in a sequence) for one that is zero wherever there is one.
    domain : (float, float) or a pair of them, optional
        The closed interval of each operand where the function is defined.
    singular : callable, optional
        A function of the operands that is zero at kinks and poles and changes sign across them. `check_grads` then
        knows where differences mean nothing.
    label : str
        How a drawing writes it, with ``{0}`` and ``{1}`` for the operands; ``name({0})`` by default.
    formula : str
        The function as a mathematical definition in ``a`` and ``b``, for people and for tests against mpmath; the label
        by default.
    doc : str
        Its docstring; that of the function by default.

    Returns
    -------
    Unary or Binary
        The operation, which is called like a function, on floats and on Values; a decorator if `value` is left out.

    Raises
    ------
    ValueError
        If the name is taken or not an identifier, if there are not one or two partials, or if the domain or the label
        does not fit.
    TypeError
        If the value is not callable, or a partial neither callable nor a real number nor None.

    Notes
    -----
    Write rules with ordinary operators and with operations of this package, and they can be differentiated as well. A
    rule should not branch on a number, nor use `math`: a gradient recorded at one point would be wrong at another.
    `check_op` finds a wrong rule. The operation has no method on `Value`. A pickled graph that uses it is loaded
    after it has been defined.

    Examples
    --------
    >>> import autodiff
    >>> @autodiff.define("cube_root", partials=lambda y, a: 1 / (3 * y**2), singular=lambda a: a)
    ... def cube_root(a):
    ...     return abs(a) ** (1 / 3) * (1 if a > 0 else -1)
    >>> x = autodiff.Value(8.0)
    >>> y = cube_root(x)
    >>> y.backward()
    >>> y.data, round(x.grad, 12)
    (2.0, 0.083333333333)
    >>> del autodiff.operation.OPERATIONS["cube_root"]
    """
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(f"the name of an operation is an identifier, got {name!r:.60}")
    rules = _rules(partials)
    intervals = _intervals(domain, len(rules))
    _check_label(label, len(rules))

    def made(value: Value) -> Unary | Binary:
        if not callable(value):
            raise TypeError(f"value is a function of floats, got {type(value).__name__}: {value!r:.60}")
        text = doc or value.__doc__ or f"{name}, an operation of the user's own."
        total = _to_float(value)
        rest: dict[str, Any] = {"formula": formula, "singular": singular, "label": label, "doc": text, "method": ""}
        if len(rules) == 1:
            return Unary(name, total, *rules, domain=intervals[0], **rest)
        return Binary(name, total, *rules, domain=(intervals[0], intervals[1]), **rest)

    return made if value is None else made(value)


def _to_float(value: Value) -> Callable[..., float]:
    def total(*operands: float) -> float:
        try:
            y = value(*operands)
        except Exception:  # int(a), say
            if recording.traced and recording.is_tracing() and any(a != a for a in operands):
                return math.nan  # a stand-in without a number: what the program runs on is asked then
            raise
        return y if type(y) is float else real(y)

    total.__wrapped__ = value  # type: ignore[attr-defined]  # as functools.wraps does: replay reads its source
    return total


def _rules(partials: Any) -> list[Rule]:
    rules = list(partials) if isinstance(partials, Sequence) and not isinstance(partials, str) else [partials]
    if len(rules) not in (1, 2):
        raise ValueError(f"an operation has one partial or two, as many as operands; got {len(rules)}")
    if partials is None:
        raise TypeError("partials=None: write (None,) if the derivative is zero wherever there is one")
    return [rule if rule is None or callable(rule) else real(rule) for rule in rules]


def _intervals(domain: Any, arity: int) -> list[Interval]:
    if domain is None:
        return [EVERYWHERE] * arity
    intervals = [domain] if arity == 1 and not isinstance(domain[0], Sequence) else list(domain)
    if len(intervals) != arity or any(len(i) != 2 or not i[0] < i[1] for i in intervals):
        raise ValueError(f"domain takes (low, high) for each of {arity} operand(s), low < high; got {domain!r:.80}")
    return [(real(low), real(high)) for low, high in intervals]


def _check_label(label: str, arity: int) -> None:
    names = ["first", "second"][:arity]
    try:
        fits = not label or all(name in label.format(*names) for name in names)
    except (IndexError, KeyError, ValueError):
        fits = False
    if not fits:
        needed = " and ".join(["{0}", "{1}"][:arity])
        raise ValueError(f"the label of an operation holds {needed} in place of its operand(s), got {label!r:.60}")
