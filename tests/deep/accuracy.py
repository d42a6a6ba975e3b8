"""Measure the accuracy of every operation against 50-digit arithmetic, and keep the worst in a file.

``python tests/deep/accuracy.py --points 100000`` takes about ten minutes. It may be stopped and started again:
operations that were measured at as many points are not measured again.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, TypeVar

sys.path[:0] = [str(Path(__file__).parents[k]) for k in (1, 2)]  # as a script it finds its own folder alone

import reference
from reference import mp

from autodiff.files import write_atomically
from autodiff.operation import OPERATIONS, Op
from deep import bars, sampling

T = TypeVar("T")

RECORD = Path(__file__).parents[1] / "golden" / "accuracy.json"

TIES = (
    "minimum",
    "maximum",
    "relu",
    "abs",
    "sign",
    "step",
    "share",
    "above",
    "exceeds",
    "reaches",
    "leak",
    "leaky_relu",
    "elu",
    "elu_slope",
)
"""Operations whose partials at a kink the reference knows, too."""


@dataclass
class Slot:
    """The worst that was seen of a value, or of a partial.

    Parameters
    ----------
    allowance : Allowance
        The bar.
    worst : float
        The largest error in ulp, divided by what widens the bar there.
    at : list
        Where.
    spoiled : int
        At how many points an intermediate result overflowed, and the answer is worse for it.
    """

    allowance: bars.Allowance
    worst: float = 0.0
    at: list[Any] = field(default_factory=list)
    spoiled: int = 0

    def see(self, computed: float, true: Any, given: tuple[Any, ...], *k: int) -> None:
        """Judge a result at operands; k is the number of the operand for an operation on sequences."""
        if most_in_ulp(computed, true) <= self.worst:  # nearly always: it saves half of the time
            return
        error = error_in_ulp(computed, true)
        if error <= self.worst:
            return
        allowed = self.allowance.at(true, *k, *map(reference.exact, given))
        self.spoiled += math.isinf(allowed)
        error = 0.0 if math.isinf(allowed) else error * self.allowance.bar / allowed
        if error > self.worst:
            self.worst, self.at = error, list(given)


def error_in_ulp(computed: float, true: Any) -> float:
    """How many units in the last place a float is away from the truth; infinities count as 2**1024."""
    if computed != computed or isinstance(true, mp.mpc):  # a complex number: no real one is the answer
        return 0.0 if computed != computed and isinstance(true, mp.mpc) else math.inf
    bounded = max(-bars.TOP, min(true, bars.TOP))
    if math.isinf(computed):
        computed = bars.TOP if computed > 0.0 else -bars.TOP
    return float(abs(computed - bounded) / bars.ulp(bounded))


def most_in_ulp(computed: float, true: Any) -> float:
    """A bound for `error_in_ulp`, by floats: the distance from the truth as rounded, which is half an ulp away."""
    if isinstance(true, mp.mpc):
        return math.inf
    rounded = float(true)
    if computed == rounded:
        return 0.5
    if not math.isfinite(rounded) or computed != computed:
        return math.inf
    return 0.5 + abs(computed - rounded) / math.ulp(math.nextafter(rounded, 0.0))


def flat(operands: Iterable[Any]) -> list[float]:
    """The numbers in operands that are numbers or lists of numbers."""
    return [x for group in operands for x in (group if isinstance(group, list) else [group])]


def judged(op: Op, seed: str, count: int) -> Iterator[tuple[tuple[Any, ...], Any, list[Any]]]:
    """That many points off the singular set, with the true value and partials."""
    random = Random(f"{op.name} {seed}")
    while count:
        at = sampling.operands(op, random)
        if op.singular and op.name not in TIES and op.singular(*at) == 0.0:
            continue
        yield at, reference.value(op.name, *at), reference.partials(op.name, *at)
        count -= 1


def measure(name: str, count: int, seed: str = "") -> dict[str, Any]:
    """Measure an operation at random points.

    Parameters
    ----------
    name : str
        The operation.
    count : int
        How many points.
    seed : str
        Which points: the same seed gives the same.

    Returns
    -------
    dict
        "points"; "value" and "partials", the worst errors in ulp (divided by what an exception of `bars` allows there);
        "at", where these were, "bar", and "spoiled", at how many points an intermediate result overflowed and spoiled
        the answer: each for the value first. An operation on sequences has one slot for all partials.
    """
    op = OPERATIONS[name]
    keys: list[str | int] = ["value", *range(op.arity or 1)]
    slots = [Slot(bars.EXCEPTIONS.get((name, k), bars.ORDINARY)) for k in keys]
    for at, true, slopes in judged(op, seed, count):
        y, numbers = op.value(*at), flat(at)
        slots[0].see(y, true, at)
        found = op.partials(y, numbers, [True] * len(numbers))
        for k, (p, t) in enumerate(zip(found, slopes, strict=True)):
            slot, number = (slots[1 + k], ()) if op.arity else (slots[1], (k,))
            slot.see(0.0 if p is None else p, t, at, *number)
    return {
        "points": count,
        "value": _digits(slots[0].worst),
        "partials": [_digits(s.worst) for s in slots[1:]],
        "at": [s.at for s in slots],
        "bar": [s.allowance.bar for s in slots],
        "spoiled": [s.spoiled for s in slots],
    }


def _digits(x: float) -> float:
    return math.ceil(x * 1000.0) / 1000.0 if math.isfinite(x) else x


def recorded() -> dict[str, Any]:
    """What was measured: a row as of `measure` for each operation."""
    return dict(json.loads(RECORD.read_text(encoding="utf-8"))) if RECORD.exists() else {}


def write(rows: dict[str, Any]) -> None:
    """Write the record, one operation a line, in the order of the table of operations."""
    lines = [f"{json.dumps(name)}: {json.dumps(rows[name])}" for name in OPERATIONS if name in rows]
    write_atomically(RECORD, "{\n" + ",\n".join(lines) + "\n}\n")


def main() -> None:
    """Measure what has not been measured at as many points, and write the record after each operation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("operations", nargs="*", help="their names; all if none is given")
    parser.add_argument("--points", type=int, default=100_000, help="points an operation (default: 100000)")
    parser.add_argument("--again", action="store_true", help="measure also what has been measured")
    parser.add_argument("--dry", action="store_true", help="print, and leave the record as it is")
    chosen = parser.parse_args()
    done = {} if chosen.again else recorded()
    names = [n for n in chosen.operations or OPERATIONS if done.get(n, {}).get("points", 0) < chosen.points]
    for name in progress(names):
        row = measure(name, chosen.points)
        worst = [row["value"], *row["partials"]]
        over = ["", "  OVER THE BAR"][any(w > b for w, b in zip(worst, row["bar"]))]
        print(f"{name:12} {worst} ulp{over}, spoiled at {row['spoiled']}", *(row["at"] if over else ()), flush=True)
        if not chosen.dry:
            write(recorded() | {name: row})


def progress(items: Sequence[T], unit: str = "operation") -> Iterable[T]:
    """The items, with a progress bar if tqdm is installed and somebody looks."""
    try:
        from tqdm import tqdm
    except ImportError:
        return items
    bar: Iterable[T] = tqdm(items, unit=unit, disable=None)
    return bar


if __name__ == "__main__":
    main()
