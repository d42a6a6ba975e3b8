"""Two checkouts of this package, side by side: the same cases, in turns, each in a process of its own.

Run it as ``python tests/benchmarks/against.py PATH``, where PATH is the other checkout, the old one; ``eager.py``,
``rivals.py`` and ``fit.py`` run their part of it with ``--against PATH``. The cases use what users import and nothing
else, so that they run on both. The garbage collector is on.

Of two versions of one program we want to see a few per cent, which is less than what a busy machine adds. So a turn
is many short runs, and the time of a case is what its fastest tenth takes at most: medians of the same program differ
by some per cent here, these by half of one. And the processes are started anew several times, for where one lies in
memory decides a few per cent too; between these series the ratios spread.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from engines import one_core

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]
RUNS = 20
"""Of a turn, if the case is not too long for it."""

BYTECODE = tempfile.TemporaryDirectory()
"""Where processes that import a checkout keep it."""


class Case(NamedTuple):
    """What is compared.

    Attributes
    ----------
    part : str
        Whose it is: "eager", "replay" or "fit".
    name : str
        As the table says it.
    setup, statement : str
        What is done once in each process, and what is timed.
    measure : {"time", "told", "fresh"}
        Whether the statement is timed; or is an expression that gives the number; or is timed in a new process each.
    unit : str
        What the number counts; a second, if it is a time.
    """

    part: str
    name: str
    setup: str
    statement: str
    measure: str = "time"
    unit: str = "s"


EXPRESSION = "import autodiff, workloads\nfrom autodiff import Value"
CHAIN = f"{EXPRESSION}\nx = workloads.chain(Value, 10_000)"
MOONS = f"{EXPRESSION}\nimport random, nn\nrandom.seed(1337)\nmodel = nn.MLP(2, [16, 16, 1])"
F = f"{EXPRESSION}\nf = lambda p: workloads.expression(*p)"
ROSENBROCK = """import autodiff
f = autodiff.compile(lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2)
f(0.5, 1.0), f.value_and_grad(0.5, 1.0)"""
BATCH = """import numpy, autodiff, nn, workloads
from autodiff import dot, relu, tanh
model = nn.MLP(2, [16, 16, 1], seed=1337)
numbers = numpy.array([p.data for p in model.parameters()])
def loss(p, point, side):
    hidden, rest = point, iter(p)
    for width in (16, 16, 1):
        rows = [[next(rest) for _ in range(len(hidden) + 1)] for _ in range(width)]
        hidden = [dot(row[:-1], hidden) + row[-1] for row in rows]
        if width > 1:
            hidden = [relu(x) for x in hidden]
    return relu(1.0 - side * hidden[0])
f = autodiff.compile(loss, in_axes=(None, 0, 0))
points = numpy.array(workloads.POINTS * {times})
sides = numpy.array(workloads.SIDES * {times})
f.value_and_grad(numbers, points, sides)"""
STEP = """import nn
data = nn.data.moons(100, seed=1)
rows, sides = [list(map(float, row)) for row in data.features], [2.0 * y - 1.0 for y in data.targets]
model = nn.MLP(2, [16, 16, 1], seed=1337)
step = nn.compile(model, nn.losses.hinge)
step(rows, sides)"""
FIT = """import nn
data = {data}
def fit(epochs, eager=False):
    classes = len(data.class_names)
    width = len(data.features[0])
    model = nn.MLP(width, [16, 8, 1 if classes == 2 else classes], activation="tanh", seed=0)
    options = dict(optimizer=nn.optim.Adam(model.parameters(), lr=0.01), batch_size=16, progress=False)
    return nn.fit(model, data, 0.2, epochs=epochs, eager=eager, **options)
def epoch(epochs, eager=False):
    return min(epoch.seconds for epoch in fit(epochs, eager).epochs[3:])"""
BYTES = f"""{EXPRESSION}
import tracemalloc
def node(swept):
    tracemalloc.start()
    x = workloads.chain(Value, 10_000)
    if swept:
        x.backward()
    found = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return found / 10_000
