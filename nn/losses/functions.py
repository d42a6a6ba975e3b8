"""The losses: each once, of one sample, and what a user calls for the mean over a batch.

A batch's loss averages the samples', and replay records them. In the one case the numbers of a target are Python's, and
pick what is computed, so that a graph has the nodes that its sample needs and no more; in the other they are Values,
inputs of a program that is the same for every sample, and `where` picks.

What reads the target of a sample takes it, the sample's place in its batch, and how many outputs that sample has in a
row, or None for a lone one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from autodiff import ops
from autodiff.operation import real
from autodiff.value import Value
from nn.checks import expect, finite, listed


def is_row(x: Any) -> bool:
    """Whether something is a sequence or an iterator of numbers, not a number."""
    if type(x) in _NUMBERS:  # for speed alone, as for lists
        return False
    if type(x) is list:
        return True
    several = hasattr(x, "__len__") or hasattr(x, "__next__")
    return several and not isinstance(x, (str, bytes)) and getattr(x, "shape", None) != ()


_NUMBERS = {Value, float, int}


def as_row(x: Any) -> list[Any]:
    """A row of numbers as a list; a lone number is a row of one."""
    return list(x) if is_row(x) else [x]


def unlike(outputs: Any, targets: Any, what: str) -> ValueError:
    """What to raise where one is a row and the other a number."""
    return ValueError(f"{what} and targets differ in shape: {outputs!r:.60} and {targets!r:.60}")


def pairs(outputs: Any, targets: Any, what: str) -> list[tuple[Any, Any]]:
    """Outputs and targets side by side (lone ones are a batch of one); a ValueError if not as many, or none."""
    if is_row(outputs) != is_row(targets):
        raise unlike(outputs, targets, what)
    left, right = as_row(outputs), as_row(targets)
    if len(left) != len(right):
        raise ValueError(f"{len(left)} {what} but {len(right)} targets; give one target for each")
    if not left:
        raise ValueError(f"there are no {what}; the mean over no sample has no meaning")
    return list(zip(left, right))


def numbers_of(t: Any, sample: int, size: int | None) -> Any:
    """Read a finite number, which may be a Value; or a list of them, one an output."""
    if (size is None or size == 1) and not is_row(t):
        return _finite(t, sample)
    told = pairs(range(1 if size is None else size), as_row(t), f"outputs of sample {sample}")
    return [_finite(number, sample, k) for k, number in told]


def _finite(t: Any, sample: int, output: int | None = None) -> Any:
    number = t if type(t) is float or type(t) in ops.add.on else real(t)  # the first for speed alone
    if not math.isfinite(number):
        where = f"sample {sample}" if output is None else f"sample {sample}, output {output},"
        raise ValueError(f"the target of {where} is {t!r:.60}, expected a finite number")
    return number


def chance_of(t: Any, sample: int, size: int | None) -> float:
    """Read the probability of class 1."""
    if size is not None:
        raise _several(sample, size)
    chance = real(t)
    if not 0.0 <= chance <= 1.0:
        raise ValueError(f"the target of sample {sample} is {t!r:.60}, expected 0 or 1, or a probability between")
    return chance


def side_of(t: Any, sample: int, size: int | None) -> float:
    """Read -1 or 1."""
    if size is not None:
        raise _several(sample, size)
    side = real(t)
    if side not in (-1.0, 1.0):
        raise ValueError(f"the target of sample {sample} is {t!r:.60}, expected -1 or 1")
    return side


def _several(sample: int, size: int) -> ValueError:
    return ValueError(
        f"sample {sample} has {size} outputs, and this loss takes one a sample; let the model have one, "
        "or for classes use cross_entropy"
    )


def label_of(label: Any, sample: int, size: int | None) -> int:
    """Read the number of a class, of as many as outputs."""
    if not hasattr(label, "__index__"):
        raise TypeError(f"the label of sample {sample} is an integer, got {type(label).__name__}: {label!r:.60}")
    c: int = label.__index__()
    classes = 1 if size is None else size
    if classes < 2:
        raise ValueError(f"sample {sample} needs 2 logits at least, one a class, got {classes}")
    if not 0 <= c < classes:
        raise ValueError(
            f"the label of sample {sample} is {c}, but {classes} logits have the classes 0 to {classes - 1}"
        )
    return c


def average(terms: Sequence[Any], weights: Any) -> Value:
    """The samples' losses averaged by weights, ``sum(w * l) / sum(w)``; one of weight 0 is left out, even if nan."""
    given = [real(w) for w in as_row(weights)]
    if len(given) != len(terms):
        raise ValueError(f"{len(terms)} samples but {len(given)} weights; give one weight for each")
    weighted: Value = ops.dot(*zip(*[(term, share) for term, share in zip(terms, shares_of(given)) if share]))
    return weighted


def check_weights(weights: Sequence[float]) -> None:
    """See that weights are finite and at least 0; a ValueError tells which is not."""
    for k, w in enumerate(weights):
        if not 0.0 <= w < math.inf:
            raise ValueError(f"the weight of sample {k} is {w}, expected a finite number, at least 0")


