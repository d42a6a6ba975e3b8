"""Losses, each the mean over the samples of a batch.

Every batch loss is one `mean` node over one small expression a sample, so that a graph is no deeper for more
samples. Numbers work in place of Values, and then the loss is a float.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autodiff import ops
from autodiff.operation import real
from autodiff.value import Value

__all__ = ["binary_cross_entropy", "cross_entropy", "hinge", "mse"]

Numbers = Sequence[Any]


def mse(predictions: Numbers | Value | float, targets: Numbers | float) -> Value:
    """Mean squared error.

    Parameters
    ----------
    predictions : sequence of Value, sequence of such sequences, or one Value
        One prediction a sample, or a row of them a sample.
    targets : of the same shape
        Real numbers.

    Returns
    -------
    Value
        ``mean((prediction - target)**2)`` over samples and outputs.

    Raises
    ------
    ValueError
        If the shapes differ or there is no sample.

    Notes
    -----
    The gradient with respect to a prediction p with target t, n of them in all, is ``2 (p - t) / n``.

    Examples
    --------
    >>> from autodiff import Value
    >>> p = Value(3.0)
    >>> loss = mse([p, Value(1.0)], [1.0, 1.0])
    >>> loss.backward()
    >>> loss.data, p.grad
    (2.0, 2.0)
    """
    terms: list[Value] = []
    for k, (p, t) in enumerate(_pairs(predictions, targets, "predictions")):
        if _is_row(p) or _is_row(t):
            terms.extend(_squared(q, s) for q, s in _pairs(p, t, f"outputs of sample {k}"))
        else:
            terms.append(_squared(p, t))
    return ops.mean(terms)


def binary_cross_entropy(logits: Numbers | Value | float, targets: Numbers | float) -> Value:
    """Cross-entropy of two classes, from logits: the log-odds of class 1, with no sigmoid before.

    Parameters
    ----------
    logits : sequence of Value, or one Value
        One a sample, any real number.
    targets : sequence of the same length, or one number
        0 or 1.

    Returns
    -------
    Value
        The mean of ``-log(sigmoid(z))`` over samples of class 1 and ``-log(1 - sigmoid(z))`` over those of class 0.

    Raises
    ------
    ValueError
        If the lengths differ, there is no sample, or a target is neither 0 nor 1.

    Notes
    -----
    Computed as ``softplus(-z)`` and ``softplus(z)``, which neither overflow nor cancel: at z = 40 the plain
    formula for class 1 gives 0, truly it is 4.2e-18. The gradient with respect to z is ``(sigmoid(z) - t) / n``.

    Examples
    --------
    >>> binary_cross_entropy([1000.0, -1000.0], [0, 0])
    500.0
    """
    terms: list[Value] = [
        ops.softplus(-z if _one_of(t, (0.0, 1.0), k) else z)
        for k, (z, t) in enumerate(_pairs(logits, targets, "logits"))
    ]
    return ops.mean(terms)


def cross_entropy(logits: Numbers, labels: Sequence[int] | int) -> Value:
    """Cross-entropy of several classes, from logits, with no softmax before.

    Parameters
    ----------
    logits : sequence of rows of C Values, or one row
        One row a sample; C is at least 2.
    labels : sequence of int, or one int for one row
        The class of each sample, from 0 to C - 1.

    Returns
    -------
    Value
        The mean over the samples of ``-log(softmax(z)[label])``, that is ``logsumexp(z) - z[label]``.

    Raises
    ------
    ValueError
        If the numbers of rows and labels differ, there is no sample, a row has less than 2 logits, or a label is
        out of range.
    TypeError
        If a label is not an integer, or the logits of a sample are no sequence.

    Notes
    -----
    Computed as ``softplus(logsumexp(z_j - z[label] for j != label))``, which is the same, but where the right class
    is all but certain the difference of two nearly equal numbers is not taken, neither for the loss nor for the
    gradient, ``(softmax(z) - onehot(label)) / n``. With 2 classes it is `binary_cross_entropy` of the difference of
    the logits.

    Examples
    --------
    >>> from autodiff import Value
    >>> z = [Value(0.0), Value(0.0)]
    >>> loss = cross_entropy(z, 1)
    >>> loss.backward()
    >>> round(loss.data, 6), z[0].grad, z[1].grad
    (0.693147, 0.5, -0.5)
    """
    if not _is_row(labels):
        if _is_row(logits) and any(map(_is_row, logits)):
            raise ValueError(f"{len(logits)} rows of logits but one label, {labels!r:.60}; give a label for each row")
        return _cross_entropy(logits, labels, 0)
    terms = [_cross_entropy(z, c, k) for k, (z, c) in enumerate(_pairs(logits, labels, "rows of logits"))]
    return ops.mean(terms)


def _cross_entropy(logits: Any, label: Any, k: int) -> Value:
    if not _is_row(logits):
        raise TypeError(f"sample {k} needs a sequence of logits, got {type(logits).__name__}: {logits!r:.60}")
    row = list(logits)
    if not hasattr(label, "__index__"):
        raise TypeError(f"the label of sample {k} is an integer, got {type(label).__name__}: {label!r:.60}")
    c = label.__index__()
    if len(row) < 2:
        raise ValueError(f"sample {k} needs 2 logits at least, one a class, got {len(row)}")
    if not 0 <= c < len(row):
        raise ValueError(f"the label of sample {k} is {c}, but {len(row)} logits have the classes 0 to {len(row) - 1}")
    own = row.pop(c)
    others: list[Value] = [z - own for z in row]
    return ops.softplus(ops.logsumexp(others))


def hinge(scores: Numbers | Value | float, targets: Numbers | float) -> Value:
    """Hinge loss: what scores lack of being on the right side by a margin of 1.

    Parameters
    ----------
    scores : sequence of Value, or one Value
        One a sample: positive for one class, negative for the other.
    targets : sequence of the same length, or one number
        1 or -1.

    Returns
    -------
    Value
        The mean of ``relu(1 - target * score)``.

    Raises
    ------
    ValueError
        If the lengths differ, there is no sample, or a target is neither 1 nor -1.

    Notes
    -----
    The gradient with respect to a score is ``-target / n`` where it is short of the margin, else 0.

    Examples
    --------
    >>> hinge([0.25, -3.0], [1, -1])
    0.375
    """
    terms: list[Value] = [
        ops.relu(1.0 - s if _one_of(t, (-1.0, 1.0), k) else 1.0 + s)
        for k, (s, t) in enumerate(_pairs(scores, targets, "scores"))
    ]
    return ops.mean(terms)


def _is_row(x: Any) -> bool:
    return not isinstance(x, str) and (hasattr(x, "__len__") or hasattr(x, "__next__"))


def _pairs(outputs: Any, targets: Any, what: str) -> list[tuple[Any, Any]]:
    """Outputs and targets side by side; a lone output with a lone target is a batch of one."""
    if not _is_row(outputs) and not _is_row(targets):
        return [(outputs, targets)]
    if not _is_row(outputs) or not _is_row(targets):
        raise ValueError(f"{what} and targets differ in shape: {outputs!r:.60} and {targets!r:.60}")
    left, right = list(outputs), list(targets)
    if len(left) != len(right):
        raise ValueError(f"{len(left)} {what} but {len(right)} targets; give one target for each")
    if not left:
        raise ValueError(f"there are no {what}; the mean over no sample has no meaning")
    return list(zip(left, right))


def _squared(p: Any, t: Any) -> Value:
    difference: Value = p - (t if type(t) is Value else real(t))
    return ops.pow(difference, 2.0)  # Python's own power of a float raises on overflow


def _one_of(target: Any, known: tuple[float, float], k: int) -> bool:
    """Whether the target is the second of two known ones."""
    t = real(target)
    if t not in known:
        raise ValueError(f"the target of sample {k} is {target!r:.60}, expected {known[0]:g} or {known[1]:g}")
    return t == known[1]
