"""Judge reverse sweeps on random graphs: against the exact sweep, and end to end against 50-digit arithmetic.

``python tests/deep/sweeps.py --graphs 100000`` takes some minutes. It may be stopped and started again: it goes on
after the last thousand of seeds that it finished.

The sweep alone. Let p be the float partials at the float numbers of the nodes, g the adjoints that the engine computes
from them, g* those of exact arithmetic, and S the same sweep over |p|. A product and a sum are each rounded once, by a
relative error of u = 2**-53 at most, so

    |g - g*| <= n u / (1 - n u) S,

where n counts the roundings on the longest path from the output: 0 there, and for any other node the most over its
uses, plus 1 for the product, plus the number of uses less 1 for the sum. So 32 u S is safe as long as n <= 32; beyond,
the bound grows with n.

End to end. Values and partials are rounded, too, and conditions of the functions themselves come in: the error of a
gradient relative to what 50 digits give. Where terms cancel, by more than S / |g| = 1e6, no digits are promised; such
gradients are counted apart.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[k]) for k in (1, 2)]  # as a script it finds its own folder alone

import reference
from reference import mp, mpf

from autodiff import Value
from autodiff.derivatives import adjoints
from autodiff.files import write_atomically
from autodiff.graph import topological
from autodiff.reverse import contributions
from deep import graphs
from deep.accuracy import progress

RECORD = Path(__file__).parents[1] / "golden" / "sweeps.json"

UNIT = 2.0**-53
CHUNK = 1000
CANCELLED = 1e6
TINY = 1e-250  # below, products underflow, which the bound leaves out
QUANTILES = (0.5, 0.9, 0.99, 0.999)


@dataclass
class Worst:
    """The largest of some numbers, and the seed of the graph where it was."""

    size: float = 0.0
    seed: int = -1

    def see(self, size: float, seed: int) -> None:
        """Take a number into account."""
        if size > self.size:
            self.size, self.seed = size, seed


@dataclass
class Spread:
    """How numbers are distributed: counts in classes whose bounds are 5 % apart; class 0 holds the zeros."""

    counts: Counter[int] = field(default_factory=Counter)
    worst: Worst = field(default_factory=Worst)

    def see(self, size: float, seed: int) -> None:
        """Take a number into account; below 2**-60 it counts as zero."""
        self.counts[max(0, math.ceil(math.log(size * 2.0**60) / math.log(1.05))) if size > 0.0 else 0] += 1
        self.worst.see(size, seed)

    def quantile(self, q: float) -> float:
        """A number that the share q of all does not exceed: the upper bound of a class."""
        left = q * self.counts.total()
        for k in sorted(self.counts):
            left -= self.counts[k]
            if left <= 0.0:
                return 2.0**-60 * 1.05**k if k else 0.0
        return 0.0


@dataclass
class Tally:
    """What was seen so far.

    Attributes
    ----------
    graphs, nodes, gradients : int
        How many graphs; nodes in them; gradients of leaves that were judged end to end.
    longest : int
        The largest number n of roundings on a path.
    plain : Worst
        The largest |g - g*| / (u S) of any node.
    scaled : Worst
        The largest |g - g*| / (n u S).
    relative : Spread
        Relative errors end to end, where terms do not cancel.
    cancelled : int
        How many gradients had terms that cancel.
    share : Spread
        Errors end to end over S, for all gradients.
    """

    graphs: int = 0
    nodes: int = 0
    gradients: int = 0
    cancelled: int = 0
    longest: int = 0
    plain: Worst = field(default_factory=Worst)
    scaled: Worst = field(default_factory=Worst)
    relative: Spread = field(default_factory=Spread)
    share: Spread = field(default_factory=Spread)
    operations: Counter[str] = field(default_factory=Counter)

    def see(self, seed: int, end_to_end: bool = True) -> None:
        """Make the graph of a seed, sweep it, and judge it."""
        output, leaves = graphs.graph(Random(seed))
        order = topological((output,))
        output.backward()
        again = adjoints(output)
        exact, sizes, roundings = exact_sweep(output, order)
        for v, true in exact.items():
            n, size = roundings[v], sizes[v]
            if n and size > TINY:
                wrong = max(abs(mpf(v.grad) - true), abs(mpf(again[v]) - true))
                error = float(wrong / size) / UNIT
                self.plain.see(error, seed)
                self.scaled.see(error / n, seed)
                self.longest = max(self.longest, n)
        self.graphs += 1
        self.nodes += len(order)
        self.operations.update(v.op.name for v in order if v.op is not None)
        if end_to_end:
            self._judge(seed, [leaf for leaf in leaves if leaf in exact], sizes, true_gradients(output, order))

    def _judge(self, seed: int, leaves: list[Value], sizes: dict[Value, float], true: dict[Value, Any]) -> None:
        for leaf in leaves:
            if sizes[leaf] > TINY:
                error = abs(mpf(leaf.grad) - true[leaf])
                self.gradients += 1
                self.share.see(float(error / sizes[leaf]), seed)
                if abs(true[leaf]) * CANCELLED < sizes[leaf]:
                    self.cancelled += 1
                else:
                    self.relative.see(float(error / abs(true[leaf])), seed)


def exact_sweep(output: Value, order: Iterable[Value]) -> tuple[dict[Value, Any], dict[Value, float], dict[Value, int]]:
    """The adjoints of exact arithmetic from the engine's float partials, with S and the number of roundings n."""
    terms: dict[Value, list[Any]] = {output: [mpf(1)]}
    sizes = {output: 1.0}
    roundings = {output: 0}
    exact: dict[Value, Any] = {}
    for v in reversed(list(order)):
        if v not in terms:
            continue
        adjoint = exact[v] = mp.fsum(terms[v])
        if len(terms[v]) > 1:
            roundings[v] += len(terms[v]) - 1
        for p, partial in contributions(v):
            terms.setdefault(p, []).append(mpf(partial) * adjoint)
            sizes[p] = sizes.get(p, 0.0) + abs(partial) * sizes[v]
            roundings[p] = max(roundings.get(p, 0), roundings[v] + 1)
    return exact, sizes, roundings


