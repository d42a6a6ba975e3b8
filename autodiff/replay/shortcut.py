"""The short way to a program: from NumPy's arrays into its buffer, and out of it, without a look at every number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from autodiff.replay.backends import NativeRun
from autodiff.replay.forms import Grid, Number, size
from autodiff.replay.tracer import Kernel

__all__ = ["Direct", "signature"]


def signature(args: Sequence[Any]) -> tuple[Any, ...]:
    """What tells arguments apart that are floats and arrays of floats: shapes; and the type of anything else."""
    return tuple([x.shape if type(x).__module__ == "numpy" else type(x) for x in args])


class Direct:
    """Programs whose arguments are floats and NumPy arrays, by the `signature` of these.

    Called with arguments, it returns the results in their form, or None if it does not know what to do with them.
    """

    def __init__(self) -> None:
        self._programs: dict[tuple[Any, ...], Callable[..., Any]] = {}

    def __call__(self, *args: Any) -> Any:
        """Run the program for such arguments, if there is one."""
        program = self._programs.get(signature(args))
        return None if program is None else program(*args)

    def learn(self, args: Sequence[Any], forms: Sequence[Any], kernel: Kernel, form: Any) -> None:
        """Keep a program for arguments like these, if it can be done."""
        plain = all(type(f) is Number or (type(f) is Grid and f.numpy and f.shape) for f in forms)
        arrays = any(type(f) is Grid and size(f.shape) for f in forms)
        if plain and arrays and not (kernel.reads_outside or kernel.batched) and isinstance(kernel.run, NativeRun):
            self._programs[signature(args)] = _program(forms, kernel, form)


def _program(forms: Sequence[Any], kernel: Kernel, form: Any) -> Callable[..., Any]:
    import numpy

    native = cast(NativeRun, kernel.run)
    run = native.bound(kernel.shared, kernel.shared, kernel.shared_out, kernel.shared_out)
    given, results = numpy.frombuffer(kernel.shared), numpy.frombuffer(kernel.shared_out)
    places: list[tuple[Any, Any]] = []
    start = 0
    for f in forms:
        end = start + (size(f.shape) if type(f) is Grid else 1)
        places.append((given[start:end].reshape(getattr(f, "shape", 1)), numpy.ndarray if type(f) is Grid else float))
        start = end
    built, _ = _builder(form, 0)
    double = numpy.dtype(float)

    def program(*args: Any) -> Any:
        for x, (_, kind) in zip(args, places):
            if type(x) is not kind or (kind is not float and x.dtype is not double):
                return None
        with kernel.lock:
            for x, (place, _) in zip(args, places):
                place[...] = x
            run(0, 0)
            found = results.copy()
        return built(found)

    return program


def _builder(form: Any, k: int) -> tuple[Callable[[Any], Any], int]:
    """What makes a structure of the numbers of an array from k on, and where they end."""
    if isinstance(form, Number):
        return lambda found: found.item(k), k + 1
    if isinstance(form, Grid):
        end, shape = k + size(form.shape), form.shape
        return lambda found: found[k:end].reshape(shape), end
    parts = []
    for part in form.values() if isinstance(form, dict) else form:
        made, k = _builder(part, k)
        parts.append(made)
    if isinstance(form, dict):
        names = list(form)
        return lambda found: {name: part(found) for name, part in zip(names, parts)}, k
    if isinstance(form, list):
        return lambda found: [part(found) for part in parts], k
    kind: Any = type(form)._make if hasattr(form, "_fields") else tuple
    return lambda found: kind([part(found) for part in parts]), k
