"""Losses, each the mean over the samples of a batch; and the penalties of `nn.losses.penalties`.

Every batch loss is one `mean` node over one small expression a sample, so that a graph is no deeper for more
samples. Numbers work in place of Values, and then the loss is a float.

With ``weights``, one a sample, it is the weighted mean ``sum(w * l) / sum(w)`` of the samples' losses l: a sample of
weight 2 counts like two of them, and the scale of the weights does not matter. That is scikit-learn's
``sample_weight``, and what PyTorch's ``CrossEntropyLoss`` does with the weights of classes. (The ``weight`` of its
``BCEWithLogitsLoss`` is divided by the number of samples in place of the sum.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autodiff import ops
from autodiff.value import Value
from nn.losses.penalties import l1, l2
from nn.losses.targets import average, chance_of, is_row, label_of, pairs, side_of, single, target

__all__ = ["binary_cross_entropy", "cross_entropy", "hinge", "l1", "l2", "mae", "mse"]

Numbers = Sequence[Any]
Weights = Sequence[float] | None


def mse(predictions: Numbers | Value | float, targets: Numbers | float, *, weights: Weights = None) -> Value:
    """Mean squared error.

    Parameters
    ----------
    predictions : sequence of Value, sequence of such sequences, or one Value
        One prediction a sample, or a row of them a sample.
    targets : of the same shape
        Real numbers.
    weights : sequence of float, optional
        One a sample, for the weighted mean; see `nn.losses`.

    Returns
    -------
    Value
        ``mean((prediction - target)**2)`` over samples and outputs.

    Raises
    ------
    ValueError
        If the shapes differ, there is no sample, a target is nan or infinite, or the weights are negative, not finite,
        all 0 or not as many as samples.
    TypeError
        If a target or a weight is not a number.

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
    # Python's own power of a float raises on overflow
    return _of_differences(lambda d: ops.pow(d, 2.0), predictions, targets, weights)


def mae(predictions: Numbers | Value | float, targets: Numbers | float, *, weights: Weights = None) -> Value:
    """Mean absolute error: less moved by a few large errors than `mse`.

    Parameters
    ----------
    predictions : sequence of Value, sequence of such sequences, or one Value
        One prediction a sample, or a row of them a sample.
    targets : of the same shape
        Real numbers.
    weights : sequence of float, optional
        One a sample, for the weighted mean; see `nn.losses`.

    Returns
    -------
    Value
        ``mean(abs(prediction - target))`` over samples and outputs.

    Raises
    ------
    ValueError
        If the shapes differ, there is no sample, a target is nan or infinite, or the weights are negative, not finite,
        all 0 or not as many as samples.
    TypeError
        If a target or a weight is not a number.

    Notes
    -----
    The gradient with respect to a prediction p with target t, n of them in all, is ``sign(p - t) / n``, and 0 where
    they are equal.

    Examples
    --------
    >>> mae([3.0, 1.0], [1.0, 2.0])
    1.5
    """
    return _of_differences(ops.abs, predictions, targets, weights)


def _of_differences(penalty: Callable[[Any], Any], predictions: Any, targets: Any, weights: Any) -> Value:
    """The mean over samples and outputs of a function of prediction minus target."""
    terms: list[list[Any]] = []
    for k, (p, t) in enumerate(pairs(predictions, targets, "predictions")):
        if is_row(p) or is_row(t):
            row = enumerate(pairs(p, t, f"outputs of sample {k}"))
            terms.append([penalty(ops.sub(q, target(u, k, j))) for j, (q, u) in row])
        else:
            terms.append([penalty(ops.sub(p, target(t, k)))])
    if weights is None:
        return average([term for row in terms for term in row])
    return average([row[0] if len(row) == 1 else ops.mean(row) for row in terms], weights)


