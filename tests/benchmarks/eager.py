"""Eager speed against micrograd, and an engine like microgpt's, interleaved, with the garbage collector on and off.

Run it as ``python tests/benchmarks/eager.py`` after ``pip install -e ".[bench]"``. Times are medians over rounds in
which the rivals take turns; only their ratios mean something on another machine.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import random
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import against
import microgpt
import workloads
from letters import Eager
from problems import Letters
from scalars import trained

import autodiff
import nn

try:
    import micrograd.engine
    import micrograd.nn
except ImportError:
    micrograd = None  # as one may race another checkout without it

Task = Callable[[], Any]


def seconds(task: Task, repeat: int) -> float:
    """Mean time of one call."""
    gc.collect()
    start = time.perf_counter()
    for _ in range(repeat):
        task()
    return (time.perf_counter() - start) / repeat


def medians(tasks: dict[str, tuple[Task, int]], rounds: int, collector: bool) -> dict[str, float]:
    """Median time of each task over rounds in which all take turns."""
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, (task, repeat) in tasks.items():
            (gc.enable if collector else gc.disable)()
            times[name].append(seconds(task, repeat))
            gc.enable()
    return {name: statistics.median(t) for name, t in times.items()}


def expression_and_network(rounds: int) -> None:
    """W1 and W3 against micrograd."""

    def network(kind: Any) -> Any:
        random.seed(1337)
        return kind(2, [16, 16, 1])

    theirs, ours, same = network(micrograd.nn.MLP), network(nn.MLP), network(nn.MLP)
    first = {
        "micrograd": workloads.descend(theirs, lambda: workloads.moons_loss(theirs, micrograd.engine.Value)),
        "the same program": workloads.descend(same, lambda: workloads.moons_loss(same, autodiff.Value)),
        "autodiff": workloads.descend(ours, lambda: workloads.moons_loss_with_sums(ours)),
    }
    if max(first.values()) - min(first.values()) > 1e-12:
        sys.exit(f"the programs do not compute the same: {first}")

    def expression(value: Any) -> Task:
        return lambda: workloads.readme_expression(value).backward()

    w1 = {
        "micrograd": (expression(micrograd.engine.Value), 300),
        "autodiff": (expression(autodiff.Value), 1000),
    }
    w3 = {
        "micrograd": (
            lambda: workloads.descend(theirs, lambda: workloads.moons_loss(theirs, micrograd.engine.Value)),
            1,
        ),
        "the same program": (lambda: workloads.descend(same, lambda: workloads.moons_loss(same, autodiff.Value)), 2),
        "autodiff": (lambda: workloads.descend(ours, lambda: workloads.moons_loss_with_sums(ours)), 4),
    }
    print(f"{'workload':<24}{'collector':<11}{'engine':<18}{'median':>12}{'first / this':>18}")
    compare("W1 expression", w1, rounds, "us", 1e6)
    compare("W3 moons, n = 100", w3, rounds, "ms", 1e3)


def compare(workload: str, tasks: dict[str, tuple[Task, int]], rounds: int, unit: str, scale: float) -> None:
    """Print the lines of one workload; ratios are to the first engine."""
    for collector in (True, False):
        result = medians(tasks, rounds, collector)
        first = next(iter(result.values()))
        for engine, t in result.items():
            state = "on" if collector else "off"
            print(f"{workload:<24}{state:<11}{engine:<18}{t * scale:>9.1f} {unit}{first / t:>18.2f}")


def transformer(rounds: int) -> None:
    """W4 against an engine like microgpt's: one document a step, with Adam."""
    problem = Letters()
    theirs = trained(problem, microgpt.Value, microgpt.OPERATIONS)
    ours, documents = Eager(problem.sizes), problem.documents()
    for _ in range(2):
        first, second = theirs.step(), ours.step(next(documents))
        if abs(first - second) > 1e-12:
            sys.exit(f"the programs do not compute the same: {first}, {second}")
    tasks = {"like microgpt": (theirs.step, 1), "autodiff": (lambda: ours.step(next(documents)), 2)}
    compare("W4 transformer", tasks, rounds, "ms", 1e3)


def deep_chain() -> None:
    """W2: nanoseconds and bytes a node, for growing chains."""
    print(f"\n{'W2 chain of':<14}{'build':>10}{'backward':>10}{'again':>10}{'free':>10}  ns a node{'bytes a node':>16}")
    for nodes in (10_000, 100_000, 1_000_000):
        rows = []
        for _ in range(3):
            gc.collect()
            marks = [time.perf_counter()]
            x = workloads.chain(autodiff.Value, nodes)
            for task in (x.backward, x.backward):
                marks.append(time.perf_counter())
                task()
            marks.append(time.perf_counter())
            del x, task
            marks.append(time.perf_counter())
            rows.append([(b - a) / nodes * 1e9 for a, b in itertools.pairwise(marks)])
        tracemalloc.start()
        x = workloads.chain(autodiff.Value, nodes)
        built = tracemalloc.get_traced_memory()[0] / nodes
        x.backward()
        swept = tracemalloc.get_traced_memory()[0] / nodes
        tracemalloc.stop()
        del x
        times = "".join(f"{statistics.median(column):>10.0f}" for column in zip(*rows))
        print(f"{nodes:<14,}{times}{built:>19.0f} built, {swept:.0f} with gradients")


def main() -> None:
    """Run all workloads and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="how often the rivals take turns (default: 9)")
    parser.add_argument("--against", type=Path, metavar="PATH", help="instead, race an older checkout of this package")
    arguments = parser.parse_args()
    if arguments.against:
        against.compare(arguments.against, ["eager"])
        return
    if micrograd is None:
        sys.exit('micrograd is not installed; pip install -e ".[bench]"')
    sys.setrecursionlimit(100_000)  # micrograd's backward recurses
    expression_and_network(arguments.rounds)
    transformer(arguments.rounds)
    deep_chain()


if __name__ == "__main__":
    main()
