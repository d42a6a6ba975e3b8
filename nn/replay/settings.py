"""What of a model, a loss or an optimizer may change between two calls of a program that was recorded of it.

A program holds as constants what its function read while it was recorded. `Settings` finds what that can have been:
the attributes of objects, what stands in their lists and dicts, and, of functions and classes of the user's, default
arguments, closures, class attributes and the global names that they mention. While a function is recorded, each
*float* that an object holds is replaced by a Value, and so becomes an input of the program (`Settings.lifted`); all
else is looked at again before the program is used (`Settings.changed`). What a function does besides computing, to
any of these or to a source of random numbers, is undone and told.
"""

from __future__ import annotations

import dis
import operator
import random
import sys
import threading
import types
from array import array
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, NamedTuple, TextIO, TypeVar

from autodiff.errors import TraceError
from autodiff.graph import topological
from autodiff.program import Program
from autodiff.replay import Tracer
from autodiff.value import Value
from nn.model.module import Module


class NotCompilable(TypeError):
    """A model, a loss or a rule cannot be recorded as a program; the message says why."""


class Unrepeatable(NotCompilable):
    """It does more than to compute: it draws random numbers, say, or counts its calls."""


T = TypeVar("T")
Path = tuple[Any, ...]
Members = dict[Any, Any]

Mode = Literal["lift", "watch", "keep"]
"""Whether floats of an object become inputs, are compared as all else is, or the object is nobody's business here."""

_OURS = ("autodiff", "nn")
_PLAIN = (float, int, str, bytes, complex)
_LASTING = (types.ModuleType, type, types.FunctionType, types.BuiltinMethodType, staticmethod, classmethod, property)
_MANY = 10_000
"""Floats that are inputs; if one of more changes, the program is recorded anew."""


class Input(NamedTuple):
    """A float that is an input of a program: the Value that stands for it, and what reads its number."""

    leaf: Value
    read: Callable[[], float]


class Held:
    """One that holds others, by keys: what was `found` there; what is there `now`; how one is put, and taken away.

    `numbers` are the Values that stand for floats while something is recorded, by the way to each: a key, and places in
    tuples. Members that stand `apart` may change.
    """

    def __init__(
        self,
        name: str,
        owner: Any,
        now: Callable[[], Members],
        put: Callable[[Any, Any], object],
        drop: Callable[[Any], object],
        get: Callable[[Any], Any] | None = None,
        apart: Iterable[str] = (),
    ) -> None:
        self.name, self._owner, self.now, self._put, self._drop = name, owner, now, put, drop
        self.apart = frozenset(apart)
        self.found = now()
        self.numbers: dict[Path, Input] = {}
        if get is not None:
            ways = [way for key, x in self.found.items() if key not in self.apart for way in _floats(x, (key,))]
            self.numbers = {way: Input(Value(0.0), _reader(get, way)) for way in ways}

    def moved(self) -> bool:
        """Whether it no longer holds what it did, but for what may change."""
        owner, found = self._owner, self.found
        now = owner if isinstance(owner, dict) else found if isinstance(owner, list) else self.now()
        members = owner if isinstance(owner, list) else now.values()
        if len(members) == len(found) and all(map(operator.is_, [*now, *members], [*found, *found.values()])):
            return False  # mostly all is as it was
        now = self.now()
        if any(key not in self.apart for key in _differing(found, now, self.numbers)):
            return True
        self.found = now  # the next look is a short one
        return False

    def lifted(self, members: Members) -> Members:
        """Members with Values in place of the floats that are inputs."""
        return {key: _lifted(x, (key,), self.numbers) for key, x in members.items()} if self.numbers else members

    def restore(self, members: Members) -> None:
        """Let it hold these again."""
        now = self.now()
        if _identical(now, members):
            return
        for key in _differing(now, members, {}):
            if key in members:
                self._put(key, members[key])
        for key in reversed(list(now)):
            if key not in members:
                self._drop(key)
        if _strays(self.now(), members):
            for key in members:
                self._drop(key)
                self._put(key, members[key])


def _differing(old: Members, new: Members, free: Mapping[Path, Any]) -> list[Any]:
    """The keys whose members differ, or that stand in another order; floats that are `free` may be others."""
    if _identical(old, new):
        return []
    both = {**old, **new}
    differing = [k for k in both if k not in old or k not in new or not _alike(old[k], new[k], (k,), free)]
    return differing + _strays(old, new)


