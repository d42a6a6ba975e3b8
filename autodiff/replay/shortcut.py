"""The short way to a program: plain floats and NumPy's arrays go straight into its buffer, and results out of it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from autodiff.derivatives.structures import CONTAINERS, Grid, Number, fill, leaves
from autodiff.replay.backends import NativeRun, python
from autodiff.replay.kernel import Entry, Kernel

_FEW = 64  # arguments of a function that takes them one by one
_DEEP = 50  # structures inside of each other that are written as Python


def _unknown(*args: Any) -> None:
    """The short way of what has none."""


def nothing_direct() -> list[Callable[..., Any]]:
    """The short ways by the number of arguments, before any is known."""
    return [_unknown] * (_FEW + 1)


class Direct:
    """Programs of functions of arrays, by what tells their arguments apart.

    Called with arguments, it returns the results in their form, or None if it does not know what to do with them.
    """

    def __init__(self) -> None:
        self._programs: dict[tuple[Any, ...], Callable[..., Any]] = {}

    def __call__(self, *args: Any) -> Any:
        """Run the program for such arguments, if there is one."""
        program = self._programs.get(_signature(args))
        return None if program is None else program(*args)


def _signature(args: Sequence[Any]) -> tuple[Any, ...]:
    """The shapes of NumPy's arrays; and the type of anything else."""
    return tuple([x.shape if type(x).__module__ == "numpy" else type(x) for x in args])


def learn(known: list[Callable[..., Any]], args: Sequence[Any], forms: Sequence[Any], entry: Entry) -> None:
    """Note by the number of arguments what takes such as these the short way, if there is one."""
    kernel, form = entry.kernel, entry.form
    if kernel.batched or kernel.reads_outside or len(args) > _FEW:
        return
    floats = all(type(f) is Number for f in forms)
    if isinstance(kernel.run, NativeRun) and all(type(f) is Number or (_is_numpy(f) and f.shape) for f in forms):
        program = _through_buffers(kernel, forms, form)
    elif kernel.backend == "python" and floats and _is_plain(form) and all(type(f) is Number for f in leaves(form)):
        program = python.compile_scalar(kernel.program, form)
    else:
        return
    if floats:
        known[len(args)] = program
        return
    if known[len(args)] is _unknown:
        known[len(args)] = Direct()
    direct = known[len(args)]
    if type(direct) is Direct:
        direct._programs[_signature(args)] = program


def _is_numpy(form: Any) -> bool:
    return type(form) is Grid and form.numpy


def _is_plain(form: Any, depth: int = 0) -> bool:
    """Whether a structure is of lists, tuples and dicts that a text of Python can write: so many brackets, no more."""
    if not isinstance(form, CONTAINERS):
        return True
    if isinstance(form, dict):
        plain = type(form) is dict and all(isinstance(k, str) for k in form)
        form = form.values()
    else:
        plain = type(form) in (list, tuple)
    return plain and depth < _DEEP and all(_is_plain(part, depth + 1) for part in form)


def _through_buffers(kernel: Kernel, forms: Sequence[Any], form: Any) -> Callable[..., Any]:
    """A function of floats and arrays of such forms that runs machine code; it returns None if given anything else."""
    space = {"run": kernel.alone, "lock": kernel.lock, "shared": kernel.shared, "found": kernel.shared_out}
    space["kernel"] = kernel  # is kept, and so is the code that runs
    checks, lines, number = ["True"], [], "found[{}]"
    if any(map(_is_numpy, [*forms, *leaves(form)])):
        import numpy

        space |= {"ndarray": numpy.ndarray, "double": numpy.dtype(float), "out": numpy.frombuffer(kernel.shared_out)}
        number = "found.item({})"
    end = 0
    for k, f in enumerate(forms):
        start, end = end, end + f.count
        if type(f) is Grid:
            space[f"place{k}"] = numpy.frombuffer(kernel.shared)[start:end].reshape(f.shape)
            checks.append(f"type(v{k}) is ndarray and v{k}.dtype is double")
            lines.append(f"place{k}[...] = v{k}")
        else:
            checks.append(f"type(v{k}) is float")
            lines.append(f"shared[{start}] = v{k}")
    lines += ["run()", *["found = out.copy()"] * ("out" in space)]
    if _is_plain(form):
        lines.append(f"return {python.written(form, _taken(form, number))}")
    else:
        space |= {"fill": fill, "form": form}
        lines.append(f"return fill(form, iter([{', '.join(_taken(form, number))}]))")
    arguments = ", ".join(f"v{k}" for k in range(len(forms)))
    head = f"def direct({arguments}):\n    if not ({' and '.join(checks)}): return None\n    with lock:\n"
    exec(compile(head + textwrap.indent("\n".join(lines), " " * 8), "<replayed program>", "exec"), space)
    return cast("Callable[..., Any]", space["direct"])


def _taken(form: Any, number: str) -> Iterator[str]:
    """Texts that take the leaves of a result out of all the numbers that were found."""
    end = 0
    for f in leaves(form):
        start, end = end, end + f.count
        yield f"found[{start}:{end}].reshape({f.shape})" if type(f) is Grid else number.format(start)
