"""Epochs of `nn.fit` by replay and eagerly, on iris and on moons.

Run it as ``python tests/benchmarks/fit.py``. The two take turns; the times are medians of the epochs that the history
records, without the first two of each run, in which programs may still be compiled.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from pathlib import Path

import against
from engines import one_core

import nn
from nn.data.dataset import Dataset


def trained(data: Dataset, eager: bool, epochs: int) -> nn.History:
    """One run of `fit`, with the sizes of ``python -m nn``."""
    width, classes = len(data.features[0]), len(data.class_names)
    model = nn.MLP(width, [16, 8, 1 if classes == 2 else classes], activation="tanh", seed=0)
    optimizer = nn.optim.Adam(model.parameters(), lr=0.01)
    return nn.fit(model, data, 0.2, optimizer=optimizer, epochs=epochs, batch_size=16, eager=eager, progress=False)


def median(history: nn.History) -> float:
    """Seconds an epoch."""
    return statistics.median(epoch.seconds for epoch in history.epochs[3:])


def main() -> None:
    """Run both data sets, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="how often the two take turns (default: 3)")
    parser.add_argument("--against", type=Path, metavar="PATH", help="instead, race an older checkout of this package")
    arguments = parser.parse_args()
    if arguments.against:
        against.compare(arguments.against, ["fit"])
        return
    one_core()
    print(f"{'data':<8}{'backend':<10}{'a replayed epoch':>18}{'an eager epoch':>16}{'eager / replay':>16}")
    for name, data in (("iris", nn.data.iris()), ("moons", nn.data.moons(150))):
        times: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(arguments.rounds):
            runs = {eager: trained(data, eager, 8 if eager else 60) for eager in times}
            for eager, history in runs.items():
                times[eager].append(median(history))
            pairs = zip(runs[False].column("training_loss"), runs[True].column("training_loss"))
            if not all(math.isclose(a, b, rel_tol=1e-9) for a, b in pairs):
                sys.exit(f"{name}: the losses of the two differ")
        fast, slow = (statistics.median(times[eager]) for eager in (False, True))
        backend = runs[False].backend
        print(f"{name:<8}{backend:<10}{fast * 1e3:>15.2f} ms{slow * 1e3:>13.1f} ms{slow / fast:>16.0f}")


if __name__ == "__main__":
    main()
