"""C++ by hand, called through ctypes: about what a machine can do."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

import numpy
from problems import POINT, Letters, Moons, Racer, library

_TEXT = (Path(__file__).parent / "hand.cpp").read_text(encoding="utf-8")


@functools.cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(str(library(_TEXT, ".cpp", "-O3", "-ffast-math")))


def _expression() -> Racer:
    run = _library().expression
    run.argtypes = [ctypes.c_double, ctypes.c_double, ctypes.c_void_p]
    out = numpy.zeros(3)
    address = out.ctypes.data

    def step() -> numpy.ndarray:
        run(*POINT, address)
        return out

    return Racer(step, numpy.ndarray.tolist)


def _moons(problem: Moons) -> Racer:
    run = _library().moons
    run.argtypes = [ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_double, ctypes.c_double]
    run.restype = ctypes.c_double
    n = -(-problem.n // 8) * 8
    samples = numpy.zeros((4, n))
    samples[:2, : problem.n] = numpy.array(problem.points).T
    samples[2, : problem.n] = problem.sides
    samples[3, : problem.n] = 1.0 / problem.n
    x = numpy.array(problem.start)
    a, b, rate, penalty = samples.ctypes.data, x.ctypes.data, problem.rate, problem.penalty
    # The arrays belong to the step: C is given no more than their addresses.
    return Racer(lambda keep=samples: run(n, a, b, rate, penalty), parameters=x.tolist)


def _letters(problem: Letters) -> Racer:
    run = _library().letters
    run.argtypes = [ctypes.c_int, *[ctypes.c_void_p] * 3, ctypes.c_int, *[ctypes.c_double] * 4]
    run.restype = ctypes.c_double
    x = numpy.array(problem.start)
    state = numpy.zeros((2, len(x)))
    documents, steps = problem.documents(), 0

    def step() -> float:
        nonlocal steps
        steps += 1
        document = numpy.array(next(documents), dtype=numpy.int32)
        addresses = document.ctypes.data, x.ctypes.data, state.ctypes.data
        result: float = run(
            len(document) - 1, *addresses, steps, problem.rate, problem.beta1, problem.beta2, problem.eps
        )
        return result

    return Racer(step, parameters=x.tolist)


EXPRESSION = {"C by hand": _expression}
MOONS = {"C by hand": _moons}
LETTERS = {"C by hand": _letters}