node(True)"""

CASES = [
    Case("eager", "W1 expression, build", EXPRESSION, "workloads.readme_expression(Value)"),
    Case("eager", "W1 expression, sweep", f"{EXPRESSION}\ny = workloads.readme_expression(Value)", "y.backward()"),
    Case("eager", "W2 chain, build and free", EXPRESSION, "workloads.chain(Value, 10_000)"),
    Case("eager", "W2 chain, sweep", CHAIN, "x.backward()"),
    Case("eager", "W2 chain, refresh", CHAIN, "x.refresh()"),
    Case("eager", "W3 moons, build", MOONS, "workloads.moons_loss_with_sums(model)"),
    Case("eager", "W3 moons, sweep", f"{MOONS}\ny = workloads.moons_loss_with_sums(model)", "y.backward()"),
    Case("eager", "W3 as micrograd has it", MOONS, "workloads.moons_loss(model, Value).backward()"),
    Case("eager", "grad(f)", f"{F}\ng = autodiff.grad(f)", "g([-4.0, 2.0])"),
    Case("eager", "hvp of f", F, "autodiff.hvp(f, ([-4.0, 2.0],), ([1.0, 0.0],))"),
    Case("eager", "grad_graph", f"{EXPRESSION}\nx = Value(0.5)\ny = x.tanh() * x.exp()", "autodiff.grad_graph(y, x)"),
    Case("eager", "tanh of a float", EXPRESSION, "autodiff.tanh(0.5)"),
    Case("eager", "import autodiff", "", "import autodiff", "fresh"),
    Case("eager", "import nn", "import autodiff", "import nn", "fresh"),
    Case("eager", "a node", BYTES, "node(False)", "told", "bytes"),
    Case("eager", "a node with gradient", BYTES, "node(True)", "told", "bytes"),
    Case("replay", "scalar call", ROSENBROCK, "f(0.5, 1.0)"),
    Case("replay", "scalar value_and_grad", ROSENBROCK, "f.value_and_grad(0.5, 1.0)"),
    Case("replay", "batch of 100, value_and_grad", BATCH.format(times=1), "f.value_and_grad(numbers, points, sides)"),
    Case(
        "replay", "batch of 1,000, value_and_grad", BATCH.format(times=10), "f.value_and_grad(numbers, points, sides)"
    ),
    Case("replay", "nn.compile, 100 rows of lists", STEP, "step(rows, sides)"),
    Case("replay", "from function to program", F, "autodiff.compile(f).value_and_grad([-4.0, 2.0])"),
    Case("fit", "iris, an epoch by replay", FIT.format(data="nn.data.iris()"), "epoch(120)", "told"),
    Case("fit", "moons, an epoch by replay", FIT.format(data="nn.data.moons(150)"), "epoch(120)", "told"),
    Case("fit", "moons, an epoch eagerly", FIT.format(data="nn.data.moons(150)"), "epoch(6, eager=True)", "told"),
    Case("fit", "moons, three epochs and all", FIT.format(data="nn.data.moons(150)"), "fit(3)"),
]


# -- In the process of a checkout --------------------------------------------------------------------------------------


def work(checkout: str) -> None:
    """Measure what is asked for, a line each: the number of a case, how many runs, and how often each repeats it."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # nothing that is printed shall mix with the answers
    one_core()
    sys.path.insert(0, checkout)
    prepared: dict[int, Callable[[int, int], list[float]]] = {}
    for line in sys.stdin:
        number, runs, count = json.loads(line)
        try:
            if number not in prepared:
                prepared[number] = measure(CASES[number], checkout)
            answer: Any = prepared[number](runs, count)
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        print(json.dumps(answer), file=answers)


def measure(case: Case, checkout: str) -> Callable[[int, int], list[float]]:
    """How a case is measured: a function of the number of runs, and of repeats in a run."""
    if case.measure == "fresh":
        text = f"import time\n{case.setup}\nbegin = time.process_time()\n{case.statement}\n"
        command = [sys.executable, "-c", f"{text}print(time.process_time() - begin)"]
        environment = os.environ | {"PYTHONPYCACHEPREFIX": BYTECODE.name}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)

        def fresh() -> float:
            done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, check=True)
            return float(done.stdout)

        return lambda runs, count: [fresh() for _ in range(runs)]
    names: dict[str, Any] = {"gc": gc}
    exec(case.setup, names)
    module = names.get("autodiff") or names["nn"]
    if not Path(module.__file__).is_relative_to(checkout):
        raise ImportError(f"imported {module.__file__}, which is not in {checkout}")
    if case.measure == "told":
        code = compile(case.statement, case.name, "eval")
        return lambda runs, count: [eval(code, names) for _ in range(runs)]
    timer = timeit.Timer(case.statement, "gc.enable()", time.process_time, names)

    def timed(runs: int, count: int) -> list[float]:
        gc.collect()
        return [seconds / count for seconds in timer.repeat(runs, count)]

    return timed


# -- In the process that asks ------------------------------------------------------------------------------------------


