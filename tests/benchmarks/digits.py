"""Handwritten digits: a network of 64-32-10 learns scikit-learn's 1797 samples by replay, on one core.

Run it as ``python tests/benchmarks/digits.py`` after ``pip install -e ".[bench]"``.
"""

from __future__ import annotations

import argparse
import sys
import time

import engines

import nn

try:
    from sklearn.datasets import load_digits
except ImportError:
    sys.exit('scikit-learn is not installed; pip install -e ".[bench]"')


def main() -> None:
    """Train, and print how long it took and how good the network is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20, help="times through the training part (default: 20)")
    parser.add_argument("--eager", action="store_true", help="build the graph of every step anew")
    arguments = parser.parse_args()
    engines.one_core()
    pixels, digits = load_digits(return_X_y=True)
    model = nn.MLP(64, [32, 10], seed=0)
    start, used = time.perf_counter(), time.process_time()
    history = nn.fit(
        model,
        ((pixels / 16.0).tolist(), digits.tolist()),
        0.2,
        optimizer=nn.optim.Adam(model.parameters(), lr=0.01),
        epochs=arguments.epochs,
        eager=arguments.eager,
        progress=False,
    )
    seconds, used = time.perf_counter() - start, time.process_time() - used
    best = history.best.validation_score  # that of the weights which the network is left with
    print(f"{len(digits)} samples, {len(model.parameters())} parameters, {arguments.epochs} epochs")
    print(f"backend {history.backend}: {seconds:.2f} s ({used:.2f} s on the processor)")
    print(f"validation accuracy {best:.1%}, 95 % {'reached' if best >= 0.95 else 'not reached'}")
    sys.exit(best < 0.95)


if __name__ == "__main__":
    main()
