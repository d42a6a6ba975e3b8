"""`minimize` and `random_search`: a plain function's minimum, and the whole way to it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from numbers import Real
from typing import Any

from autodiff.derivatives import value_and_grad
from autodiff.recording import no_grad
from autodiff.value import Value
from nn import optim, schedules
from nn.checks import expect, finite, known, listed, whole
from nn.minimum import Minimum
from nn.model.init import generator
from nn.optim.clip import grad_norm
from nn.stopping import GradientNorm, Steps, rules

METHODS: dict[str, Callable[..., optim.Optimizer]] = {"gd": optim.SGD, **optim.OPTIMIZERS}
"""The methods by name: "gd" is gradient descent, the others are those of `nn.optim.OPTIMIZERS`."""

STOP = GradientNorm(1e-6)
"""When `minimize` stops, if nothing else is said."""

Function = Callable[[Any], Any]


def minimize(
    f: Function,
    x0: float | Iterable[float],
    method: str | Callable[..., optim.Optimizer] = "gd",
    *,
    lr: float | schedules.Schedule = 0.1,
    stop: Any = STOP,
    steps: int = 1000,
) -> Minimum:
    """Go downhill on a function of one number, or of a sequence of numbers, and record the whole way.

    Parameters
    ----------
    f : callable
        Written with operators and the functions of `autodiff`. It takes a number if `x0` is one, else a list of them,
        and returns a number.
    x0 : float or iterable of float
        Where to begin.
    method : str or callable
        A name of `METHODS`; or what makes an optimizer of parameters and ``lr=``: a class of `nn.optim` or of your own,
        ``functools.partial(SGD, momentum=0.5)``.
    lr : float or schedule
        The learning rate, or a function from the step (0, 1, ...) to it; see `nn.schedules`.
    stop : rule, callable, list of these, or None
        When to stop: see `nn.stopping`; by default ``GradientNorm(1e-6)``. Rules are joined by ``|`` or put in a list.
        They are asked before the first step and after each.
    steps : int
        How many steps to make at most.

    Returns
    -------
    Minimum
        All points, values, gradient norms and rates, and which rule fired.

    Raises
    ------
    TypeError
        If `f` returns no number, or at `x0` one that does not depend on it; if an argument is of a wrong type.
    ValueError
        If the name of the method is unknown, `x0` is empty or not finite, the function or its gradient is not finite
        there, or a number is out of its range.

    Notes
    -----
    If the function, its gradient or a coordinate becomes infinite or nan, the descent stops and says so; the way then
    ends at the last point where all was finite.

    Examples
    --------
    >>> way = minimize(lambda w: (w - 6) ** 2, 23.0, lr=0.1)
    >>> way
    Minimum(x = 6, f(x) = 2.2026e-13, SGD(lr=0.1), 78 steps; stopped: gradient norm at most 1e-06)
    >>> [round(x, 5) for (x,) in way.points[:4]]
    [23.0, 19.6, 16.88, 14.704]
    """
    expect(callable(f), "f is a function of a number, or of a list of them", f)
    start, number = _start(x0)
    schedule = lr if callable(lr) else schedules.constant(lr)
    fired = (*rules(stop), Steps(steps))
    xs = [Value(x) for x in start]
    optimizer = _optimizer(method, xs, schedule(0))
    way = Minimum(_described(optimizer, lr), number=number)
    wrong = _look(f, xs, way)
    if wrong:
        raise ValueError(f"{wrong} at the start, x0 = {x0!r:.60}; begin elsewhere")
    while True:
        way.rule = next((rule for rule in fired if rule.met(way)), None)
        if way.rule:
            way.stopped = str(way.rule)
            return way
        optimizer.lr = rate = schedule(way.steps)
        optimizer.step()
        wrong = _look(f, xs, way)
        if wrong:
            way.diverged, way.stopped = True, f"diverged: {wrong} after step {way.steps + 1}; use a smaller lr"
            return way
        way.rates.append(rate)


def random_search(
    f: Function,
    x0: float | Iterable[float] | None = None,
    *,
    bounds: Sequence[tuple[float, float]] | tuple[float, float] | None = None,
    scale: float = 1.0,
    steps: int = 1000,
    seed: int | None = 0,
) -> Minimum:
    """Look for a minimum by chance, without gradients: what descent is to be compared with.

    Parameters
    ----------
    f : callable
        As for `minimize`.
    x0 : float or iterable of float, optional
        Where to begin: each try is a step from the best point so far, normally distributed in each coordinate.
    bounds : pair of float, or sequence of pairs, optional
        In place of `x0`: each try is uniform between the bounds, of the number or of each coordinate.
    scale : float
        With `x0`, the standard deviation of the steps: above 0.
    steps : int
        How many tries: at least 0; with bounds one comes before the first step.
    seed : int, optional
        Of the tries; None for others each time.

    Returns
    -------
    Minimum
        The best point so far, and its value, after each try. Where the function is not finite it is no better.

    Raises
    ------
    TypeError, ValueError
        As for `minimize`; or if not one of `x0` and `bounds` is given, or a lower bound is above the upper one.

    Notes
    -----
    A try computes the function once; a step of descent adds a backward sweep, which takes some two or three times as
    long. So at equal cost there are about four tries for each step of descent.

    Examples
    --------
    >>> search = random_search(lambda w: (w - 6) ** 2, 23.0, steps=300)
    >>> search.value < 1e-3, search.evaluations
    (True, 301)
    """
    expect(callable(f), "f is a function of a number, or of a list of them", f)
    if (x0 is None) == (bounds is None):
        raise ValueError("give one of x0 and bounds: a point to begin at, or where to look")
    rng, spread = generator(seed, None), finite(scale, "the scale", above=0.0)
    box, number = _box(bounds) if bounds is not None else ([], False)
    if x0 is not None:
        best, number = _start(x0)
    else:
        best = [rng.uniform(low, high) for low, high in box]
    lowest = _value(f, best, number)
    way = Minimum("random search", [best], [lowest], number=number, evaluations=1)
    if x0 is not None and lowest == math.inf:
        raise ValueError(f"the function is not finite at the start, x0 = {x0!r:.60}; begin elsewhere")
    steps = whole(steps, "the number of steps")
    for _ in range(steps):
        tried = [rng.uniform(low, high) for low, high in box] or [x + rng.gauss(0.0, spread) for x in best]
        y = _value(f, tried, number)
        if y < lowest:
            best, lowest = tried, y
        way.points.append(list(best))
        way.values.append(lowest)
        way.evaluations += 1
    way.stopped = f"{steps} steps"
    return way


def _start(x0: Any) -> tuple[list[float], bool]:
    """The coordinates of a point, and whether it is a single number."""
    number = not isinstance(x0, Iterable) or isinstance(x0, (str, bytes, Value)) or getattr(x0, "shape", None) == ()
    if number and hasattr(x0, "shape") and not isinstance(x0, Real):
        raise TypeError(
            f"x0 is a number, or a sequence of numbers, got {type(x0).__name__}: {x0!r:.60}; write x0.item()"
        )
    start = [finite(x, "each coordinate of x0") for x in ([x0] if number else x0)]
    if not start:
        raise ValueError("x0 is empty; give a number, or a sequence with one number a coordinate")
    return start, number


def _box(bounds: Any) -> tuple[list[tuple[float, float]], bool]:
    """The bounds of each coordinate, and whether they are of a single number."""
    given = listed(bounds, "bounds are a pair (low, high), or a sequence of such pairs")
    if not given:
        raise TypeError(f"bounds are a pair (low, high), or a sequence of such pairs, got {bounds!r:.60}")
    number = not isinstance(given[0], Iterable)
    box = []
    for pair in [given] if number else [listed(pair, "bounds are pairs (low, high)") for pair in given]:
        if len(pair) != 2:
            raise TypeError(f"bounds are pairs (low, high), got {pair!r:.60}")
        low, high = (finite(x, "a bound") for x in pair)
        if low > high:
            raise ValueError(f"a lower bound is at most the upper one, got {low:g} and {high:g}")
        box.append((low, high))
    return box, number


def _optimizer(method: Any, xs: list[Value], lr: float) -> optim.Optimizer:
    if isinstance(method, str):
        method = known(method, METHODS, "method", ", or a class of nn.optim")
    expect(callable(method), "method is a name or what makes an optimizer", method)
    optimizer = method(xs, lr=lr)
    if not isinstance(optimizer, optim.Optimizer):
        raise TypeError(f"method makes a nn.optim.Optimizer of parameters and lr, got {optimizer!r:.60}")
    return optimizer


def _described(optimizer: optim.Optimizer, lr: Any) -> str:
    """The optimizer with those hyperparameters that are not 0."""
    told = {**optimizer.hyperparameters(), "lr": getattr(lr, "__name__", None) or repr(lr)}
    arguments = [f"{name}={x if name == 'lr' else repr(x)}" for name, x in told.items() if x]
    return f"{type(optimizer).__name__}({', '.join(arguments)})"


def _look(f: Function, xs: list[Value], way: Minimum) -> str:
    """Compute value and gradient, and append them to the way if all is finite; if not, say what is not."""
    point = [x.data for x in xs]
    for x in point:
        if not math.isfinite(x):
            return f"a coordinate is {x}"
    y: Any = None

    def called(at: list[Value]) -> Any:
        nonlocal y
        y = f(at[0] if way.number else at)
        return y if isinstance(y, Value) else _as_float(y)

    with no_grad():  # by a transform: it leaves alone what the function does to .grad, and that of Values around it
        value, gradient = value_and_grad(called)(point)
    for p, g in zip(xs, gradient):
        p.grad = g
    way.evaluations += 1
    if not isinstance(y, Value) and not way.points:  # later it may be a flat piece
        raise TypeError(
            f"at x0 the function gives the {type(y).__name__} {y!r:.60}, which does not depend on its argument; write "
            "it with operators and the functions of autodiff: autodiff.exp, not math.exp"
        )
    norm = grad_norm(xs)
    for what, x in (("the function", value), ("its gradient", norm)):
        if not math.isfinite(x):
            return f"{what} is {x}"
    way.points.append(point)
    way.values.append(value)
    way.gradient_norms.append(norm)
    return ""


def _value(f: Function, point: list[float], number: bool) -> float:
    """The function at a point, without a graph; inf in place of nan, so that it is never the lowest."""
    with no_grad():
        xs = [Value(x) for x in point]
        y = _as_float(f(xs[0] if number else xs))
    return math.inf if math.isnan(y) else y


def _as_float(y: Any) -> float:
    if isinstance(y, Value):
        return y.data
    if isinstance(y, Real):
        return float(y)
    raise TypeError(f"the function to be minimised returns a number, got {type(y).__name__}: {y!r:.60}")
