"""Four trips through the house: which files of the project one enters on the way, by a profile of one run.

Run it as ``python tests/trips.py``; ``--checkout PATH`` takes the trips in another checkout. A file is entered if one
of its functions is called, in whatever thread. What runs while a module is imported does not count.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("autodiff", "nn")

Trip = Callable[[], Any]


def to_gradient() -> Trip:
    """A number to its gradient: ``x`` from ``Value(x)`` to ``.grad``."""
    from autodiff import Value

    def trip() -> float:
        x = Value(3.0)
        y = x**2 + 2 * x
        y.backward()
        return x.grad

    return trip


def to_machine_code() -> Trip:
    """A function to machine code: `autodiff.compile`, and the first call."""
    import autodiff

    def trip() -> float:
        return float(autodiff.compile(lambda x: x + autodiff.sin(x), backend="llvm")(0.5))

    return trip


def to_model_file() -> Trip:
    """A row of CSV to the model file: ``python -m nn --data FILE.csv``."""
    from nn.__main__ import main

    def trip() -> None:
        with tempfile.TemporaryDirectory() as folder, silent():
            data, out = Path(folder, "rows.csv"), Path(folder, "out")
            rows = (f"{k % 7},{k % 5},{0.25 * k}" for k in range(40))
            data.write_text("\n".join(["a,b,c", *rows]), encoding="utf-8")
            status = main(["--data", str(data), "--epochs", "3", "--out", str(out)])
            if status or not (out / "model.json").exists():
                sys.exit(f"the trip failed with status {status}")

    return trip


def to_drawing() -> Trip:
    """A label into a drawing: ``draw_forward(y).source``, of a graph that is there."""
    from autodiff import Value, draw_forward

    x = Value(0.5, label="x")
    y = x * x.tanh() + 1.0

    def trip() -> None:
        if "x" not in draw_forward(y).source:
            sys.exit("the label is not in the drawing")

    return trip


TRIPS = [to_gradient, to_machine_code, to_model_file, to_drawing]


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Print nothing inside a ``with``."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


@contextlib.contextmanager
def profile(root: Path) -> Iterator[set[str]]:
    """Inside a ``with``, note the files of the packages in which a function is called, but not by an import."""
    entered: set[str] = set()
    houses = tuple(f"{root / name}/" for name in PACKAGES)
    importing = threading.local()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event not in ("call", "return"):
            return
        depth = getattr(importing, "depth", 0)
        code = frame.f_code
        if code.co_name == "<module>":
            importing.depth = depth + (1 if event == "call" else -1)
        elif event == "call" and not depth and code.co_filename.startswith(houses):
            entered.add(code.co_filename[len(f"{root}/") :])

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield entered
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def take(number: int, root: Path) -> list[str]:
    """Take a trip in this process."""
    sys.path.insert(0, str(root))
    trip = TRIPS[number]()
    with profile(root) as entered:
        trip()
    return sorted(entered)


def files(number: int, root: Path = ROOT) -> list[str]:
    """The files that a trip enters, taken in a process of its own."""
    command = [sys.executable, __file__, "--checkout", str(root), "--trip", str(number)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return list(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Take all trips, and print what they enter."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkout", type=Path, default=ROOT, help="another checkout of the project")
    parser.add_argument("--trip", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    root = arguments.checkout.resolve()
    if arguments.trip is not None:
        print(json.dumps(take(arguments.trip, root)))
        return
    for number, trip in enumerate(TRIPS):
        entered = files(number, root)
        print(f"{(trip.__doc__ or '').rstrip('.')}: {len(entered)} files")
        for path in entered:
            print(f"    {path}")


if __name__ == "__main__":
    main()
