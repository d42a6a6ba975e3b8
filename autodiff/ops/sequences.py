"""Operations on sequences: one node however many the operands."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, overload

from autodiff import numerics
from autodiff.operation import Binary, N, Nary
from autodiff.ops import special
from autodiff.ops.arithmetic import div, sub

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


_FEW = 8


def _others(y: Any, xs: Sequence[Any]) -> list[Any]:
    """For each factor the product of the others."""
    if 3 < len(xs) <= _FEW:  # products of more than two numbers, each by itself: nothing overflows on the way
        return [prod([*xs[:k], *xs[k + 1 :]]) for k in range(len(xs))]
    return _without_each(operator.mul, xs, 1.0)


def _without_each(join: Callable[[Any, Any], Any], xs: Sequence[Any], nothing: float) -> list[Any]:
    """For each of some numbers the others joined, added or multiplied: neither a difference nor a quotient.

    They are joined in pairs, and for each of these the other pairs in the same way: 3 n steps, of which a result goes
    through 2 log2(n), as its error does.
    """
    if len(xs) < 3:
        return [xs[1], xs[0]] if len(xs) == 2 else [nothing] * len(xs)
    odd = xs[-1:] if len(xs) % 2 else []
    elsewhere = _without_each(join, [*map(join, xs[::2], xs[1::2]), *odd], nothing)
    inside = [join(x, rest) for rest, a, b in zip(elsewhere, xs[::2], xs[1::2]) for x in (b, a)]
    return inside + elsewhere[-1:] if odd else inside


prod = Nary(
    "prod",
    special.product,
    _others,
    formula="fprod(xs)",
    singular=None,
    doc="""Product of a sequence, as a single node; 1 for an empty one.

    The product does not overflow or underflow on its way. A partial is the product of the other factors, right
    also where some are 0, and of up to 8 factors as accurate. Of more it comes from products of pairs of pairs, so
    that the time stays proportional to their number: 2 log2(n) roundings, and these may over- or underflow.
    """,
)

logsumexp = Nary(
    "logsumexp",
    numerics.logsumexp,
    lambda y, xs: _quotients(_powers(xs)),  # those of softmax by fewer steps: training takes them at every sample
    formula="log(fsum(exp(x) for x in xs))",
    singular=None,
    doc="""log(sum(exp(x))) over a sequence, without overflow, as a single node; -inf for an empty one.

    The partials are the probabilities of `softmax`; those of the partials have an absolute error of a few 1e-16.
    """,
)


def _powers(logits: Sequence[Any]) -> list[Any]:
    """The exponentials, of which the largest is 1, so that nothing overflows."""
    top = _peak(logits)
    return [_exp_excess(x, top) for x in logits]


def _quotients(powers: Sequence[Any]) -> list[Any]:
    whole = sum(powers)
    return [div(e, whole) for e in powers]


_peak = Nary(
    "peak",
    numerics.peak,
    None,
    formula="max(xs)",
    singular=None,
    doc="The largest of a sequence, taken for a constant: what softmax shifts by, which changes nothing.",
)

_exp_excess = Binary(
    "exp_excess",
    special.exp_excess,
    formula="exp(a - b)",
    da=lambda y, a, b: y,
    db=lambda y, a, b: -y,
    singular=None,
    label="exp({0} - {1})",
    method="",
    doc="exp(a - b), and 1 for a = b, infinite or not: the rounding of the difference is made up for.",
)

_part = Binary(
    "part",
    special.part,
    formula="a / (a + b)",
    da=lambda y, a, b: div(_part(b, a), a + b),
    db=lambda y, a, b: -div(y, a + b),
    domain=((0.0, math.inf), (0.0, math.inf)),
    singular=lambda a, b: a + b,
    label="{0} / ({0} + {1})",
    method="",
    doc="a / (a + b) of positive numbers: a probability, from a power and the sum of the others.",
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


@overload
def softmax(xs: Iterable[float]) -> list[float]: ...  # type: ignore[overload-overlap]  # an empty one fits both
@overload
def softmax(xs: Iterable[N | float]) -> list[N]: ...
def softmax(xs: Iterable[Any]) -> list[Any]:
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
    All exponents are shifted by the largest logit first, so that nothing overflows, and each power is divided by
    the sum of itself and all others. The partials are ``d p_i / d x_j = p_i ((i = j) - p_j)``; where i = j, the
    difference of two nearly equal numbers is not taken: ``1 - p_i`` is the part of the others in the sum. That comes by
    sums in pairs, of 2 log2(n) roundings: of up to 1,000 logits a probability is right to 8 ulp, a partial to 12.

    Examples
    --------
    >>> softmax([1000.0, 1000.0])
    [0.5, 0.5]
    """
    powers = _powers(list(xs))
    return [_part(e, rest) for e, rest in zip(powers, _without_each(operator.add, powers, 0.0))]


@overload
def log_softmax(xs: Iterable[float]) -> list[float]: ...  # type: ignore[overload-overlap]  # an empty one fits both
@overload
def log_softmax(xs: Iterable[N | float]) -> list[N]: ...
def log_softmax(xs: Iterable[Any]) -> list[Any]:
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
    The partials are ``d l_i / d x_j = (i = j) - p_j``, each with an absolute error of a few 1e-16: where p_i is next
    to 1, that of its own logit has few digits. The same number with all digits in its partials, for one i, is
    ``-softplus(logsumexp(x_j - x_i for j != i))``.

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
