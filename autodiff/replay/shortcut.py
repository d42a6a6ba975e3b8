"""The short way to a program: plain floats and NumPy's arrays go straight into its buffer, and results out of it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from autodiff.derivatives.structures import CONTAINERS, Grid, Number, array_of_floats, build, leaves
from autodiff.replay.backends import python
from autodiff.replay.backends.llvm.native import NativeRun
from autodiff.replay.kernel import Entry, Kernel

_FEW = 64  # arguments of a function that takes them one by one


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

    def learn(self, args: Sequence[Any], program: Callable[..., Any]) -> None:
        """Keep a program for arguments like these."""
        self._programs[_signature(args)] = program


def _signature(args: Sequence[Any]) -> tuple[Any, ...]:
    """The shapes of NumPy's arrays; and the type of anything else."""
    return tuple([x.shape if type(x).__module__ == "numpy" else type(x) for x in args])


def learn(known: dict[int, Callable[..., Any]], args: Sequence[Any], forms: Sequence[Any], entry: Entry) -> None:
    """Note by the number of arguments what takes such as these the short way, if there is one."""
    kernel, form = entry.kernel, entry.form
    if kernel.batched or kernel.reads_outside or len(args) > _FEW:
        return
    floats = all(type(f) is Number for f in forms)
    if isinstance(kernel.run, NativeRun) and all(type(f) is Number or (_is_numpy(f) and f.shape) for f in forms):
        program = _through_buffers(kernel, forms, form)
    elif kernel.backend == "python" and floats and _is_plain(form) and not any(map(_is_numpy, leaves(form))):
        program = python.compile_scalar(kernel.program, form)
    else:
        return
    if floats:
        known[len(args)] = program
        return
    direct = known.setdefault(len(args), Direct())
    if type(direct) is Direct:
        direct.learn(args, program)


def _is_numpy(form: Any) -> bool:
    return type(form) is Grid and form.numpy


def _is_plain(form: Any) -> bool:
    """Whether a structure is of lists, tuples and dicts that a text of Python can write."""
    if not isinstance(form, CONTAINERS):
        return True
    if isinstance(form, dict):
        return type(form) is dict and all(isinstance(k, str) for k in form) and all(map(_is_plain, form.values()))
    return type(form) in (list, tuple) and all(map(_is_plain, form))


def _through_buffers(kernel: Kernel, forms: Sequence[Any], form: Any) -> Callable[..., Any]:
    """A function of floats and arrays of such forms that runs machine code; it returns None if given anything else."""
    space: dict[str, Any] = {
        "run": kernel.alone,
        "lock": kernel.lock,
        "shared": kernel.shared,
        "out": kernel.shared_out,
    }
    grids = any(map(_is_numpy, [*forms, *leaves(form)]))
    if grids:
        import numpy

        space |= {
            "ndarray": numpy.ndarray,
            "double": numpy.dtype(float),
            "results": numpy.frombuffer(kernel.shared_out),
        }
    names = [f"v{k}" for k in range(len(forms))]
    floats = [name for name, f in zip(names, forms) if type(f) is Number]
    arrays = [name for name, f in zip(names, forms) if type(f) is Grid]
    checks = [python.all_are([f"type({name})" for name in floats], "float")]
    checks += [python.all_are([f"type({name})" for name in arrays], "ndarray")]
    checks += [python.all_are([f"{name}.dtype" for name in arrays], "double")]
    lines = [f"if not ({' and '.join(checks)}): return None", "with lock:"]
    end = 0
    for name, f in zip(names, forms):
        start, end = end, end + f.count
        if type(f) is Grid:
            space[f"to_{name}"] = numpy.frombuffer(kernel.shared)[start:end].reshape(f.shape)
            lines.append(f"    to_{name}[...] = {name}")
        else:
            lines.append(f"    shared[{start}] = {name}")
    lines.append("    run(0, 0)")
    if not _is_plain(form):
        space["made"] = lambda out: build(form, out, array_of_floats)
        lines.append("    return made(out)")
    elif grids:
        lines += ["    found = results.copy()", f"return {python.written(form, _taken(form))}"]
    else:
        lines.append(f"    return {python.written(form, (f'out[{k}]' for k in range(len(kernel.shared_out))))}")
    text = f"def direct({', '.join(names)}):\n" + textwrap.indent("\n".join(lines), "    ")
    exec(compile(text, "<replayed program>", "exec"), space)
    return cast("Callable[..., Any]", space["direct"])


def _taken(form: Any) -> Iterator[str]:
    """Texts that take the leaves of a result out of an array of all its numbers."""
    end = 0
    for f in leaves(form):
        start, end = end, end + f.count
        yield f"found[{start}:{end}].reshape({f.shape})" if type(f) is Grid else f"found.item({start})"