def binary_cross_entropy(
    logits: Numbers | Value | float, targets: Numbers | float, *, weights: Weights = None
) -> Value:
    """Cross-entropy of two classes, from logits: the log-odds of class 1, with no sigmoid before.

    Parameters
    ----------
    logits : sequence of Value, or one Value
        One a sample, any real number.
    targets : sequence of the same length, or one number
        0 or 1, or a probability of class 1 between.
    weights : sequence of float, optional
        One a sample, for the weighted mean; see `nn.losses`.

    Returns
    -------
    Value
        The mean of ``-log(sigmoid(z))`` over samples of class 1 and ``-log(1 - sigmoid(z))`` over those of class 0.
        A target t between counts as both, with the shares t and 1 - t.

    Raises
    ------
    ValueError
        If the lengths differ, there is no sample, a target is not from 0 to 1, or the weights are negative, not
        finite, all 0 or not as many as samples.
    TypeError
        If a target or a weight is not a number.

    Notes
    -----
    Computed as ``softplus(-z)`` and ``softplus(z)``, which neither overflow nor cancel: at z = 40 the plain
    formula for class 1 gives 0, truly it is 4.2e-18. The gradient with respect to z is ``(sigmoid(z) - t) / n``.

    Examples
    --------
    >>> binary_cross_entropy([1000.0, -1000.0], [0, 0])
    500.0
    """
    terms: list[Value] = []
    for k, (z, t) in enumerate(pairs(logits, targets, "logits")):
        chance, z = chance_of(t, k), single(z, k)
        if 0.0 < chance < 1.0:
            terms.append(chance * ops.softplus(-z) + (1.0 - chance) * ops.softplus(z))
        else:
            terms.append(ops.softplus(-z if chance else z))
    return average(terms, weights)


def cross_entropy(logits: Numbers, labels: Sequence[int] | int, *, weights: Weights = None) -> Value:
    """Cross-entropy of several classes, from logits, with no softmax before.

    Parameters
    ----------
    logits : sequence of rows of C Values, or one row
        One row a sample; C is at least 2.
    labels : sequence of int, or one int for one row
        The class of each sample, from 0 to C - 1.
    weights : sequence of float, optional
        One a sample, for the weighted mean; see `nn.losses`.

    Returns
    -------
    Value
        The mean over the samples of ``-log(softmax(z)[label])``, that is ``logsumexp(z) - z[label]``.

    Raises
    ------
    ValueError
        If the numbers of rows and labels differ, there is no sample, a row has less than 2 logits, a label is out of
        range, or the weights are negative, not finite, all 0 or not as many as samples.
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
    if not is_row(labels):
        if is_row(logits) and any(map(is_row, logits)):
            raise ValueError(f"{len(logits)} rows of logits but one label, {labels!r:.60}; give a label for each row")
        return average([_cross_entropy(logits, labels, 0)], weights)
    terms = [_cross_entropy(z, c, k) for k, (z, c) in enumerate(pairs(logits, labels, "rows of logits"))]
    return average(terms, weights)


def _cross_entropy(logits: Any, label: Any, k: int) -> Value:
    if not is_row(logits):
        raise TypeError(f"sample {k} needs a sequence of logits, got {type(logits).__name__}: {logits!r:.60}")
    row = list(logits)
    c = label_of(label, len(row), k)
    own = row.pop(c)
    others: list[Value] = [z - own for z in row]
    return ops.softplus(ops.logsumexp(others))


def hinge(scores: Numbers | Value | float, targets: Numbers | float, *, weights: Weights = None) -> Value:
    """Hinge loss: what scores lack of being on the right side by a margin of 1.

    Parameters
    ----------
    scores : sequence of Value, or one Value
        One a sample: positive for one class, negative for the other.
    targets : sequence of the same length, or one number
        1 or -1.
    weights : sequence of float, optional
        One a sample, for the weighted mean; see `nn.losses`.

    Returns
    -------
    Value
        The mean of ``relu(1 - target * score)``.

    Raises
    ------
    ValueError
        If the lengths differ, there is no sample, a target is neither 1 nor -1, or the weights are negative, not
        finite, all 0 or not as many as samples.
    TypeError
        If a target or a weight is not a number.

    Notes
    -----
    The gradient with respect to a score is ``-target / n`` where it is short of the margin, else 0.

    Examples
    --------
    >>> hinge([0.25, -3.0], [1, -1])
    0.375
    """
    terms: list[Value] = []
    for k, (s, t) in enumerate(pairs(scores, targets, "scores")):
        terms.append(ops.relu(1.0 - single(s, k) if side_of(t, k) == 1.0 else 1.0 + single(s, k)))
    return average(terms, weights)