class Worker:
    """The process of a checkout."""

    def __init__(self, checkout: Path) -> None:
        command = [sys.executable, str(HERE), str(checkout), "--work"]
        environment = os.environ | {"PYTHONHASHSEED": "0"}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1, env=environment)

    def ask(self, number: int, runs: int = 1, count: int = 1) -> list[float]:
        """Measure a case."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps([number, runs, count]), file=self.process.stdin)
        answer = json.loads(self.process.stdout.readline() or '"the process ended"')
        if isinstance(answer, str):
            raise RuntimeError(answer)
        return list(answer)


@contextmanager
def workers(checkouts: Sequence[Path]) -> Iterator[list[Worker]]:
    """A process for each checkout, which ends with the block."""
    started = [Worker(checkout) for checkout in checkouts]
    try:
        yield started
    finally:
        for worker in started:
            assert worker.process.stdin is not None
            worker.process.stdin.close()
            worker.process.wait()


def size(number: int, worker: Worker, share: float) -> tuple[int, int]:
    """How many runs a turn of a case has, and how often each repeats it, to take about `share` seconds."""
    if CASES[number].measure != "time":
        return (3 if CASES[number].measure == "fresh" else 1), 1
    count = 1
    while (once := min(worker.ask(number, 3, count))) * count < share / RUNS / 4:
        count *= 4
    count = max(1, round(share / RUNS / once))
    return max(2, min(RUNS, round(share / once / count))), count


Times = list[tuple[list[float], list[float]]]
"""Of a case: for each series the runs of the old checkout, and of the new."""


def race(numbers: Sequence[int], old: Path, series: int, rounds: int, share: float) -> dict[int, Times]:
    """Measure cases; those that a checkout cannot do are left out."""
    times: dict[int, Times] = {number: [] for number in numbers}
    sizes: dict[int, tuple[int, int]] = {}
    for _ in range(series):
        with workers([old, ROOT]) as both:
            for number in list(times):
                try:
                    for worker in both:
                        worker.ask(number)  # in which it is prepared
                    if number not in sizes:
                        sizes[number] = size(number, both[0], share)
                    times[number].append(([], []))
                except RuntimeError as problem:
                    print(f"left out: {CASES[number].name}, because of: {problem}")
                    del times[number]
            for turn in range(rounds):
                for number, found in times.items():
                    for k in (0, 1) if turn % 2 else (1, 0):
                        found[-1][k].extend(both[k].ask(number, *sizes[number]))
    return times


def fast(runs: Sequence[float]) -> float:
    """What the fastest tenth of them takes at most."""
    return sorted(runs)[len(runs) // 10]


def shown(seconds: float) -> str:
    """A time with a unit that suits it."""
    for unit, scale in (("us", 1e6), ("ms", 1e3)):
        if seconds * scale < 1000.0:
            return f"{seconds * scale:.3g} {unit}" if seconds * scale < 100.0 else f"{seconds * scale:.0f} {unit}"
    return f"{seconds:.2f} s"


def table(times: dict[int, Times]) -> Iterator[str]:
    """The ratio of each case, and between which ratios half of the series are."""
    yield f"{'case':<34}{'old':>12}{'new':>12}{'new / old':>12}   half of the series"
    for number, found in times.items():
        case = CASES[number]
        old, new = (fast([x for pair in found for x in pair[k]]) for k in (0, 1))
        ratios = sorted(fast(b) / fast(a) for a, b in found)
        told = "".join(f"{shown(x) if case.unit == 's' else f'{x:.1f} {case.unit}':>12}" for x in (old, new))
        aside = len(ratios) // 4
        yield f"{case.name:<34}{told}{new / old:>12.3f}   {ratios[aside]:.3f} to {ratios[-1 - aside]:.3f}"


def compare(
    old: Path, parts: Sequence[str] = (), series: int = 12, rounds: int = 4, share: float = 0.03, name: str = ""
) -> None:
    """Race this checkout against another one, and print the table.

    Parameters
    ----------
    old : Path
        The other checkout.
    parts : sequence of str
        Of which parts to take the cases; all by default.
    series, rounds : int
        How often the processes are started, and how many turns they take each time.
    share : float
        Seconds a turn.
    name : str
        Take only the cases that have this in their name.
    """
    old = old.resolve()
    if not (old / "autodiff" / "__init__.py").exists():
        sys.exit(f"{old} is no checkout: there is no autodiff/__init__.py")
    numbers = [k for k, case in enumerate(CASES) if (not parts or case.part in parts) and name in case.name]
    print("\n".join(table(race(numbers, old, series, rounds, share))))


def main() -> None:
    """Run the cases that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, help="the old one")
    parser.add_argument("--parts", nargs="+", choices=["eager", "replay", "fit"], default=[], help="all by default")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases that have this in their name")
    parser.add_argument("--series", type=int, default=12, help="how often processes are started (default: 12)")
    parser.add_argument("--rounds", type=int, default=4, help="turns in each series (default: 4)")
    parser.add_argument("--share", type=float, default=0.03, help="seconds a turn (default: 0.03)")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(str(arguments.checkout))
    else:
        checkout, parts = arguments.checkout, arguments.parts
        compare(checkout, parts, arguments.series, arguments.rounds, arguments.share, arguments.only)


if __name__ == "__main__":
    main()
