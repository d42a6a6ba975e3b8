"""What is lowered is the code that was loaded, not what stands in its file by now; else it is left to Python."""

from __future__ import annotations

import builtins
import functools
import importlib
import linecache
import math
import os
import sys
import textwrap
from array import array
from dataclasses import dataclass

import pytest
from replaying import NEEDS, installed
from test_replay_lowering import defined

import autodiff
from autodiff import GraphError, compile, numerics
from autodiff.operation import OPERATIONS
from autodiff.program.lowering import NoSource, definition

AT = [-2.0, -0.5, 0.0, 0.25, 3.0]
COMPILED = [name for name in ("llvm", "numpy") if installed(NEEDS[name])]


def is_the_eager_one(op, why=None):
    """A program of an operation computes what it does, by a backend of the lowered or, told so, by Python."""
    f = compile(lambda x: op(x) * 1.0, in_axes=0)
    assert f(array("d", AT)).tolist() == [op(x) * 1.0 for x in AT]
    if why is None:
        assert f.report().backend in (COMPILED or ["python"])
    else:
        assert f.report().backend == "python"
        assert len([note for note in f.report().notes if why in note]) == len(COMPILED)
        with pytest.raises(GraphError, match=why):
            f.source("c")
        for backend in COMPILED:
            with pytest.raises(GraphError, match=f"(?s)no {backend} for this program: .*{why}.*backend='auto'"):
                compile(lambda x: op(x) * 1.0, in_axes=0, backend=backend)(array("d", AT))


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module, and import it for the first time; written again, it is as if it was edited."""
    name = f"edited_{tmp_path.name}".replace("-", "_")
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / f"{name}.py"

    def write(text, load=True):
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        os.utime(path, (1e9 + write.times, 1e9 + write.times))
        write.times += 10
        importlib.invalidate_caches()
        return importlib.import_module(name) if load else None

    write.times = 0
    yield write
    sys.modules.pop(name, None)


LOADED = """
    import math
    K = 3.0

    def value(a):
        return a * 2.0 + 1.0

    def around(factor):
        def inner(a):
            return a * factor + math.fabs(a)
        return inner

    inner = around(2.0)
    first, second = (lambda a: a + 1.0), (lambda a: a - 1.0)
