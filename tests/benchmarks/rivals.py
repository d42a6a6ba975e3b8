"""Replay against its rivals, side by side on one core.

Run it as ``python tests/benchmarks/rivals.py`` after ``pip install -e ".[bench,jit]"``. Each engine runs the same
steps; first it is seen that they compute the same, then they take turns. An engine that is not installed is left out.
Times are medians over rounds; only their ratios mean something on another machine.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import math
import statistics
import sys
import time
import timeit
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import against
from against import shown
from engines import one_core
from problems import Letters, Missing, Moons, Racer

ENGINES = ["replay", "micrograd", "pytorch", "jax_jit", "numpy_hand", "casadi_c", "by_hand"]
OURS = "replay"
CHECKED = 3  # steps before the race, after which parameters are compared
SLOW = {("micrograd", "MOONS", 1000), ("micrograd", "MOONS", 10_000), ("casadi_c", "LETTERS", 0)}
"""What takes seconds or minutes: a step of these, and gcc for what CasADi writes."""


@dataclass(frozen=True)
class Contest:
    """A workload: its name, its title, in which table engines keep it, and what they are given."""

    name: str
    title: str
    table: str
    given: tuple[Any, ...] = ()
    samples: int = 0


def contests(only: Sequence[str]) -> list[Contest]:
    """Some workloads, or all of them."""
    found = [
        Contest("W1", "W1 expression", "EXPRESSION"),
        *(Contest("W3", f"W3 moons, n = {n:,}", "MOONS", (Moons(n),), n) for n in (100, 1000, 10_000)),
        Contest("W4", "W4 transformer", "LETTERS", (Letters(),)),
    ]
    return [contest for contest in found if not only or contest.name in only]


def installed() -> dict[str, Any]:
    """The engines that are there; says which are not, and why."""
    found = {}
    for name in ENGINES:
        try:
            found[name] = importlib.import_module(f"engines.{name}")
        except ImportError as problem:
            print(f"left out: {name}, because of: {problem}")
    return found


def start(contest: Contest, modules: dict[str, Any], patient: bool) -> tuple[dict[str, Racer], dict[str, float]]:
    """Start a workload in all engines; how many seconds each took up to the end of its first steps."""
    racers, ready, told = {}, {}, {}
    for name, module in modules.items():
        for label, factory in getattr(module, contest.table, {}).items():
            if not patient and (name, contest.table, contest.samples) in SLOW:
                print(f"left out: {label} from {contest.title}, which takes minutes; see --patient")
                continue
            begin = time.perf_counter()
            try:
                racer: Racer = factory(*contest.given)
                first = racer.step()
            except Missing as problem:
                print(f"left out: {label}, because of: {problem}")
                continue
            ready[label] = time.perf_counter() - begin
            steps = [first, *(racer.step() for _ in range(CHECKED - 1))] if contest.given else [first]
            told[label] = [*(x for y in steps for x in racer.numbers(y)), *racer.parameters()]
            racers[label] = racer
    compare(contest.title, told)
    return racers, ready


def compare(title: str, told: dict[str, list[float]]) -> None:
    """Leave the program if two engines do not compute the same."""
    ours = told[OURS]
    for label, numbers in told.items():
        wrong = [
            (k, a, b)
            for k, (a, b) in enumerate(zip(ours, numbers))
            if not math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
        ]
        if wrong or len(numbers) != len(ours):
            sys.exit(f"{title}: {label} computes something else: number, ours, theirs: {wrong[:3]}")


def race(racers: dict[str, Racer], rounds: int, share: float, clock: Callable[[], float]) -> dict[str, float]:
    """Median seconds of a step over rounds in which all take turns, each for about `share` seconds."""
    timers = {
        label: timeit.Timer(racer.step, "gc.enable()", clock, globals={"gc": gc}) for label, racer in racers.items()
    }
    counts = {}
    for label, timer in timers.items():
        once = min(timer.timeit(1) for _ in range(2))
        counts[label] = max(1, int(share / max(once, 1e-9)))
    times: dict[str, list[float]] = {label: [] for label in racers}
    for _ in range(rounds):
        for label, timer in timers.items():
            gc.collect()
            times[label].append(timer.timeit(counts[label]) / counts[label])
    return {label: statistics.median(t) for label, t in times.items()}


def main() -> None:
    """Run the workloads that are asked for, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=["W1", "W3", "W4"], help="a workload; may be repeated")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, help="which engines, besides replay")
    parser.add_argument("--rounds", type=int, default=9, help="how often the engines take turns (default: 9)")
    parser.add_argument("--share", type=float, default=0.02, help="seconds an engine and turn (default: 0.02)")
    parser.add_argument("--patient", action="store_true", help="leave out nothing, and wait for minutes")
    parser.add_argument("--cpu", action="store_true", help="count time on the processor: for a busy machine")
    parser.add_argument("--against", type=Path, metavar="PATH", help="instead, race an older checkout of this package")
    arguments = parser.parse_args()
    if arguments.against:
        against.compare(arguments.against, ["replay"])
        return
    clock = time.process_time if arguments.cpu else time.perf_counter
    one_core()
    sys.setrecursionlimit(1_000_000)  # micrograd's backward recurses
    found = installed()
    if OURS not in found:
        sys.exit("without NumPy there is nothing to compare")
    asked = [OURS, *arguments.engines] if arguments.engines else ENGINES
    modules = {name: module for name, module in found.items() if name in asked}
    lines = [f"{'workload':<22}{'engine':<20}{'ready in':>10}{'a step':>12}{'engine / replay':>17}"]
    for contest in contests(arguments.only or []):
        racers, ready = start(contest, modules, arguments.patient)
        medians = race(racers, arguments.rounds, arguments.share, clock)
        for label, seconds in medians.items():
            ratio = f"{seconds / medians[OURS]:.2f}"
            lines.append(f"{contest.title:<22}{label:<20}{shown(ready[label]):>10}{shown(seconds):>12}{ratio:>17}")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