def true_gradients(output: Value, order: Iterable[Value]) -> dict[Value, Any]:
    """The derivatives of the output in 50-digit arithmetic, from the numbers of the leaves on."""
    order = list(order)
    numbers: dict[Value, Any] = {}

    def exact(x: Any) -> Any:
        return [exact(t) for t in x] if isinstance(x, tuple) else mpf(x) if isinstance(x, float) else numbers[x]

    operands: dict[Value, list[Any]] = {}
    for v in order:
        if v.op is None:
            numbers[v] = mpf(v.data)
        else:
            operands[v] = [exact(group) for group in (v._a, v._b) if group is not None]
            numbers[v] = reference.value(v.op.name, *operands[v])
    sums: dict[Value, Any] = {output: mpf(1)}
    for v in reversed(order):
        if v in sums and v.op is not None:
            for p, partial in zip(v.operands, reference.partials(v.op.name, *operands[v])):
                if isinstance(p, Value) and partial:
                    sums[p] = sums.get(p, 0) + partial * sums[v]
    return {v: sums.get(v, mpf(0)) for v in order}


# -- The record --------------------------------------------------------------------------------------------------


def recorded() -> Tally:
    """What earlier runs saw."""
    if not RECORD.exists():
        return Tally()
    row = json.loads(RECORD.read_text(encoding="utf-8"))
    return Tally(
        **{key: row[key] for key in ("graphs", "nodes", "gradients", "cancelled", "longest")},
        plain=Worst(*row["plain"]),
        scaled=Worst(*row["scaled"]),
        relative=_spread(row["relative"]),
        share=_spread(row["share"]),
        operations=Counter(row["operations"]),
    )


def _spread(row: dict[str, Any]) -> Spread:
    return Spread(Counter({int(k): n for k, n in row["counts"].items()}), Worst(*row["worst"]))


def write(tally: Tally) -> None:
    """Write the record: a [size, seed] for what was worst, counts by class for what is distributed."""
    row = asdict(tally) | {name: [w.size, w.seed] for name, w in (("plain", tally.plain), ("scaled", tally.scaled))}
    for name in ("relative", "share"):
        spread = getattr(tally, name)
        counts = {str(k): spread.counts[k] for k in sorted(spread.counts)}
        row[name] = {"worst": [spread.worst.size, spread.worst.seed], "counts": counts}
    row["operations"] = dict(sorted(tally.operations.items()))
    row["summary"] = summary(tally)  # for the page of all operations
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in row.items()]
    write_atomically(RECORD, "{\n" + ",\n".join(lines) + "\n}\n")


def summary(t: Tally) -> str:
    """What was seen, as Markdown for the documentation."""
    columns = [f"{100 * q:g} %" for q in QUANTILES]
    rows = [
        [what, *[f"{spread.quantile(q):.1e}" for q in QUANTILES], f"{spread.worst.size:.1e}"]
        for what, spread in (("relative to the gradient", t.relative), ("relative to S", t.share))
    ]
    table = [["error of a gradient", *columns, "worst"], ["---"] * (len(columns) + 2), *rows]
    lines = ["| " + " | ".join(row) + " |" for row in table]
    return f"""\
{t.graphs:,} random graphs with {t.nodes:,} nodes were swept. With u = 2**-53, S the same sweep over the sizes of the
partials, and n the roundings on the longest path ({t.longest} at most), the error that a sweep adds to an adjoint is
bounded by n u S; the worst seen is {t.scaled.size:.2f} n u S, and {t.plain.size:.1f} u S.

End to end, {t.gradients:,} gradients against 50-digit arithmetic (quantiles are upper bounds of classes 5 % wide):

{chr(10).join(lines)}

The first row leaves out {t.cancelled:,} gradients whose terms cancel (S more than a million times the gradient).
"""


def main() -> None:
    """Judge the graphs that have not been judged, and write the record after each thousand."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", type=int, default=100_000, help="how many, in all runs (default: 100000)")
    parser.add_argument("--each", type=int, default=1, help="judge one in so many end to end (default: 1, all)")
    chosen = parser.parse_args()
    tally = recorded()
    for first in progress(range(tally.graphs, chosen.graphs, CHUNK), "thousand"):
        for seed in range(first, min(first + CHUNK, chosen.graphs)):
            tally.see(seed, end_to_end=seed % chosen.each == 0)
        write(tally)
    write(tally)
    print(summary(tally))


if __name__ == "__main__":
    main()