def _identical(old: Members, new: Members) -> bool:
    """Whether mostly all is as it was; if not, it has to be looked at more closely."""
    return len(old) == len(new) and all(map(operator.is_, [*old, *old.values()], [*new, *new.values()]))


def _strays(old: Members, new: Members) -> list[Any]:
    """Keys that stand where another did, or one that is equal but of another type."""
    return [key for was, key in zip(old, new) if was is not key and not _alike(was, key, (), {})]


def _floats(x: Any, way: Path) -> Iterator[Path]:
    if type(x) is float:
        yield way
    elif isinstance(x, tuple) and not hasattr(x, "__dict__"):
        for k, member in enumerate(x):
            yield from _floats(member, (*way, k))


def _alike(old: Any, new: Any, way: Path, free: Mapping[Path, Any]) -> bool:
    if old is new:
        return True
    if type(old) is not type(new) or hasattr(old, "__dict__"):
        return False
    if isinstance(old, _PLAIN):
        return way in free or repr(old) == repr(new)  # not by ==: 0.0 is not -0.0, but nan is nan
    if isinstance(old, tuple):
        return len(old) == len(new) and all(_alike(a, b, (*way, k), free) for k, (a, b) in enumerate(zip(old, new)))
    return isinstance(old, (frozenset, range)) and old == new


def _lifted(x: Any, way: Path, numbers: Mapping[Path, Input]) -> Any:
    if way in numbers:
        leaf = numbers[way].leaf
        leaf._data = x  # for other threads, which may look at it now
        return leaf
    if isinstance(x, tuple) and not hasattr(x, "__dict__"):
        members = [_lifted(member, (*way, k), numbers) for k, member in enumerate(x)]
        if any(map(operator.is_not, members, x)):
            return type(x)(*members) if hasattr(x, "_fields") else tuple(members)
    return x


def _reader(get: Callable[[Any], Any], way: Path) -> Callable[[], float]:
    read = partial(get, way[0])
    return partial(_inside, read, way[1:]) if way[1:] else read


def _inside(read: Callable[[], Any], places: Path) -> Any:
    x = read()
    for k in places:
        x = x[k]
    return x


