"""Showing a mutant to tests, in a process of its own."""

from __future__ import annotations

import gc
import importlib
import itertools
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from cosmic_ray.work_item import WorkItem
from mutants import ROOT, Finder, Mutant, described, mutated

TIMEOUT = "timeout"
UNUSED = 70


def arguments_of(test: Callable[..., Any]) -> Iterator[dict[str, Any]]:
    """All calls of a test that is parametrized, as pytest makes them."""
    axes = []
    for mark in getattr(test, "pytestmark", []):
        if mark.name == "parametrize":
            names, values = mark.args[:2]
            keys = [n.strip() for n in names.split(",")] if isinstance(names, str) else list(names)
            rows = [getattr(v, "values", v) if len(keys) > 1 or hasattr(v, "values") else [v] for v in values]
            axes.append([dict(zip(keys, row)) for row in rows])
    for parts in itertools.product(*axes):
        yield {k: v for part in parts for k, v in part.items()}


def members(space: dict[str, Any], only: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The tests in a module or in an instance of a class: all, or those with one name."""
    for name, found in list(space.items()):
        if only in ("", name) and isinstance(found, type) and name.startswith("Test"):
            instance = found()
            yield from members({n: getattr(instance, n) for n in vars(found)}, "")
        elif only in ("", name) and name.startswith("test_") and callable(found):
            yield name, found


def failing(places: Sequence[str]) -> str:
    """Which test fails first in modules, or of those that are named after ::; "" if none does.

    Without pytest, which takes longer to start than these tests to run. Property tests are left out: Hypothesis draws
    examples from the constants in the code too, so that another constant alone may make it find something else.
    """
    for module, _, only in (place.partition("::") for place in places):
        for name, test in members(vars(importlib.import_module(module)), only):
            for arguments in arguments_of(test) if not hasattr(test, "hypothesis") else ():
                try:
                    test(**arguments)
                except pytest.skip.Exception:
                    continue
                except Exception as error:
                    return f"{module}::{name} {arguments}: {error!r:.80}"
    return ""


def forget(keep: Sequence[str]) -> None:
    """Let the modules of the project be imported anew, but those that keep what mpmath has computed."""
    folders = tuple(f"{ROOT / folder}{os.sep}" for folder in ("autodiff", "nn", "tests"))
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None) or ""
        if path.startswith(folders) and name not in keep and name != "__main__":
            del sys.modules[name]


@dataclass(frozen=True)
class Plan:
    """What every mutant goes through.

    Parameters
    ----------
    tests : sequence of str
        Modules of tests, or single tests or classes as ``module::name``.
    keep : sequence of str
        Modules that are not imported anew.
    seconds : int
        The processor time that it may take.
    """

    tests: Sequence[str]
    keep: Sequence[str]
    seconds: int


def child(item: WorkItem, plan: Plan, out: int) -> None:
    """Try one mutant in this process, and end it; write what it is, and the name of the test that noticed it."""
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))  # a mutant may ask for any amount of memory
    gc.disable()
    text = mutated(item)
    mutant, finder = described(item, text), Finder(item, text)
    os.write(out, f"{mutant}\n".encode())
    forget(plan.keep)
    sys.meta_path.insert(0, finder)
    try:
        limit = int(time.process_time()) + 1 + plan.seconds
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
        os.write(out, failing(plan.tests).encode()[:500])
    except BaseException as error:  # a SyntaxError of the mutant, for one
        os.write(out, repr(error).encode()[:500])
    os._exit(0 if finder.loader.used else UNUSED)


def started(item: WorkItem, plan: Plan) -> tuple[int, int]:
    """Start a process that tries a mutant: its number, and the pipe from which to read what it found."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        child(item, plan, write)
    os.close(write)
    return pid, read


def found(status: int, pipe: int) -> tuple[Mutant, str]:
    """The mutant of a process that has ended, and which test noticed it: "" for none, `TIMEOUT` if it took too long."""
    with os.fdopen(pipe) as stream:
        *lines, noticed = stream.read().split("\n", 3)
    code = os.waitstatus_to_exitcode(status)
    if code == UNUSED:
        raise RuntimeError(f"no test imported {lines}")
    return Mutant.read("\n".join(lines)), noticed or (
        TIMEOUT if code == -signal.SIGXCPU else f"ended with {code}" if code else ""
    )
