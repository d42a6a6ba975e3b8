"""Operations on sequences: one node however many the operands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from autodiff import numerics, special
from autodiff.operation import Binary, Nary
from autodiff.ops.arithmetic import div, sub
from autodiff.ops.exponentials import exp

N = TypeVar("N")

sum = Nary(
    "sum",
    numerics.total,
    lambda y, xs: [1.0] * len(xs),
    formula="fsum(xs)",
    singular=None,
    doc="Sum of a sequence, correctly rounded, as a single node; 0 for an empty one.",
)

mean = Nary(
    "mean",
    numerics.mean,
    lambda y, xs: [1.0 / len(xs)] * len(xs),
    formula="fsum(xs) / len(xs)",
    singular=None,
    doc="Arithmetic mean of a sequence, as a single node; nan for an empty one.",
)

dot = Nary(
    "dot",
    numerics.dot,
    lambda y, xs, ys: [*ys, *xs],
    formula="fsum(x * y for x, y in zip(xs, ys))",
    groups=2,
    singular=None,
    doc="Sum of the products of two sequences of the same length, as a single node.",
)


def _others(y: Any, xs: Sequence[Any]) -> list[Any]:
    """For each factor the product of the others, from the products of those before and behind: no division."""
    if len(xs) < 2:
        return [1.0] * len(xs)
    before, behind = [xs[0]], [xs[-1]]
    for k in range(1, len(xs) - 1):
        before.append(before[-1] * xs[k])
        behind.append(xs[-k - 1] * behind[-1])
    inner = [p * q for p, q in zip(before, behind[-2::-1])]
    return [behind[-1], *inner, before[-1]]


prod = Nary(
    "prod",
    special.product,
    _others,
    formula="fprod(xs)",
    singular=None,
    doc="""Product of a sequence, as a single node; 1 for an empty one.

    The product does not overflow or underflow on its way. A partial is the product of the other factors, right
    also where some are 0, from two running products: n - 2 roundings, and these may overflow on their way.
    """,
)

logsumexp = Nary(
    "logsumexp",
    numerics.logsumexp,
    lambda y, xs: softmax(xs),
    formula="log(fsum(exp(x) for x in xs))",
    singular=None,
    doc="log(sum(exp(x))) over a sequence, without overflow, as a single node; -inf for an empty one.",
)

_peak = Nary(
    "peak",
    numerics.peak,
    None,
    formula="max(xs)",
    singular=None,
    doc="The largest of a sequence, taken for a constant: what softmax shifts by, which changes nothing.",
)

_excess = Binary(
    "excess",
    numerics.excess,
    da=1.0,
    db=-1.0,
    singular=None,
    label="{0} - {1}",
    method="",
    doc="a - b, and 0 for a = b, infinite or not.",
)


def softmax(xs: Iterable[N]) -> list[N]:
    """Turn a sequence of numbers into probabilities that are proportional to their exponentials.

    Parameters
    ----------
    xs : iterable of Value or float
        The logits.

    Returns
    -------
    list
        ``exp(x_i) / sum_j exp(x_j)``, as many as there are logits; they sum to 1.

    Notes
    -----
    All exponents are shifted by the largest logit first, so that nothing overflows. The partials are
    ``d p_i / d x_j = p_i ((i = j) - p_j)``.

    Examples
    --------
    >>> softmax([1000.0, 1000.0])
    [0.5, 0.5]
    """
    logits: list[Any] = list(xs)
    top = _peak(logits)
    powers = [exp(_excess(x, top)) for x in logits]
    whole = sum(powers)
    return [div(e, whole) for e in powers]


def log_softmax(xs: Iterable[N]) -> list[N]:
    """Take the logarithms of the probabilities that `softmax` gives, without underflow.

    Parameters
    ----------
    xs : iterable of Value or float
        The logits.

    Returns
    -------
    list
        ``x_i - logsumexp(x)``, as many as there are logits.

    Notes
    -----
    All logits are shifted by the largest first, so that the logarithm of a probability next to 1 keeps its digits.
    The partials are ``d l_i / d x_j = (i = j) - p_j``, each with an absolute error of a few 1e-16.

    Examples
    --------
    >>> log_softmax([0.0, 1000.0])
    [-1000.0, 0.0]
    """
    logits: list[Any] = list(xs)
    top = _peak(logits)
    shifted = [_excess(x, top) for x in logits]
    whole = logsumexp(shifted)
    return [sub(x, whole) for x in shifted]