class Settings:
    """What some objects and functions hold, and what these do, and so on.

    `what` they are, messages say. Of the first of them, what stands `apart` is left to the caller. `foreign` tells
    whether there is code among it that is not the package's own.
    """

    def __init__(self, what: str, *roots: Any, apart: Iterable[str] = ()) -> None:
        self.what = what
        self.foreign = False
        self._held: list[Held] = []
        self._kept: list[Held] = []
        self._numbers = 0
        self._sources: list[tuple[Callable[[], Any], Callable[[Any], object]]] = [(random.getstate, random.setstate)]
        if "numpy.random" in sys.modules:
            numpy = sys.modules["numpy.random"]
            self._sources.append((numpy.get_state, numpy.set_state))
        self._seen: dict[int, Any] = {}  # and so they live, and no other gets an id of theirs
        self._first, self._apart = roots[0], apart
        self._front: Held | None = None
        self._classes: set[type] = set()
        self._objects: list[Any] = []
        self._values: list[Value] = []
        self._modules: list[types.ModuleType] = []
        self._mentioned: dict[str, None] = {}
        self._looked_up: Counter[int] = Counter()
        self._places: set[tuple[int, str]] = set()
        self._variable: set[tuple[int, str]] = set()
        self._ahead: dict[Mode, list[Any]] = {"lift": list(roots), "keep": [], "watch": []}
        try:
            self._take_in_all()
            while self._look_into_modules():
                self._take_in_all()
        except NotCompilable:
            raise
        except Exception as problem:
            raise NotCompilable(f"{what} cannot be looked into: {problem}") from problem
        places = list(range(len(self._objects)))  # the same ints each time
        self._held.append(
            Held("class", None, lambda: dict(zip(places, map(type, self._objects))), self._turn, _nothing)
        )

    # -- Finding -------------------------------------------------------------------------------------------------

    def _take_in_all(self) -> None:
        while ahead := next(filter(operator.itemgetter(1), self._ahead.items()), None):
            self._take_in(ahead[1].pop(), ahead[0])

    def _take_in(self, x: Any, mode: Mode) -> None:
        if x is None or (isinstance(x, _PLAIN) and not hasattr(x, "__dict__")) or id(x) in self._seen:
            return
        self._seen[id(x)] = x
        if isinstance(x, Value):
            self._values.append(x)
            return
        ahead = self._ahead[mode]
        if isinstance(x, types.FunctionType):
            self._function(x)
        elif isinstance(x, type):
            self._class(x)
        elif isinstance(x, types.MethodType):
            ahead += [x.__self__, x.__func__]
        elif isinstance(x, types.BuiltinMethodType):
            ahead.append(x.__self__)
        elif isinstance(x, partial):
            ahead += [x.func, x.args, x.keywords]
        elif isinstance(x, (staticmethod, classmethod)):
            ahead.append(x.__func__)
        elif isinstance(x, property):
            ahead += [x.fget, x.fset]
        elif isinstance(x, (tuple, frozenset)):
            ahead += x
            if hasattr(x, "__dict__"):
                self._object(x, mode)
        elif isinstance(x, types.MappingProxyType):
            self._hold(Held("mappingproxy", None, partial(dict, x), _nothing, _nothing), mode)
        elif isinstance(x, types.ModuleType):
            if not _is_library(x.__name__):
                self._modules.append(x)
        else:
            self._object(x, mode)

    def _hold(self, held: Held, mode: Mode) -> None:
        """Take in one that holds others, and look at these next."""
        (self._kept if mode == "keep" else self._held).append(held)
        self._numbers += len(held.numbers)
        for key, member in held.found.items():
            self._ahead["keep" if key in held.apart else mode].append(member)

    def _object(self, x: Any, mode: Mode) -> None:
        kind, name = type(x), type(x).__name__
        self._objects.append(x)
        if hasattr(kind, "__next__"):
            raise Unrepeatable(f"{self.what} holds an iterator ({name}), which gives something else each time")
        if isinstance(x, random.SystemRandom):
            raise Unrepeatable(f"{self.what} holds a {name}, whose numbers cannot be repeated")
        if isinstance(x, random.Random):
            self._sources.append((x.getstate, x.setstate))
            mode = "keep"
        lift = mode == "lift" and self._numbers < _MANY
        if isinstance(x, dict):
            get = x.__getitem__ if lift else None
            basis = OrderedDict if isinstance(x, OrderedDict) else dict
            put, drop = partial(basis.__setitem__, x), partial(basis.__delitem__, x)
            self._hold(Held(name, x, partial(dict, x), put, drop, get), mode)
        elif isinstance(x, list):
            get = x.__getitem__ if lift else None
            self._hold(Held(name, x, lambda: dict(enumerate(x)), partial(_set_item, x), x.__delitem__, get), mode)
        elif isinstance(x, (set, deque, bytearray)):
            self._hold(Held(name, None, lambda: {0: _freeze(x)}, partial(_refill, x), _nothing), mode)
        elif _root(kind) == "numpy" or isinstance(x, array):
            self._numeric(x, mode)
            return
        # A neuron's list of weights keeps a tuple of them, which is nobody's business.
        if hasattr(x, "__dict__") and _root(kind) != "autodiff" and not (isinstance(x, list) and _root(kind) == "nn"):
            own = vars(x)
            apart = self._apart if x is self._first else ()
            if isinstance(x, Module):
                apart = ("training", *(x._anew if _root(kind) in _OURS else ()))
            get = own.__getitem__ if lift else None
            held = Held(name, own, partial(dict, own), own.__setitem__, own.__delitem__, get, apart)
            self._front = held if x is self._first else self._front
            self._hold(held, mode)
        self._class(kind)
        names = [n for c in kind.__mro__ if _root(c) not in _OURS for n in _slots(c)]
        if names:
            get = partial(getattr, x) if lift else None
            put, drop = partial(object.__setattr__, x), partial(object.__delattr__, x)
            self._hold(Held(name, None, partial(_attributes, x, names), put, drop, get), mode)

    def _turn(self, place: int, kind: type) -> None:
        """Let an object be of its class again."""
        object.__setattr__(self._objects[place], "__class__", kind)

    def _numeric(self, x: Any, mode: Mode) -> None:
        """Take in an array, or a source of random numbers of NumPy."""
        if hasattr(x, "bit_generator") or hasattr(x, "random_raw"):
            source = getattr(x, "bit_generator", x)
            self._sources.append((lambda: source.state, partial(setattr, source, "state")))
        elif hasattr(x, "get_state"):
            self._sources.append((x.get_state, x.set_state))
        elif hasattr(x, "tobytes") and hasattr(x, "__setitem__"):
            name = type(x).__name__
            if hasattr(x, "dtype") and x.dtype.hasobject:
                held = Held(name, None, lambda: dict(enumerate(x.flat)), x.flat.__setitem__, _nothing)
            else:
                held = Held(name, None, lambda: {0: _content(x)}, partial(_pour, x), _nothing)
            self._hold(held, mode)

    def _function(self, function: types.FunctionType) -> None:
        """Take in what a function of the user's refers to."""
        scope, name = function.__globals__, function.__name__
        self.foreign = self.foreign or _root_of(scope.get("__name__")) not in _OURS
        if _is_library(scope.get("__name__")):
            cells = [_attributes(cell, ("cell_contents",)) for cell in function.__closure__ or ()]
            self._ahead["watch"] += [x for cell in cells for x in cell.values()]
            return
        for cell in function.__closure__ or ():
            self._named(name, cell, ("cell_contents",))
            self._look_up(cell, {"cell_contents": cell}, ["cell_contents"], ())
        self._named(name, function, ("__code__", "__defaults__", "__kwdefaults__", "__dict__"))
        names = list(_names(function.__code__))
        self._look_up(scope, scope, names, _written(function.__code__))
        self._watch_names(name, scope, names)
        self._mentioned.update(dict.fromkeys(names))
        imported = [sys.modules.get(way) for n in names for way in (n, f"{scope.get('__package__')}.{n}")]
        self._ahead["watch"] += [x for x in imported if isinstance(x, types.ModuleType)]

    def _look_into_modules(self) -> bool:
        """Take in what functions may look up in modules of the user's, whatever the way there: whether there is any.

        All names that any function mentions count, for each of them.
        """
        names, found = list(self._mentioned), False
        for module in self._modules:
            fresh = names[self._looked_up[id(module)] :]
            if fresh:
                found = True
                self._looked_up[id(module)] = len(names)
                self._look_up(vars(module), vars(module), fresh, ())
                self._watch_names(module.__name__, vars(module), fresh)
        return found

    def _watch_names(self, name: str, owner: Members, names: Iterable[str]) -> None:
        put, drop = owner.__setitem__, owner.__delitem__
        self._hold(Held(name, None, partial(_members, owner, names), put, drop), "watch")

    def _look_up(self, owner: Any, members: Members, names: Iterable[str], written: Container[str]) -> None:
        """Remember names that somebody looks up in what outlives this; and those that are likely to change."""
        for n in names:
            if n in members:
                self._places.add((id(owner), n))
                if n in written or not isinstance(members[n], _LASTING):
                    self._variable.add((id(owner), n))

    def _named(self, name: str, x: Any, names: Iterable[str]) -> None:
        self._hold(Held(name, None, partial(_attributes, x, names), partial(setattr, x), partial(delattr, x)), "watch")

    def _class(self, cls: type) -> None:
        """Take in the attributes of a class of the user's, its methods among them."""
        self.foreign = self.foreign or not (_root(cls) in _OURS or _root(cls) in sys.stdlib_module_names)
        for c in cls.__mro__:
            if not _is_library(c.__module__) and c not in self._classes:
                self._classes.add(c)
                self._look_up(c, _public(c), _public(c), ())
                held = Held(c.__name__, None, partial(_public, c), partial(setattr, c), partial(delattr, c))
                self._hold(held, "watch")

    # -- Looking again -------------------------------------------------------------------------------------------

    def changed(self) -> bool:
        """Whether anything but the numbers that are inputs is other than it was found."""
        return any(held.moved() for held in self._held)

    def meets(self, other: Settings) -> bool:
        """Whether they hold an object together that can be changed, or look up a name that can."""
        fixed = (tuple, frozenset, type, types.FunctionType, types.BuiltinMethodType)
        shared = any(key in other._seen and not isinstance(x, fixed) for key, x in self._seen.items())
        return shared or not self._variable.isdisjoint(other._places)

    def inputs(self) -> list[Input]:
        """The numbers that are inputs of what is recorded."""
        return [number for held in self._held for number in held.numbers.values()]

    def enter(self, tracer: Tracer) -> None:
        """Make them inputs of what is recorded, behind those that are there; they stand for any number."""
        leaves = [number.leaf for number in self.inputs()]
        tracer.adopt(leaves)
        tracer.given += leaves

    def reads(self, program: Program, first: int) -> list[tuple[int, Callable[[], float]]]:
        """What reads each of them that a program needs, with its place among what all samples share, from the first."""
        live = set(program.live)
        numbers = enumerate(self.inputs(), first)
        return [(k, number.read) for k, number in numbers if program.shared_inputs[k] in live]

    # -- Recording -----------------------------------------------------------------------------------------------

    @contextmanager
    def kept(self) -> Iterator[tuple[_Listener, ...]]:
        """Whatever is done inside to what there is, and to sources of random numbers, is undone; prints are unseen."""
        before = [(held, held.now()) for held in (*self._held, *self._kept)]
        sources = self._sources if self.foreign else []  # the package's own code draws none while it is recorded
        states = [get() for get, _ in sources]
        numbers = [(v, v._data, v.grad, v._stamp, v._stamp.epoch) for v in self._values] if self.foreign else []
        try:
            with _Listener("stdout") as output, _Listener("stderr") as errors:
                yield output, errors
        finally:
            for held, members in before:
                held.restore(members)
            for value, data, grad, stamp, epoch in numbers:
                value._data, value.grad, value._stamp, stamp.epoch = data, grad, stamp, epoch
            for (get, put), state in zip(sources, states):
                if _frozen(get()) != _frozen(state):
                    put(state)

    @contextmanager
    def lifted(self, standing_in: Members) -> Iterator[None]:
        """Let Values stand for the numbers; raise `Unrepeatable` if more was done inside than to compute with them.

        Of the first object, what stands apart is replaced, too.
        """
        sources = self._sources if self.foreign else []
        states = [_frozen(get()) for get, _ in sources]
        with self.kept() as listeners:
            expected = [(held, held.lifted(held.now())) for held in (*self._held, *self._kept)]
            for held, members in expected:
                if held is self._front:
                    members.update(standing_in)
                held.restore(members)
            gradient: Any = _Gradient()
            values = self._values if self.foreign else []
            for value in values:
                value.grad = gradient
            yield
            if any(value.grad is not gradient for value in values):
                raise Unrepeatable(f"{self.what} changes the .grad of a Value when it is called")
            if [_frozen(get()) for get, _ in sources] != states:
                raise Unrepeatable(f"{self.what} draws random numbers, by other means than nn.Dropout")
            for held, members in expected:
                for key in _differing(members, held.now(), {}):
                    told = f"{held.name}.{key}" if isinstance(key, str) else f"what is in a {held.name}"
                    raise Unrepeatable(f"{self.what} changes {told:.60} when it is called")
            if any(listener.heard for listener in listeners):
                raise Unrepeatable(f"{self.what} prints when it is called")

    def hold(self, problem: Exception | None = None) -> bool:
        """Keep the numbers that were asked for more than arithmetic as constants: whether there were any."""
        asked = getattr(problem, "number", None)
        below = None if asked is None else set(map(id, topological([asked])))
        guilty = [
            (held, way)
            for held in self._held
            for way, number in held.numbers.items()
            if below is None or id(number.leaf) in below
        ]
        for held, way in guilty:
            del held.numbers[way]
        return bool(guilty)

    def record(self, trace: Callable[[], tuple[Tracer, T]], **standing_in: Any) -> tuple[Tracer, T]:
        """What a tracing gives, which must be the same each time; a number that it branches on stays a constant."""
        while True:
            try:
                with self.lifted(standing_in):
                    traced = trace()
                if self.foreign:
                    with self.lifted(standing_in):
                        again = trace()
                    if not traced[0].same(again[0]):
                        raise Unrepeatable(f"{self.what} computes something else each time")
                return traced
            except NotCompilable:
                raise
            except Exception as problem:
                if not self.hold(problem):
                    raise NotCompilable(
                        f"{self.what} cannot be recorded: {problem or type(problem).__name__}"
                    ) from problem