"""
EDITS = {
    "a number": ("a * 2.0 + 1.0", "a * 2.5 + 1.0"),
    "the sign of zero": ("a * 2.0 + 1.0", "a * 2.0 + -0.0"),
    "an int for a float": ("a * 2.0 + 1.0", "a * 2.0 + 1"),
    "an operator": ("a * 2.0 + 1.0", "a * 2.0 - 1.0"),
    "the order": ("a * 2.0 + 1.0", "1.0 + a * 2.0"),
    "a global": ("a * 2.0 + 1.0", "a * 2.0 + K"),
    "a line above": ("K = 3.0", "K = 3.0\n    L = 2.0"),
    "a line above that looks the same": ("    def value", "    def value(a):\n        return 7.0\n    def value"),
    "nothing is left": (LOADED, ""),
    "no Python": ("def value", "def !value"),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_file_that_was_edited_after_its_import(name, module):
    old, new = EDITS[name]
    value = module(LOADED).value
    assert LOADED.count(old) == 1
    module(LOADED.replace(old, new), load=False)
    with defined(value) as op:
        is_the_eager_one(op, "whose source is not")


@pytest.mark.parametrize("function", ["value", "inner", "first", "second"])
def test_a_file_as_it_was_loaded(function, module):
    value = getattr(module(LOADED), function)
    with defined(value) as op:
        is_the_eager_one(op)
    module(LOADED.replace("a * factor", "a / factor"), load=False)
    definition_is_read_once(value)


def definition_is_read_once(value):
    assert definition(value) is definition(value)


def test_edits_elsewhere_in_the_file_do_not_matter(module):
    value = module(LOADED).value
    module(LOADED.replace("a * factor", "a / factor"), load=False)
    with defined(value) as op:
        is_the_eager_one(op)


def test_a_reload_reads_the_new_source(module):
    old = module(LOADED)
    value = old.value
    module(LOADED.replace("2.0 + 1.0", "2.5 + 1.0"), load=False)
    new = importlib.reload(old)
    with defined(new.value) as op:
        is_the_eager_one(op)
    with defined(value) as op:
        is_the_eager_one(op, "not what was loaded")


def test_code_that_is_replaced(module):
    """As notebooks reload functions in place."""
    value = module(LOADED).value
    with defined(value) as op:
        is_the_eager_one(op)
        text = LOADED.replace("2.0 + 1.0", "2.5 + 1.0")
        module(text, load=False)
        space = {}
        exec(builtins.compile(textwrap.dedent(text), value.__code__.co_filename, "exec"), space)
        value.__code__ = space["value"].__code__
        is_the_eager_one(op)


@pytest.mark.parametrize("one_by_one", [True, False], ids=["a statement at a time", "as a whole"])
def test_cells_of_a_notebook(one_by_one):
    """Their text is in `linecache`; a cell is compiled one statement after the other."""
    import ast

    text, name = textwrap.dedent(LOADED), f"<cell {one_by_one}>"
    linecache.cache[name] = len(text), None, text.splitlines(keepends=True), name
    python = builtins.compile
    tree = ast.parse(text)
    space = {"__name__": "__main__"}
    for part in [ast.Module([s], []) for s in tree.body] if one_by_one else [tree]:
        exec(python(part, name, "exec"), space)
    try:
        for function in ("value", "inner", "first", "second"):
            with defined(space[function]) as op:
                is_the_eager_one(op)
    finally:
        del linecache.cache[name]


def twice(function):
    @functools.wraps(function)
    def wrapper(a):
        return 2.0 * function(a)

    return wrapper


def plain(a):
    return a * a


@twice
def decorated(a):
    return a + 1.0


@functools.wraps(numerics.log)
def pretended(a):
    try:
        return numerics.log(a) if a > 0.0 else math.log(a)
    except ValueError:
        return -1.0


@functools.lru_cache
def cached(a):
    return a * 3.0


@functools.wraps(plain)
def cached_and_more(*given):
    return 7.0 * plain(*given)


WRAPPED = {
    "a decorator": (decorated, None),
    "a function in a decorator": (twice(plain), None),
    "two decorators": (twice(twice(plain)), None),
    "a lambda in a decorator": (twice(lambda a: a - 1.0), None),
    "any arguments": (cached_and_more, "not with as many numbers"),
    "one of C": (cached, "whose source is not to be had"),
    "what is named like ours": (pretended, "a statement that is not lowered: try"),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_decorators_count(name):
    value, why = WRAPPED[name]
    with defined(value) as op:
        is_the_eager_one(op, why)


def test_lambdas_in_one_line():
    values = [lambda a: a + 1.0, lambda a: a + 2.0, lambda b: b + 1.0, lambda a: 1.0 + a, lambda a: a + -1.0]
    k, shift = 2.0, 3.0
    closures = [lambda a: a * k + shift, lambda a: a * shift + k]  # alike but for the order of names
    alike = [lambda a: a + 1.0, lambda a: a + 1.0]
    for value in [*values, *closures, *alike]:
        with defined(value) as op:
            is_the_eager_one(op)


def test_the_sign_of_zero_tells_lambdas_apart():
    values = [lambda a: a * 0.0 + 0.0, lambda a: a * 0.0 + -0.0, lambda a: (a, -0.0)[1], lambda a: (a, 0.0)[1]]
    assert len({__import__("ast").dump(definition(value)) for value in values}) == 4


def calls_itself(a):
    return calls_itself(a + 1.0) if a < -1.0 else a


@dataclass(eq=True)
class Unhashable:
    k: float

    def __call__(self, a):
        return self.k * a


class Made(float):
    pass


unhashable = Unhashable(3.0)
MANY = "\n".join(f"    if a > {k}.5:\n        a = a - 1.0" for k in range(40))
LONG = " + ".join(["a"] * 700)
SPACE: dict[str, object] = {}
for where, text in {"many": f"def many(a):\n{MANY}\n    return a", "long": f"def long(a):\n    return {LONG}"}.items():
    linecache.cache[f"<{where}>"] = len(text), None, text.splitlines(keepends=True), f"<{where}>"
    exec(builtins.compile(text, f"<{where}>", "exec"), SPACE)

LEFT = {
    "the real part": (lambda a: a.real * 2.0, "asks a number for 'real'"),
    "the imaginary part": (lambda a: a + a.imag, "asks a number for 'imag'"),
    "a method of floats": (lambda a: a if a.is_integer() else -a, "asks a number for 'is_integer'"),
    "a call of itself": (calls_itself, "calls itself, or is nested too deep"),
    "what has no hash": (lambda a: unhashable(a), "whose source is not to be had"),
    "a class": (lambda a: Made(a) + 1.0, "whose source is not to be had"),
    "many branches": (SPACE["many"], "too many branches"),
    "a long sum": (SPACE["long"], "calls itself, or is nested too deep"),
}


@pytest.mark.parametrize("name", LEFT)
def test_what_is_left_to_python(name):
    value, why = LEFT[name]
    with defined(value) as op:
        is_the_eager_one(op, why)


def test_python_needs_no_source(monkeypatch):
    """The package may be there without its sources: the plain backend does without them."""
    from autodiff.program import lowering

    def nowhere(function):
        raise OSError("no source")

    lowering._definition.cache_clear()
    lowering.formula.cache_clear()
    monkeypatch.setattr("inspect.findsource", nowhere)
    try:
        f = compile(lambda x: autodiff.exp(x) + autodiff.relu(x) / x)
        assert f(2.0) == math.exp(2.0) + 1.0
        with pytest.raises(NoSource, match="not to be had"):
            definition(numerics.exp)
    finally:
        lowering._definition.cache_clear()
        lowering.formula.cache_clear()


def test_all_of_ours_are_read():
    for op in OPERATIONS.values():
        if hasattr(op.value, "__code__"):
            definition(op.value)
