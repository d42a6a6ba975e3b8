"""Penalties on large parameters, to be added to a loss."""

from __future__ import annotations

from collections.abc import Iterable

from autodiff import ops
from autodiff.value import Value
from nn.checks import finite


def l1(parameters: Iterable[Value], strength: float) -> Value:
    """L1 penalty: ``strength * sum(|p|)``. It draws parameters to 0, and leaves many of them there.

    Parameters
    ----------
    parameters : iterable of Value
        What to keep small, such as the weights, without the biases.
    strength : float
        At least 0, and finite.

    Returns
    -------
    Value
        The penalty; 0.0 for no parameters.

    Raises
    ------
    TypeError, ValueError
        If the strength is not as above.

    Notes
    -----
    The gradient with respect to p is ``strength * sign(p)``, and 0 at p = 0.

    Examples
    --------
    >>> l1([Value(3.0), Value(-4.0)], 0.5).data
    3.5
    """
    strength = finite(strength, "the strength", least=0.0)
    return ops.sum([ops.abs(p) for p in parameters]) * strength


def l2(parameters: Iterable[Value], strength: float) -> Value:
    """L2 penalty: ``strength * sum(p**2)``. It shrinks parameters in proportion to their size.

    Parameters
    ----------
    parameters : iterable of Value
        What to keep small, such as the weights, without the biases.
    strength : float
        At least 0, and finite.

    Returns
    -------
    Value
        The penalty; 0.0 for no parameters.

    Raises
    ------
    TypeError, ValueError
        If the strength is not as above.

    Notes
    -----
    The gradient with respect to p is ``2 * strength * p``. PyTorch's ``weight_decay`` adds ``weight_decay * p`` to the
    gradient: for plain gradient descent it is the same with half of it as the strength.

    Examples
    --------
    >>> weights = [Value(3.0), Value(-4.0)]
    >>> penalty = l2(weights, 0.5)
    >>> penalty.backward()
    >>> penalty.data, [w.grad for w in weights]
    (12.5, [3.0, -4.0])
    """
    strength = finite(strength, "the strength", least=0.0)
    members = tuple(parameters)
    return ops.dot(members, members) * strength