def _set_item(members: list[Any], k: int, x: Any) -> None:
    members[k : k + 1] = [x]  # behind the last, too


def _freeze(x: Any) -> Any:
    return frozenset(x) if isinstance(x, set) else tuple(x)


def _refill(x: Any, _: Any, members: Any) -> None:
    x.clear()
    (x.update if isinstance(x, set) else x.extend)(members)


def _content(x: Any) -> Any:
    return str(getattr(x, "dtype", "")), getattr(x, "shape", ()), x.tobytes()


def _pour(x: Any, _: Any, content: Any) -> None:
    if isinstance(x, array):
        x[:] = array(x.typecode, content[-1])
    else:
        x[...] = sys.modules["numpy"].frombuffer(content[-1], x.dtype).reshape(x.shape)


def _nothing(*_: Any) -> None:
    pass


def _attributes(x: Any, names: Iterable[str]) -> Members:
    return {n: getattr(x, n) for n in names if hasattr(x, n)}


def _members(scope: Members, names: Iterable[str]) -> Members:
    return {n: scope[n] for n in names if n in scope}


def _public(cls: type) -> Members:
    """What a class has but for what Python keeps there."""
    return {n: x for n, x in vars(cls).items() if n[:2] != "__" or isinstance(x, types.FunctionType)}