def shares_of(weights: Sequence[float]) -> list[float]:
    """Weights over their sum; a ValueError if one is none, or all are 0."""
    check_weights(weights)
    largest = max(weights)
    if largest == 0.0:
        raise ValueError("all weights are 0; the mean over no sample has no meaning")
    parts = [w / largest for w in weights]  # their sum does not overflow
    whole = math.fsum(parts)
    return [part / whole for part in parts]


Numbers = Sequence[Any]
Weights = Sequence[float] | None


class SampleLoss(NamedTuple):
    """The loss of one sample: a `term` of its outputs and of what `read` makes of its target.

    Where that is a number for each output, the loss is the mean of their terms.
    """

    read: Callable[[Any, int, int | None], Any]
    term: Callable[[Any, Any], Any]

    def of(self, outputs: Any, told: Any) -> Any:
        """The loss itself."""
        if self.read is not numbers_of:
            return self.term(outputs, told)
        terms = list(map(self.term, as_row(outputs), as_row(told)))
        return terms[0] if len(terms) == 1 else ops.mean(terms)


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
    return _of_differences(mse, predictions, targets, weights)


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
    return _of_differences(mae, predictions, targets, weights)


def _of_differences(loss: Callable[..., Value], predictions: Any, targets: Any, weights: Weights) -> Value:
    samples = pairs(predictions, targets, "predictions")
    for k, (p, t) in enumerate(samples):
        if is_row(p) != is_row(t):
            raise unlike(p, t, f"outputs of sample {k}")
    return _mean(loss, samples, weights)


def _squared(prediction: Any, target: Any) -> Any:
    return ops.pow(ops.sub(prediction, target), 2.0)  # Python's own power raises on overflow


def _absolute(prediction: Any, target: Any) -> Any:
    return ops.abs(ops.sub(prediction, target))


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
    return _mean(binary_cross_entropy, pairs(logits, targets, "logits"), weights)


def _binary(z: Any, chance: Any) -> Any:
    other = 1.0 - chance
    if isinstance(chance, Value):  # each share only where it is not 0: 0 times an infinite softplus would be nan
        return ops.where(chance, chance * ops.softplus(-z), 0.0) + ops.where(other, other * ops.softplus(z), 0.0)
    if 0.0 < chance < 1.0:
        return chance * ops.softplus(-z) + other * ops.softplus(z)
    return ops.softplus(-z if chance else z)


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
    if not is_row(labels) and is_row(logits) and any(map(is_row, logits)):
        raise ValueError(f"{len(logits)} rows of logits but one label, {labels!r:.60}; give a label for each row")
    samples = pairs(logits, labels, "rows of logits") if is_row(labels) else [(logits, labels)]
    for k, (z, _) in enumerate(samples):
        expect(is_row(z), f"sample {k} needs a sequence of logits", z)
    return _mean(cross_entropy, samples, weights)


def _of_class(logits: Any, label: Any) -> Any:
    row = list(logits)
    if isinstance(label, Value):
        elsewhere = [label - float(j) for j in range(len(row))]  # 0 at the label
        own = ops.sum([ops.where(e, 0.0, z) for e, z in zip(elsewhere, row)])
        above = [ops.where(e, z - own, -math.inf) for e, z in zip(elsewhere, row)]
    else:
        own = row.pop(label)
        above = [z - own for z in row]
    return ops.softplus(ops.logsumexp(above))


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
    return _mean(hinge, pairs(scores, targets, "scores"), weights)


def _margin(score: Any, side: Any) -> Any:
    if isinstance(side, Value):
        return ops.relu(1.0 - side * score)
    return ops.relu(1.0 - score if side == 1.0 else 1.0 + score)


def _mean(loss: Callable[..., Value], samples: Sequence[tuple[Any, Any]], weights: Weights) -> Value:
    """The mean over outputs and targets: of all terms alike, or of the samples by their weights."""
    sample_loss = SAMPLE_LOSSES[loss]
    read, term = sample_loss
    terms: list[Any] = []
    for k, (outputs, target) in enumerate(samples):
        if not is_row(outputs):
            terms.append(term(outputs, read(target, k, None)))
            continue
        row = list(outputs)
        told = read(target, k, len(row))
        if weights is None and read is numbers_of:
            terms += map(term, row, told)
        else:
            terms.append(sample_loss.of(row, told))
    mean: Value = ops.mean(terms) if weights is None else average(terms, weights)
    return mean


SAMPLE_LOSSES: dict[Any, SampleLoss] = {
    mse: SampleLoss(numbers_of, _squared),
    mae: SampleLoss(numbers_of, _absolute),
    binary_cross_entropy: SampleLoss(chance_of, _binary),
    cross_entropy: SampleLoss(label_of, _of_class),
    hinge: SampleLoss(side_of, _margin),
}
"""By the function that averages them."""


_PENALISED = "parameters is a list of Values, such as model.parameters()"


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
    members: list[Value] = listed(parameters, _PENALISED)
    return ops.sum([ops.abs(p) for p in members]) * strength


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
    members: tuple[Value, ...] = tuple(listed(parameters, _PENALISED))
    return ops.dot(members, members) * strength
