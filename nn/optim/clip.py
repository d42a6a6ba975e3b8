"""Gradient clipping: gradients that are too large are cut before the update, by their common norm or each by itself."""

from __future__ import annotations

import math
from collections.abc import Iterable

from autodiff.value import Value, values
from nn.checks import expect, finite


def grad_norm(parameters: Iterable[Value]) -> float:
    """The Euclidean norm of all gradients together.

    Parameters
    ----------
    parameters : iterable of Value
        Whose gradients.

    Returns
    -------
    float
        ``sqrt(sum g^2)``; nan if a gradient is nan.

    Raises
    ------
    TypeError
        If a parameter is not a Value.
    ValueError
        If there is none.

    Notes
    -----
    `math.hypot` scales before it squares, so gradients of 1e200 or 1e-200 give no overflow or 0.

    Examples
    --------
    >>> a, b = Value(1.0), Value(1.0)
    >>> (3 * a + 4 * b).backward()
    >>> grad_norm([a, b])
    5.0
    """
    gradients = [p.grad or 0.0 for p in _members(parameters, "a norm of gradients")]
    # hypot(inf, nan) is inf by the C standard; here the nan is the news
    return math.nan if any(g != g for g in gradients) else math.hypot(*gradients)


def clip_grad_norm_(parameters: Iterable[Value], max_norm: float) -> float:
    """Shrink all gradients by one factor if their common norm is too large: the direction stays.

    Parameters
    ----------
    parameters : iterable of Value
        Whose gradients are changed in place.
    max_norm : float
        The largest norm that is left alone: at least 0; inf only measures.

    Returns
    -------
    float
        The norm before.

    Raises
    ------
    TypeError
        If a parameter is not a Value, or `max_norm` not a number.
    ValueError
        If there are no parameters, or `max_norm` is negative or nan.

    Notes
    -----
    As in PyTorch the factor is ``max_norm / (norm + 1e-6)``, so the norm ends up a little below `max_norm`. With
    a gradient that is nan or infinite there is no direction to keep: what is left is no use, as the returned norm
    tells.

    Examples
    --------
    >>> a, b = Value(1.0), Value(1.0)
    >>> (3 * a + 4 * b).backward()
    >>> clip_grad_norm_([a, b], 1.0), round(a.grad, 5), round(b.grad, 5)
    (5.0, 0.6, 0.8)
    """
    limit = _limit(max_norm, "max_norm")
    parameters = _members(parameters, "clipping")
    norm = grad_norm(parameters)
    factor = clip_factor(norm, limit)
    if factor != 1.0:
        for p in parameters:
            p.grad = (p.grad or 0.0) * factor
    return norm


def clip_factor(norm: float, max_norm: float) -> float:
    """What `clip_grad_norm_` multiplies gradients of that norm by: ``max_norm / (norm + 1e-6)``, 1 at most."""
    factor = max_norm / (norm + 1e-6)
    return 1.0 if max_norm == math.inf or factor >= 1.0 else factor  # nan stays nan


def clip_grad_value_(parameters: Iterable[Value], clip_value: float) -> float:
    """Cut each gradient that is too large: the direction may change.

    Parameters
    ----------
    parameters : iterable of Value
        Whose gradients are changed in place.
    clip_value : float
        Gradients are cut to ``[-clip_value, clip_value]``: at least 0; inf only measures.

    Returns
    -------
    float
        The norm of all gradients together, before. (PyTorch returns nothing.)

    Raises
    ------
    TypeError
        If a parameter is not a Value, or `clip_value` not a number.
    ValueError
        If there are no parameters, or `clip_value` is negative or nan.

    Notes
    -----
    nan stays nan.

    Examples
    --------
    >>> a, b = Value(1.0), Value(1.0)
    >>> (3 * a - 0.5 * b).backward()
    >>> norm = clip_grad_value_([a, b], 1.0)
    >>> a.grad, b.grad
    (1.0, -0.5)
    """
    limit = _limit(clip_value, "clip_value")
    parameters = _members(parameters, "clipping")
    norm = grad_norm(parameters)
    for p in parameters:
        if abs(p.grad or 0.0) > limit:
            p.grad = math.copysign(limit, p.grad)
    return norm


def _members(parameters: Iterable[Value], what: str) -> list[Value]:
    expect(getattr(parameters, "shape", None) != (), f"{what} takes Values", parameters)
    return values(parameters, what)


def _limit(given: float, what: str) -> float:
    return math.inf if given == math.inf else finite(given, what, least=0.0)