def _slots(cls: type) -> list[str]:
    slots = vars(cls).get("__slots__", ())
    return [n for n in ((slots,) if isinstance(slots, str) else slots) if n[:2] != "__"]


def _names(code: types.CodeType) -> Iterator[str]:
    """The names that some code looks up, but for its own."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _names(inner)


def _written(code: types.CodeType) -> set[str]:
    """The global names that some code sets."""
    own = {x.argval for x in dis.get_instructions(code) if x.opname in ("STORE_GLOBAL", "DELETE_GLOBAL")}
    return own.union(*[_written(inner) for inner in code.co_consts if isinstance(inner, types.CodeType)])


def _root_of(module: Any) -> str:
    return str(module).partition(".")[0]


def _root(cls: type) -> str:
    return _root_of(cls.__module__)


def _is_library(module: Any) -> bool:
    """Whether a module is of this package, or one of those that are installed: nobody changes it while it works."""
    root = _root_of(module)
    place = getattr(sys.modules.get(root), "__file__", None) or ""
    return root in (*_OURS, *sys.stdlib_module_names) or "site-packages" in place or "dist-packages" in place


def _frozen(state: Any) -> Any:
    """The state of a source of random numbers, to be compared."""
    if isinstance(state, dict):
        return [(key, _frozen(x)) for key, x in state.items()]
    if isinstance(state, tuple):
        return [_frozen(x) for x in state] if len(state) < _MANY else state
    return state.tobytes() if hasattr(state, "tobytes") else state


class _Gradient:
    """Stands for the .grad of a Value while a function is recorded: it changes with each step."""

    def __getattr__(self, name: str) -> Any:
        raise TraceError("a .grad that is looked at cannot be recorded")


class _Listener:
    """Stands in the place of a stream of `sys`: it hears what this thread prints, and lets nobody else hear it.

    Warnings are let through: they are told once, whatever is called again.
    """

    def __init__(self, name: str) -> None:
        self.name, self.heard = name, False
        self.output: TextIO = getattr(sys, name)
        self._here: int | None = threading.get_ident()

    def __enter__(self) -> _Listener:
        setattr(sys, self.name, self)
        return self

    def __exit__(self, *_: object) -> None:
        self._here = None
        if getattr(sys, self.name) is self:
            output = self.output
            while isinstance(output, _Listener) and output._here is None:  # of a thread that came first
                output = output.output
            setattr(sys, self.name, output)

    def write(self, text: str) -> int:
        warned = sys._getframe(1).f_globals.get("__name__") in ("warnings", "_py_warnings")
        if warned or threading.get_ident() != self._here:
            return self.output.write(text)
        self.heard = True
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.output, name)
