"""How good predictions are, as plain numbers that need no gradient."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from autodiff import numerics
from nn.checks import expect, listed, number_of

_OUTPUT = "the output of a classifier is a number, or a list with a number for each class"

__all__ = ["accuracy", "predicted_class", "r2"]


def predicted_class(output: Any) -> int:
    """Tell which class a classifier's output means.

    Parameters
    ----------
    output : sequence of Value or float, or a single one
        The logits, one a class; a single logit is that of class 1 against class 0.

    Returns
    -------
    int
        The class with the largest logit, the first of several; for a single logit 1 if it is above 0, else 0.

    Examples
    --------
    >>> predicted_class([0.5, 2.0, -1.0]), predicted_class(-3.0)
    (1, 0)
    """
    if type(output) is list or (hasattr(output, "__len__") and getattr(output, "shape", None) != ()):
        logits = [z if type(z) is float else number_of(z, _OUTPUT) for z in listed(output, _OUTPUT)]
        expect(bool(logits), _OUTPUT, output)
        return logits.index(max(logits))
    return int((output if type(output) is float else number_of(output, _OUTPUT)) > 0.0)


def accuracy(outputs: Sequence[Any], targets: Sequence[float]) -> float:
    """The share of samples whose predicted class is right.

    Parameters
    ----------
    outputs : sequence
        What the model gave for each sample; see `predicted_class`.
    targets : sequence of int
        The number of each sample's class.

    Returns
    -------
    float
        From 0 to 1; nan for no samples.

    Raises
    ------
    TypeError
        If an argument is of a wrong type; the message names it.
    ValueError
        If there are not as many targets as outputs.

    Examples
    --------
    >>> accuracy([[0.5, 2.0], [1.0, 0.0], [0.0, 3.0]], [1, 0, 0])
    0.6666666666666666
    """
    pairs = _paired(outputs, targets)
    return numerics.mean([float(predicted_class(output) == target) for output, target in pairs])


def r2(outputs: Sequence[Any], targets: Sequence[float]) -> float:
    """The coefficient of determination: the share of the targets' variance that the predictions explain.

    Parameters
    ----------
    outputs : sequence of Value or float
        The predictions.
    targets : sequence of float
        The true numbers.

    Returns
    -------
    float
        1 for perfect predictions, 0 for no better than the mean, negative for worse; nan for no samples.

    Raises
    ------
    TypeError
        If an argument is of a wrong type; the message names it.
    ValueError
        If there are not as many targets as outputs.

    Notes
    -----
    ``1 - sum (t - y)^2 / sum (t - mean t)^2``. Where all targets are equal the quotient has no meaning, and the
    result is 1 if every prediction is right, else 0.

    Examples
    --------
    >>> r2([1.0, 2.0, 4.0], [1.0, 2.0, 3.0])
    0.5
    """
    told = "a prediction, and a target, is a number"
    pairs = [(number_of(y, told), number_of(t, told)) for y, t in _paired(outputs, targets)]
    if not pairs:
        return math.nan
    targets = [target for _, target in pairs]
    mean = numerics.mean(targets)
    left = numerics.total([(target - output) * (target - output) for output, target in pairs])
    whole = numerics.total([(target - mean) * (target - mean) for target in targets])
    if whole == 0.0:
        return float(left == 0.0)
    return 1.0 - left / whole


def _paired(outputs: Sequence[Any], targets: Sequence[float]) -> list[tuple[Any, float]]:
    outputs, targets = listed(outputs, "outputs is a list, with one a sample"), listed(targets, "targets is a list")
    if len(outputs) != len(targets):
        raise ValueError(f"expected a target for each output, got {len(targets)} for {len(outputs)} outputs")
    return list(zip(outputs, targets))
