"""What may change between two steps of a training: replayed or built anew each time, it ends with the same numbers.

Either nothing is noticed, or the history says what was done eagerly, and why.
"""

from __future__ import annotations

import collections
import copy
import enum
import functools
import inspect
import itertools
import math
import os
import pickle
import random
import subprocess
import sys
import time
import types
import warnings
from array import array
from dataclasses import dataclass
from fractions import Fraction

import pytest

import autodiff
import nn
from nn import BatchNorm, Dropout, Elementwise, Layer, Module, Neuron, Residual, Sequential, losses, optim
from nn.callbacks import Callback
from nn.eager.step import EagerStep
from nn.replay import NotCompilable, Unrepeatable

numpy = pytest.importorskip("numpy", reason="NumPy is not installed")

ROWS = [[0.1 * k, math.sin(k)] for k in range(11)]
TARGETS = [math.cos(0.7 * k) for k in range(11)]
EPOCHS = 5


def network():
    return nn.MLP(2, [3, 1], activation="tanh", seed=1)


def layers():
    return Sequential(
        Layer(2, 3, False, seed=1), BatchNorm(3), Elementwise("tanh"), Dropout(0.3, seed=3), Layer(3, 1, False, seed=2)
    )


def sgd(parameters):
    return optim.SGD(parameters, 0.05)


def train(model, rule=sgd, change=None, eager=False, data=None, on_step=False, **options):
    """Train from given numbers; `change(model, optimizer, training)` is called after each epoch, or each step."""
    random.seed(5)
    numpy.random.seed(5)
    optimizer = rule(model.parameters())
    callbacks = []
    if change is not None:
        callbacks = [lambda training: change(model, optimizer, training)]
    if on_step:

        class Changing(Callback):
            def on_step(self, training):
                change(model, optimizer, training)

        callbacks = [Changing()]
    data = data or nn.data.Dataset(copy.deepcopy(ROWS), list(TARGETS))
    settings = {"epochs": EPOCHS, "batch_size": 4, "loss": losses.mse, "progress": False} | options
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        history = nn.fit(model, data, optimizer=optimizer, callbacks=callbacks, eager=eager, **settings)
    columns = [x for epoch in history.epochs for name, x in epoch._asdict().items() if name != "seconds"]
    numbers = [x for x in columns if x == x] + list(model.state_dict().values())
    return history, numbers, [w for w in told if "called anew" in str(w.message)]


def check(make, rule=sgd, change=None, *, backend=None, **options):
    """Train by replay and eagerly: the same numbers, and the same random numbers drawn; return the histories."""
    found = []
    for eager in (True, False):
        model = make()
        history, numbers, told = train(model, rule, change, eager, **options)
        attributes = [x for x in vars(model).values() if isinstance(x, (int, float, str))]
        found.append((history, numbers, told, random.getstate(), numpy.random.random(), attributes))
    (_, expected, *before), (history, numbers, *after) = found
    assert numbers == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert before[1:] == after[1:]
    assert not before[0]
    if backend is None:
        assert "eager" not in history.backend
    else:
        assert backend in history.backend
    return history, after[0]


def at_epoch_2(change):
    return lambda model, optimizer, training: change(model, optimizer) if training.epoch == 2 else None


def another(x):
    """A setting that is not this one."""
    if isinstance(x, bool):
        return not x
    if isinstance(x, float):
        return 0.4 if x != 0.4 else 0.3
    if isinstance(x, tuple):
        return tuple(map(another, x))
    if callable(x) or x is None:
        return autodiff.Value.sigmoid if x is not autodiff.Value.sigmoid else autodiff.Value.tanh
    raise NotImplementedError(f"what is another {x!r}?")


# -- What the package has to be set ------------------------------------------------------------------------------------

RULES = {type(rule([autodiff.Value(0.0)], lr=0.1)) for rule in optim.rules.OPTIMIZERS.values()}
SETTINGS = [(rule, name) for rule in RULES for name in list(inspect.signature(rule).parameters)[1:]]


@pytest.mark.parametrize("momentum", [0.0, 0.6])
@pytest.mark.parametrize(("rule", "name"), sorted(SETTINGS, key=str), ids=lambda x: getattr(x, "__name__", x))
def test_every_setting_of_every_optimizer(rule, name, momentum):
    options = {"momentum": momentum} if "momentum" in inspect.signature(rule).parameters else {}

    def change(_, optimizer):
        setattr(optimizer, name, another(getattr(optimizer, name)))

    check(network, lambda p: rule(p, 0.02, **options), at_epoch_2(change))


def owners():
    """An instance of every layer, in a model, and the names of what can be set of it."""
    made = {
        Neuron: lambda: nn.MLP(2, [2, 1], activation="tanh", seed=1),
        Elementwise: layers,
        Dropout: layers,
        BatchNorm: layers,
        Residual: lambda: Sequential(Residual(Layer(2, 2, activation="tanh", seed=1)), Layer(2, 1, False, seed=2)),
    }
    for kind, make in made.items():
        owner = next(m for m in make().modules() if type(m) is kind)
        for name in owner.config():
            if isinstance(getattr(owner, name, None), (bool, float)) or name == "activation":
                yield kind, make, name


@pytest.mark.parametrize(("kind", "make", "name"), list(owners()), ids=lambda x: getattr(x, "__name__", x))
def test_every_setting_of_every_layer(kind, make, name):
    def change(model, _):
        for module in model.modules():
            if type(module) is kind:
                setattr(module, name, another(getattr(module, name)))

    check(make, change=at_epoch_2(change))


def test_losses_have_nothing_to_be_set():
    for loss in (losses.mse, losses.mae, losses.binary_cross_entropy, losses.cross_entropy, losses.hinge):
        assert list(inspect.signature(loss).parameters)[2:] == ["weights"]
        assert not vars(loss)


def changed(path, x):
    """Set what a path of attributes and places leads to."""

    def change(model, optimizer):
        *way, last = path
        owner = functools.reduce(lambda o, k: o[k] if isinstance(k, int) else getattr(o, k), way, model)
        if isinstance(last, int):
            owner[last] = copy.deepcopy(x)
        else:
            setattr(owner, last, copy.deepcopy(x))

    return at_epoch_2(change)


REPLAYED = {
    "nothing is dropped any more": changed(("layers", 3, "p"), 0.0),
    "another generator": changed(("layers", 3, "rng"), random.Random(99)),
    "plain averages": changed(("layers", 1, "momentum"), None),
    "another running mean": changed(("layers", 1, "running_mean"), [0.5, 0.1, 0.0]),
    "no dropout": at_epoch_2(lambda model, _: model.layers.pop(3)),
    "another activation": changed(("layers", 2), Elementwise("sigmoid")),
    "a velocity of zero": at_epoch_2(lambda _, o: o.state.update(velocity=[0.0] * len(o.parameters))),
    "steps counted anew": at_epoch_2(lambda _, o: setattr(o, "steps", 0)),
    "a whole number": at_epoch_2(lambda _, o: setattr(o, "weight_decay", 1)),
}


@pytest.mark.parametrize("name", REPLAYED)
def test_other_changes_of_what_the_package_has(name):
    check(layers, lambda p: optim.SGD(p, 0.05, momentum=0.5, dampening=0.2), REPLAYED[name])


FELL_BACK = {
    "fewer parameters": at_epoch_2(lambda _, o: o.parameters.pop(0)),
    "another layer": changed(("layers", 0), Layer(2, 3, activation="tanh", seed=9)),
    "no bias": changed(("layers", 0, "neurons", 0, "b"), None),
    "another weight": changed(("layers", 0, "neurons", 0, "w", 1), nn.parameter(0.3)),
}


@pytest.mark.parametrize("name", FELL_BACK)
def test_a_change_of_the_parameters_themselves(name):
    history, told = check(network, change=FELL_BACK[name], backend="; later eager: the optimizer")
    assert not told
    assert not history.backend.startswith("eager")


def test_modes_that_callbacks_choose():
    def off(model, _, training):
        model.train(training.step % 3 != 0)

    def one(model, _, training):
        model.layers[3].training = training.step % 3 == 0

    for change in (off, one):
        check(layers, change=change, on_step=True)


class FrozenNorm(Sequential):
    def train(self, mode=True):
        super().train(mode)
        self.layers[1].training = False
        return self


def test_a_mode_that_the_model_chooses():
    check(lambda: FrozenNorm(*layers().layers))


def test_numbers_are_inputs_and_nothing_is_recorded_anew(monkeypatch):
    recorded = []
    tracer = nn.replay.compiled_step.Tracer
    for module in (nn.replay.compiled_step, nn.replay.flat_update):
        monkeypatch.setattr(module, "Tracer", lambda *a: recorded.append(1) or tracer(*a))

    def change(model, optimizer, training):
        optimizer.momentum = 0.5 + 0.01 * training.epoch
        optimizer.weight_decay = 0.001 * training.epoch
        model.layers[1].eps = 1e-5 * (1 + training.epoch)
        model.layers[1].momentum = 0.1 + 0.01 * training.epoch
        model.layers[3].p = 0.1 + 0.01 * training.epoch
        counts.append(len(recorded))

    counts = []
    train(layers(), lambda p: optim.SGD(p, 0.05, momentum=0.5), change, batch_size=11)
    assert counts[0] == counts[-1] > 0


def test_what_changes_all_the_time_is_no_longer_replayed():
    def change(model, _, training):
        model.times += 1

    history, _ = check(times(1), change=change, on_step=True, epochs=24, backend="changed again and again")
    assert "later eager" in history.backend


# -- Modules of the user's ---------------------------------------------------------------------------------------------


class Own(Module):
    """A network, and what a test wants of it."""

    def __init__(self, **attributes):
        self.inner = network()
        for name, x in attributes.items():
            setattr(self, name, x)


def module(call, **attributes):
    """A function that makes a module with such a call; each its own class."""
    return lambda: type("Own", (Own,), {"__call__": call})(**copy.deepcopy(attributes))


def times(factor):
    return module(lambda self, x: self.inner(x) * self.times, times=factor)


def attribute(read, x, y, way=setattr):
    """A module that multiplies by what `read` finds in its attribute `a`, which is x, and then y."""
    call = lambda self, row: self.inner(row) * read(self.a)  # noqa: E731
    return module(call, a=x), at_epoch_2(lambda model, _: way(model, "a", y))


class Slotted:
    __slots__ = ("a",)

    def __init__(self, a):
        self.a = a


@dataclass(frozen=True)
class Frozen:
    a: float = 0.5


def inside(model, name, y):
    model.a.a = y


def put(model, name, y):
    model.a[0] = y


class Holder:
    a = 0.5


STRENGTH = 0.5
TABLE = {"a": 0.5}

ATTRIBUTES = {
    "a float": attribute(lambda a: a, 0.5, 2.0),
    "a float, then an int": attribute(lambda a: a, 0.5, 2),
    "an int": attribute(lambda a: a, 1, 2),
    "a number of NumPy": attribute(lambda a: a, numpy.float64(0.5), numpy.float64(2.0)),
    "a fraction": attribute(float, Fraction(1, 2), Fraction(2)),
    "a list": attribute(lambda a: a[0], [0.5], 2.0, put),
    "another list": attribute(lambda a: a[0], [0.5], [2.0]),
    "a longer list": attribute(lambda a: sum(a), [0.5], [0.5, 0.25]),
    "a dict": attribute(lambda a: a[0], {0: 0.5}, 2.0, put),
    "a tuple": attribute(lambda a: a[0][1], ((0.5, 0.3),), ((0.5, 2.0),)),
    "an array": attribute(lambda a: float(a[0]), numpy.array([0.5]), 2.0, put),
    "an array of objects": attribute(lambda a: a[0], numpy.array([autodiff.Value(0.5)]), autodiff.Value(2.0), put),
    "a set": attribute(len, {1}, {1, 2}),
    "a queue": attribute(lambda a: a[0], collections.deque([0.5]), 2.0, put),
    "a word": attribute(lambda a: 1.0 if a == "one" else 2.0, "one", "two"),
    "a flag": attribute(lambda a: 1.0 if a else 2.0, True, False),
    "a namespace": attribute(lambda a: a.a, types.SimpleNamespace(a=0.5), 2.0, inside),
    "slots": attribute(lambda a: a.a, Slotted(0.5), 2.0, inside),
    "a frozen dataclass": attribute(lambda a: a.a, Frozen(), Frozen(2.0)),
    "a Value": attribute(lambda a: a, autodiff.Value(0.5), autodiff.Value(2.0)),
    "the data of a Value": attribute(
        lambda a: a, autodiff.Value(0.5), 2.0, lambda model, _, y: setattr(model.a, "data", y)
    ),
    "a function": attribute(lambda a: a(3.0), lambda x: x, lambda x: -x),
    "a partial function": attribute(
        lambda a: a(3.0),
        functools.partial(lambda x, by: by * x, by=0.5),
        2.0,
        lambda model, _, y: model.a.keywords.update(by=y),
    ),
    "an exponent": attribute(lambda a: autodiff.Value(1.5) ** a, 0.5, 2.0),
    "zero, then minus zero": attribute(lambda a: math.copysign(1.0, a), 0.0, -0.0),
    "a branch": attribute(lambda a: 3.0 if a > 1.0 else 1.0, 0.5, 2.0),
    "a branch and a factor": attribute(lambda a: a if a > 1.0 else 1.0, 0.5, 2.0),
    "a look-up": attribute(lambda a: {0.5: 1.0, 2.0: 3.0}[a], 0.5, 2.0),
    "an index": attribute(lambda a: [1.0, 2.0, 3.0][int(a)], 0.5, 2.0),
    "a root": attribute(lambda a: math.sqrt(a), 0.5, 2.0),
    "its text": attribute(lambda a: float(f"{a:.1f}"), 0.5, 2.0),
    "its type": attribute(lambda a: a if isinstance(a, float) else 7.0, 0.5, 2.0),
}


def first(model, name, y):
    model.a["a"] = model.a.pop("a")


def reordered(model, name, y):
    attributes = dict(vars(model))
    vars(model).clear()
    vars(model).update(reversed(attributes.items()))


def folded(a):
    return functools.reduce(lambda x, y: x * y + y, a, 1.0)


def truly(model, name, y):
    model.a[True] = model.a.pop(1)


ATTRIBUTES |= {
    "the order of a dict": attribute(lambda a: folded(a.values()), {"a": 0.5, "b": 2.0}, None, first),
    "the order of its keys": attribute(lambda a: 1.0 + (next(iter(a)) == "a"), {"a": 1, "b": 1}, None, first),
    "the order of an ordered dict": attribute(
        lambda a: folded(a.values()),
        collections.OrderedDict(a=0.5, b=2.0),
        None,
        lambda model, *_: model.a.move_to_end("a"),
    ),
    "the order of functions": attribute(
        lambda a: functools.reduce(lambda x, f: f(x), a.values(), 0.3), {"a": math.sin, "b": math.exp}, None, first
    ),
    "an equal key of another type": attribute(lambda a: 1.0 + (next(iter(a)) is True), {1: 0.5}, None, truly),
}


class Rising:
    def of(self, x):
        return x


class Falling:
    def of(self, x):
        return -x


class Squaring(Own):
    def __call__(self, x):
        return self.inner(x) ** 2


ATTRIBUTES |= {
    "another class": attribute(lambda a: a.of(0.5), Rising(), Falling, lambda m, _, y: setattr(m.a, "__class__", y)),
    "another class of the model": (
        module(lambda self, x: self.inner(x)),
        at_epoch_2(lambda model, _: setattr(model, "__class__", Squaring)),
    ),
}


class Mode(int):
    pass


class Word(str):
    pass


class Share(float):
    pass


class Point(collections.namedtuple("Point", "x y")):
    def scaled(self):
        return self.x * self.scale


class Level(enum.IntEnum):
    LOW = 1


def described(kind, *arguments):
    x = kind(*arguments)
    x.scale = 0.5
    return x


def rescaled(model, name, y):
    model.a.scale = y


ATTRIBUTES |= {
    "an attribute of an int": attribute(lambda a: a.scale, described(Mode, 1), 2.0, rescaled),
    "an attribute of a word": attribute(lambda a: a.scale, described(Word, "a"), 2.0, rescaled),
    "an attribute of a float": attribute(lambda a: a * a.scale, described(Share, 0.7), 2.0, rescaled),
    "another equal one": attribute(lambda a: getattr(a, "scale", 2.0), described(Mode, 1), Mode(1)),
    "an attribute of a tuple": attribute(lambda a: a.scaled(), described(Point, 1.0, 2.0), 2.0, rescaled),
}
ORDERED = module(lambda self, x: self.inner(x) * folded(x for n, x in vars(self).items() if n in "ab"), a=0.5, b=2.0)
ATTRIBUTES["the order of attributes"] = ORDERED, at_epoch_2(lambda model, _: reordered(model, None, None))


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attributes(name):
    check(*ATTRIBUTES[name][:1], change=ATTRIBUTES[name][1])


def test_a_branch_in_evaluation():
    call = lambda self, x: self.inner(x) * (1.0 if self.training or self.times < 1.0 else 3.0)  # noqa: E731
    check(module(call, times=0.5), change=at_epoch_2(lambda model, _: setattr(model, "times", 2.0)))


def test_numbers_that_change_at_each_step():
    def change(model, _, training):
        model.times = 0.1 * training.step

    check(times(0.5), change=change, on_step=True)


def test_an_attribute_that_was_not_there():
    call = lambda self, x: self.inner(x) * getattr(self, "factor", 1.0)  # noqa: E731
    check(module(call), change=at_epoch_2(lambda model, _: setattr(model, "factor", 2.0)))


def test_a_buffer_of_the_users():
    def make():
        model = times(None)()
        model.register_buffer("times", 0.5)
        return model

    check(make, change=at_epoch_2(lambda model, _: setattr(model, "times", 2.0)))


def by_closure():
    factor = 0.5

    def call(self, x):
        return self.inner(x) * factor

    def change(model, optimizer):
        nonlocal factor
        factor = 2.0

    return call, change


def by_default(self, x, factor=0.5):
    return self.inner(x) * factor


package = types.ModuleType("package_of_the_users")
package.part = types.ModuleType("package_of_the_users.part")
sys.modules |= {package.__name__: package, package.part.__name__: package.part}
UNSEEN = [{"a": 0.5}]
VIEW = types.MappingProxyType(UNSEEN[0])


def importing(self, x):
    import package_of_the_users.part as part

    return self.inner(x) * part.level


def importing_a_name(self, x):
    from package_of_the_users.part import level

    return self.inner(x) * level


ELSEWHERE = {
    "a global name": (
        lambda self, x: self.inner(x) * STRENGTH,
        lambda *_: setattr(sys.modules[__name__], "STRENGTH", 2.0),
    ),
    "a global dict": (lambda self, x: self.inner(x) * TABLE["a"], lambda *_: TABLE.update(a=2.0)),
    "a global class": (lambda self, x: self.inner(x) * Holder.a, lambda *_: setattr(Holder, "a", 2.0)),
    "a function that is called": (
        lambda self, x: self.inner(x) * _helper(),
        lambda *_: setattr(sys.modules[__name__], "STRENGTH", 2.0),
    ),
    "its own class": (lambda self, x: self.inner(x) * type(self).a, lambda model, _: setattr(type(model), "a", 2.0)),
    "its method": (
        lambda self, x: self.inner(x),
        lambda model, _: setattr(type(model), "__call__", lambda self, x: 3.0 * self.inner(x)),
    ),
    "a default": (by_default, lambda model, _: setattr(type(model).__call__, "__defaults__", (2.0,))),
    "an attribute of a function": (
        lambda self, x: self.inner(x) * getattr(_helper, "factor", 1.0),
        lambda *_: setattr(_helper, "factor", 2.0),
    ),
    "a member of an enumeration": (
        lambda self, x: self.inner(x) * getattr(Level.LOW, "scale", 0.5),
        lambda *_: setattr(Level.LOW, "scale", 2.0),
    ),
    "a view of a dict": (lambda self, x: self.inner(x) * VIEW["a"], lambda *_: UNSEEN[0].update(a=2.0)),
    "a module in a module": (
        lambda self, x: self.inner(x) * package.part.level,
        lambda *_: setattr(package.part, "level", 2.0),
    ),
    "a module that is imported": (importing, lambda *_: setattr(package.part, "level", 2.0)),
    "a name that is imported": (importing_a_name, lambda *_: setattr(package.part, "level", 2.0)),
    "a module of the model": (
        lambda self, x: self.inner(x) * self.module.part.level,
        lambda *_: setattr(package.part, "level", 2.0),
    ),
    "a property": (lambda self, x: self.inner(x) * self.twice, lambda model, _: setattr(model, "b", 2.0)),
}


def _helper():
    return STRENGTH


@pytest.fixture
def as_it_was():
    """What is global, as it was before."""

    def reset():
        global STRENGTH
        STRENGTH, Holder.a, TABLE["a"] = 0.5, 0.5, 0.5
        vars(_helper).clear()
        vars(Level.LOW).pop("scale", None)
        package.part.level = UNSEEN[0]["a"] = 0.5

    yield reset
    reset()


@pytest.mark.parametrize("name", [*ELSEWHERE, "a closure"])
def test_what_functions_find_elsewhere(name, as_it_was):
    def make():
        as_it_was()
        call, change = by_closure() if name == "a closure" else ELSEWHERE[name]
        call = types.FunctionType(call.__code__, call.__globals__, call.__name__, call.__defaults__, call.__closure__)
        own = {"__call__": call, "a": 0.5, "b": 0.5, "twice": property(lambda self: 2.0 * self.b), "change": change}
        own["module"] = package
        return type("Own", (Own,), own)()

    check(make, change=at_epoch_2(lambda model, optimizer: vars(type(model))["change"](model, optimizer)))


def test_an_activation_with_a_setting():
    class Swish:
        def __init__(self):
            self.beta = 0.5

        def __call__(self, z):
            return z * (self.beta * z).sigmoid()

    def make():
        model = nn.MLP(2, [3, 1], activation=Swish(), seed=1)
        model.swish = model.layers[0].neurons[0].activation
        return model

    check(make, change=at_epoch_2(lambda model, _: setattr(model.swish, "beta", 2.0)))


# -- Modules that do more than to compute ------------------------------------------------------------------------------


def counting(self, x):
    self.calls += 1
    return self.inner(x)


def weighing(self, x):
    self.calls += 0.1
    return self.inner(x) * self.calls


def appending(self, x):
    self.seen.append(1.0)
    return self.inner(x) * len(self.seen)


def filling(self, x):
    self.seen[0] += 1.0
    return self.inner(x) * float(self.seen[0])


def alternating(self, x):
    self.flag = not self.flag
    return self.inner(x) * (2.0 if self.flag else 1.0)


def remembering(self, x):
    self.last = self.inner(x)
    return self.last


def counting_in_its_class(self, x):
    type(self).calls += 1
    return self.inner(x) * type(self).calls


LOG = []


def logging(self, x):
    LOG.append(len(LOG))
    return self.inner(x)


def printing(self, x):
    print("here", end="")
    return self.inner(x)


def complaining(self, x):
    print("here", end="", file=sys.stderr)
    return self.inner(x)


def writing(self, x):
    sys.stderr.write("here")
    return self.inner(x)


def turning_into_another(self, x):
    self.a.__class__ = Falling if type(self.a) is Rising else Rising
    return self.inner(x) * self.a.of(1.0)


def caching(self, x):
    if self.cache is None:
        self.cache = 3.0
    return self.inner(x) * self.cache


def turning(self, x):
    self.seen["a"] = self.seen.pop("a")
    return self.inner(x) * (1.0 + (next(iter(self.seen)) == "a"))


def averaging(self, x):
    self.a.data = 0.9 * self.a.data + 0.1 * self.inner.layers[1].neurons[0].b.data
    return self.inner(x) * self.a.data


def averaging_in_a_list(self, x):
    self.a[0].data = 0.5 * self.a[0].data + 0.1
    return self.inner(x) * self.a[0].data


def setting(self, x):
    self.a.data = 0.5 + 0.01 * len(self.seen)
    return self.inner(x) * self.a.data


def grading(self, x):
    self.a.grad += 0.5
    return self.inner(x) * self.a.grad


def grading_a_parameter(self, x):
    self.inner.layers[0].neurons[0].b.grad = 0.5
    return self.inner(x)


def naming(self, x):
    self.a.label += "a"
    return self.inner(x) * len(self.a.label)


def by_gradient(self, x):
    return self.inner(x) * (1.0 + self.inner.layers[0].neurons[0].b.grad)


VALUES = {
    "a running mean": module(averaging, a=autodiff.Value(0.5)),
    "one of a list": module(averaging_in_a_list, a=[autodiff.Value(0.5)]),
    "a number that is set": module(setting, a=autodiff.Value(0.3, "a"), seen=[]),
    "a gradient": module(grading, a=autodiff.Value(0.5)),
    "the gradient of a parameter": module(grading_a_parameter),
    "a label": module(naming, a=autodiff.Value(0.5, "a")),
    "a gradient that is read": module(by_gradient),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_that_are_changed_as_they_would_be_eagerly(name):
    check(VALUES[name], backend="eager: the model or the loss ")


def test_an_optimizer_that_looks_at_gradients():
    def update(self, x, g, state, step):
        return x - self.lr * g / (1.0 + sum(abs(p.grad) for p in self.ps)), ()

    def rule(parameters):
        own = optimizer(update)(parameters)
        own.ps = list(parameters)
        return own

    check(network, rule, backend="eager steps: the optimizer")


IMPURE = {
    "the order of a dict": module(turning, seen={"a": 1, "b": 1, "c": 1}),
    "the order of an ordered dict": module(turning, seen=collections.OrderedDict(a=1, b=1, c=1)),
    "global random numbers": module(lambda self, x: self.inner(x) + random.gauss(0.0, 0.1)),
    "a branch on one": module(lambda self, x: self.inner(x) * (2.0 if random.random() < 0.5 else 1.0)),
    "in training": module(lambda self, x: self.inner(x) * (random.random() if self.training else 1.0)),
    "in evaluation": module(lambda self, x: self.inner(x) * (1.0 if self.training else random.random())),
    "of NumPy": module(lambda self, x: self.inner(x) + 0.1 * float(numpy.random.normal())),
    "its own generator": module(lambda self, x: self.inner(x) + self.rng.gauss(0.0, 0.1), rng=random.Random(3)),
    "its own of NumPy": module(
        lambda self, x: self.inner(x) + 0.1 * self.rng.normal(), rng=numpy.random.default_rng(3)
    ),
    "its own of NumPy, the old": module(
        lambda self, x: self.inner(x) + 0.1 * self.rng.normal(), rng=numpy.random.RandomState(3)
    ),
    "a bound method": module(lambda self, x: self.inner(x) + self.draw(0.0, 0.1), draw=random.Random(3).gauss),
    "a counter": module(counting, calls=0),
    "a counter that counts": module(weighing, calls=0.0),
    "a list": module(appending, seen=[]),
    "a queue": module(appending, seen=collections.deque(maxlen=3)),
    "a set": module(lambda self, x: self.seen.add(len(self.seen)) or self.inner(x), seen=set()),
    "an array": module(filling, seen=numpy.zeros(2)),
    "an array of Python": module(filling, seen=array("d", [0.0])),
    "a flag": module(alternating, flag=True),
    "what it gave": module(remembering),
    "its class": lambda: type("Own", (Own,), {"__call__": counting_in_its_class, "calls": 0})(),
    "a global list": lambda: LOG.clear() or module(logging)(),
    "a print": module(printing),
    "a print of errors": module(complaining),
    "a word of errors": module(writing),
    "a class of an object": lambda: module(turning_into_another, a=Rising())(),
    "a cache": module(caching, cache=None),
    "an iterator": module(lambda self, x: self.inner(x) * (1.0 + 0.01 * next(self.k)), k=itertools.count()),
}


@pytest.mark.parametrize("name", IMPURE)
def test_code_that_does_more_than_to_compute(name, capsys):
    """It is called eagerly, as often as it would have been, and one warning says why."""
    history, told = check(IMPURE[name], backend="eager: the model or the loss ")
    assert history.backend.startswith("eager: ")
    assert len(told) == 1
    assert str(told[0].message).startswith(history.backend.removeprefix("eager: "))
    printed = capsys.readouterr()
    assert printed.out.startswith("here") is (name == "a print")
    assert printed.err.startswith("here") is ("of errors" in name)


WARNING = """
import warnings, nn
class Own(nn.Module):
    def __init__(self):
        self.w = nn.parameter(0.5)
    def __call__(self, x):
        warnings.warn("louder", stacklevel=1)
        return self.w * x[0]
print(nn.fit(Own(), nn.data.Dataset([[0.5], [1.0]], [1.0, 2.0]), epochs=2, progress=False).backend)
"""


def test_warnings_are_no_prints():
    told = subprocess.run([sys.executable, "-c", WARNING], capture_output=True, text=True, check=True)
    assert "eager" not in told.stdout
    assert "UserWarning: louder" in told.stderr


@pytest.mark.parametrize(
    "call",
    [
        lambda self, x: self.inner(x) * (1.0 + 1e-9 * time.perf_counter()),
        lambda self, x: self.inner(x) * (1.0 + 0.01 * os.urandom(4)[0]),
        lambda self, x: self.inner(x) * (1.0 + 0.01 * random.SystemRandom().random()),
        lambda self, x: self.inner(x) * (1.0 + 1e-9 * (id(object()) % 1e6) + 1e-6 * time.time()),
    ],
    ids=["a clock", "random bytes", "the system's random numbers", "time"],
)
def test_what_no_state_is_known_of(call):
    history, _, told = train(module(call)())
    assert history.backend == "eager: the model or the loss computes something else each time"
    assert len(told) == 1


def test_what_was_found_is_left_as_it_was():
    class Careless(Own):
        def __call__(self, x):
            self.calls = getattr(self, "calls", 0) + 1
            self.seen.append(x)
            self.rng.random()
            return self.inner(x) * random.random() * numpy.random.random()

    rng = random.Random(3)
    model = Careless(seen=[1.0], rng=rng)
    states = random.getstate(), rng.getstate(), numpy.random.get_state()[2]
    with pytest.raises(Unrepeatable, match="draws random numbers"):
        nn.compile(model, losses.mse)(ROWS, TARGETS)
    assert (random.getstate(), rng.getstate(), numpy.random.get_state()[2]) == states
    assert (model.seen, model.rng, hasattr(model, "calls")) == ([1.0], rng, False)


def test_random_numbers_that_are_the_same_each_time_are_replayed():
    check(module(lambda self, x: self.inner(x) * random.Random(3).random()))


@pytest.mark.parametrize(
    "call",
    [
        lambda self, x: self.inner(x) * (2.0 if isinstance(x[0], float) else 1.0),
        lambda self, x: self.inner(x) * (2.0 if isinstance(x, list) else 1.0),
        lambda self, x: self.inner(x) * (2.0 if x[0] > 0.3 else 1.0),
        lambda self, x: self.inner(x) * math.sin(x[0]),
        lambda self, x: self.inner(x) * [1.0, 2.0][int(x[0])],
    ],
    ids=["the type of a number", "the type of a row", "a branch", "a function of math", "an index"],
)
def test_a_branch_on_the_data(call):
    _, told = check(module(call), backend="eager: the model or the loss ")
    assert not told


def unlike(self, x, g, state, step):
    try:
        factor = 1.0 / (step - 1)
    except ZeroDivisionError:
        factor = 0.5
    return x - self.lr * g * factor, ()


def rooted(self, x):
    return self.inner(x) * abs((self.a - 1.0) ** 0.5)  # a complex number, by itself


def test_what_is_not_finite_as_a_program_only():
    copied = module(lambda self, x: self.inner(x) * pickle.loads(pickle.dumps(self.a)), a=0.7)
    check(copied, change=at_epoch_2(lambda model, _: setattr(model, "a", 0.2)))
    check(module(rooted, a=0.5))
    parameter = module(lambda self, x: self.inner(x) * pickle.loads(pickle.dumps(self.inner.layers[0].neurons[0].b)))
    check(parameter, backend="eager: the model or the loss cannot be recorded: a pickle of b")
    check(network, optimizer(unlike), backend="eager steps: the optimizer computes something else")
    assert nn.replay.compiled_step.agree([math.nan, math.inf, -math.inf], [math.nan, math.inf, -math.inf])
    for x in (math.inf, math.nan, -math.inf):
        for y in {1.0, math.inf} - {x}:
            assert not nn.replay.compiled_step.agree([x, 1.0], [y, 1.0])
            assert not nn.replay.compiled_step.agree([y, 1.0], [x, 1.0])


def tried(attempt, otherwise=0.5):
    """A module that multiplies by what is attempted with a row, or, if that fails, by something else."""

    def call(self, x):
        try:
            factor = attempt(x)
        except (ArithmeticError, ValueError):
            factor = otherwise
        return self.inner(x) * factor

    return module(call)


ATTEMPTS = {
    "a zero": lambda x: autodiff.ops.tanh(1.0 / x[1]),
    "a negative": lambda x: abs((x[0] + 1.0) ** 0.5),
    "the largest": lambda x: autodiff.ops.tanh(1.0 / (0.96 - x[1])),
    "a number between": lambda x: 1.0 / (x[0] - 0.5),
}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_a_branch_by_exception_on_the_data(name):
    rows = [[0.7 + 0.1 * (k % 5), 0.3 + 0.1 * (k % 7)] for k in range(40)]
    rows[23], rows[31], rows[36] = [0.5, 0.4], [-3.0, 0.0], [0.9, 0.96]
    data = nn.data.Dataset(rows, [math.cos(k) for k in range(40)])
    check(tried(ATTEMPTS[name]), data=data, backend="eager: the model or the loss computes something else")


def test_a_subclass_of_a_layer():
    class Louder(Dropout):
        pass

    class Norm(BatchNorm):
        pass

    def make():
        model = layers()
        model.layers[1], model.layers[3] = Norm(3), Louder(0.2, seed=1)
        return model

    check(make, change=changed(("layers", 3, "p"), 0.5))


def test_numbers_that_are_drawn_at_each_run():
    """`recording.drawn` is how a module of the user's may draw, as `Dropout` does."""

    class Noise(Module):
        def __init__(self):
            self.size, self.rng = 0.1, random.Random(3)

        def draw(self):
            return self.rng.gauss(0.0, self.size)

        def __call__(self, x):
            return [a + autodiff.recording.drawn(self.draw) for a in x] if self.training else x

    make = lambda: Sequential(Layer(2, 3, seed=1), Noise(), Layer(3, 1, False, seed=2))  # noqa: E731
    check(make, change=changed(("layers", 1, "size"), 0.5))


def test_code_whose_state_cannot_be_seen_is_tried_again(monkeypatch):
    """What it computes depends on the environment, say, which was the same each time while it was recorded."""
    monkeypatch.setenv("LEVEL", "1")
    model = module(lambda self, x: self.inner(x) * int(os.environ["LEVEL"]))()
    history, _, told = train(model, change=at_epoch_2(lambda *_: monkeypatch.setenv("LEVEL", "2")), epochs=9)
    words = "later eager: the model or the loss computes something else than when it was recorded"
    assert history.backend.endswith(words)
    assert len(told) == 1


# -- Optimizers of the user's ------------------------------------------------------------------------------------------


def optimizer(update, state_names=(), **attributes):
    """A function that makes an optimizer with such a rule; each its own class."""

    def made(parameters):
        kind = type("Own", (optim.Optimizer,), {"update": update, "state_names": state_names})
        own = kind(parameters, 0.05)
        vars(own).update(copy.deepcopy(attributes))
        return own

    return made


def counts(self, x, g, state, step):
    self.calls += 1
    return x - self.lr * g * (1.0 + 0.01 * self.calls), ()


TRACED = {
    "plain": optimizer(lambda self, x, g, state, step: (x - self.lr * g, ())),
    "the step": optimizer(lambda self, x, g, state, step: (x - self.lr * g / step**0.5, ())),
    "steps so far": optimizer(lambda self, x, g, state, step: (x - self.lr * g / (1 + self.steps), ())),
    "a choice": optimizer(lambda self, x, g, state, step: (x - self.lr * g * autodiff.where(g > 0.0, 2.0, 1.0), ())),
    "a size": optimizer(lambda self, x, g, state, step: (x - self.lr * abs(g) ** 1.5, ())),
    "NumPy": optimizer(
        lambda self, x, g, state, step: (x - self.lr * g / numpy.sqrt(state[0] + 0.1), (state[0] + g * g,)), ("a",)
    ),
    "how many parameters": optimizer(lambda self, x, g, state, step: (x - self.lr * g / len(self.parameters), ())),
    "an attribute": optimizer(lambda self, x, g, state, step: (x - self.lr * self.a * g, ()), a=0.5),
    "a branch on one": optimizer(
        lambda self, x, g, state, step: (x - self.lr * (3 if self.a > 1 else 1) * g, ()), a=0.5
    ),
}


@pytest.mark.parametrize("name", TRACED)
def test_rules_that_are_replayed(name):
    check(network, TRACED[name], at_epoch_2(lambda _, o: setattr(o, "a", 2.0)))


UNTRACED = {
    "a branch": optimizer(lambda self, x, g, state, step: (x - self.lr * g * (2 if g > 0 else 1), ())),
    "max": optimizer(lambda self, x, g, state, step: (x - self.lr * max(g, 0.0), ())),
    "min and or": optimizer(lambda self, x, g, state, step: (x - self.lr * (min(g, 0.1) or 0.01), ())),
    "copysign": optimizer(lambda self, x, g, state, step: (x - self.lr * math.copysign(0.1, g), ())),
    "sqrt": optimizer(
        lambda self, x, g, state, step: (x - self.lr * g / math.sqrt(state[0] + 0.1), (state[0] + g * g,)), ("a",)
    ),
    "a table": optimizer(lambda self, x, g, state, step: (x - [0.1, 0.05, 0.02][min(step, 2)] * g, ())),
    "some steps": optimizer(lambda self, x, g, state, step: (x - self.lr * g * (2 if step in (1, 2, 3) else 1), ())),
    "first steps": optimizer(lambda self, x, g, state, step: (x - self.lr * g * (2 if step < 5 else 1), ())),
    "every other step": optimizer(lambda self, x, g, state, step: (x - self.lr * g * (step % 2), ())),
    "the type of the step": optimizer(
        lambda self, x, g, state, step: (x - self.lr * g * (2 if isinstance(step, int) else 1), ())
    ),
    "the type of a number": optimizer(
        lambda self, x, g, state, step: (x - self.lr * g * (2 if isinstance(g, float) else 1), ())
    ),
    "a parameter": optimizer(lambda self, x, g, state, step: (x - self.lr * g * self.parameters[0].data, ())),
    "its state": optimizer(
        lambda self, x, g, state, step: (x - self.lr * g * self.state["a"][0], (1.0 + state[0],)), ("a",)
    ),
    "a gradient": optimizer(lambda self, x, g, state, step: (x - self.lr * (g + 0.1 * self.parameters[0].grad), ())),
    "no state": optimizer(lambda self, x, g, state, step: (x - self.lr * g, ()), ("a",)),
}


@pytest.mark.parametrize("some", [False, True], ids=["all", "some"])
@pytest.mark.parametrize("name", UNTRACED)
def test_rules_that_are_not(name, some):
    """The rest is replayed, and the history says so."""
    rule = (lambda p: UNTRACED[name](p[3:])) if some else UNTRACED[name]
    history, told = check(network, rule, backend=", but eager steps: the optimizer ")
    assert not history.backend.startswith("eager")
    assert not told


@pytest.mark.parametrize(
    "rule",
    [
        optimizer(lambda self, x, g, state, step: (x - self.lr * g + random.gauss(0.0, 0.01), ())),
        optimizer(lambda self, x, g, state, step: (x - self.lr * g + 0.01 * numpy.random.normal(), ())),
        optimizer(lambda self, x, g, state, step: (x - self.lr * g + 0.01 * self.r.random(), ()), r=random.Random(1)),
        optimizer(counts, calls=0),
        optimizer(counts, calls=0.0),
    ],
    ids=["noise", "of NumPy", "its own", "a counter", "a counter of floats"],
)
def test_rules_that_do_more_than_to_compute(rule):
    _, told = check(network, rule, backend=", but eager steps: the optimizer ")
    assert len(told) == 1


def test_an_optimizer_that_holds_values():
    class Anchored(optim.Optimizer):
        def __init__(self, parameters, lr=0.05):
            super().__init__(parameters, lr)
            self.anchor = self.parameters[0]

        def update(self, x, g, state, step):
            return x - self.lr * (g + 0.1 * self.anchor.data), ()

    check(network, Anchored, backend="eager steps")


def test_an_optimizer_that_adds_gradients_up():
    class Adding(optim.SGD):
        def zero_grad(self):
            pass

    check(network, lambda p: Adding(p, 0.01), backend="eager: Adding has a zero_grad of its own")
    patched = at_epoch_2(lambda _, o: setattr(o, "step", lambda: None))
    check(network, change=patched, backend="; later eager: SGD has a step of its own")


@pytest.mark.parametrize("some", [False, True], ids=["all", "some"])
def test_a_rule_that_is_changed(some):
    rule = lambda p: optim.Adam(p[3:] if some else p, 0.02)  # noqa: E731
    check(network, rule, at_epoch_2(lambda _, o: setattr(o, "update", lambda x, g, state, step: (x - 0.1 * g, state))))


# -- Others who look on ------------------------------------------------------------------------------------------------


def holding(make, of):
    """A model, and a function `of` it."""
    held = []

    def made():
        held[:] = [make()]
        return held[0]

    return made, lambda *arguments: of(held[0], *arguments)


def moved(model, outputs, targets):
    model.layers[0].neurons[0].b.data += 0.01
    return 0.0


def test_a_metric_that_looks_at_the_model():
    make, metric = holding(network, lambda model, *_: -sum(p.data**2 for p in model.parameters()))
    check(make, metric=metric)


def test_a_metric_that_moves_it():
    make, metric = holding(network, moved)
    check(make, metric=metric)


def test_a_schedule_that_looks_at_the_model():
    make, schedule = holding(network, lambda model, step: 0.1 * (1.0 + abs(model.layers[0].neurons[0].b.data)))
    check(make, schedule=schedule)
    check(make, schedule=nn.schedules.warmup(schedule, 3))


def test_a_schedule_that_changes_it():
    def schedule(model, step):
        model.times = 1 + step // 5
        return 0.05

    make, of_step = holding(times(1), schedule)
    check(make, schedule=of_step)


LEVEL, SHAPE = 1.0, math.sin


def flat(x):
    return 0.5


def global_level(k):
    global LEVEL
    LEVEL = 1.0 if k < 3 else 2.0


def global_function(k):
    global SHAPE
    SHAPE = math.sin if k < 3 else flat


def class_level(k):
    Holder.a = 0.5 if k < 3 else 2.0


def by_a_helper(k):
    global_level(k)


TURNED = {
    "a global number": (global_level, lambda self, x: self.inner(x) * LEVEL),
    "a global function": (global_function, lambda self, x: self.inner(x) * SHAPE(1.0)),
    "by a helper": (by_a_helper, lambda self, x: self.inner(x) * LEVEL),
    "an attribute of a class": (class_level, lambda self, x: self.inner(x) * Holder.a),
}


@pytest.mark.parametrize("who", ["schedule", "metric"])
@pytest.mark.parametrize("name", [*TURNED, "a closure"])
def test_schedules_and_metrics_that_change_what_is_looked_up(name, who, as_it_was):
    steps = itertools.count()
    level = 1.0

    def of_closure(k):
        nonlocal level
        level = 1.0 if k < 3 else 2.0

    turn, call = TURNED.get(name, (of_closure, lambda self, x: self.inner(x) * level))

    def make():
        nonlocal steps
        steps = itertools.count()
        turn(0)
        return module(call)()

    def schedule(k):
        turn(k)
        return 0.1

    def metric(outputs, targets):
        turn(next(steps))
        return 0.0

    check(make, **({"schedule": schedule} if who == "schedule" else {"metric": metric}))
    turn(0)


@pytest.mark.parametrize("on_step", [False, True], ids=["epochs", "steps"])
@pytest.mark.parametrize("validated", [False, True])
def test_data_that_a_callback_changes(validated, on_step):
    data = nn.data.Dataset(copy.deepcopy(ROWS), list(TARGETS))

    def change(model, _, training):
        data.features[0][0] = math.sin(training.step)
        data.targets[1] = math.cos(training.step)

    def make():
        data.features[0][0], data.targets[1] = 0.0, 1.0
        return network()

    check(make, change=change, data=data, on_step=on_step, validation=data if validated else None)


def test_a_resumed_training_runs_the_rule_of_the_checkpoint(tmp_path):
    """Momentum and flags are those of the file, and so is what is computed."""

    def run(path, epochs, eager):
        model = network()
        rule = optim.SGD(model.parameters(), 0.05, momentum=0.1)

        def change(training):
            if training.epoch == 2:
                rule.momentum, rule.nesterov = 0.9, True

        data = nn.data.Dataset(ROWS, TARGETS)
        options = {"epochs": epochs, "batch_size": 4, "eager": eager, "progress": False, "callbacks": [change]}
        nn.fit(model, data, optimizer=rule, checkpoint=path, resume=path is not None, **options)
        return rule, list(model.state_dict().values())

    ends = []
    for eager in (True, False):
        path = tmp_path / f"{eager}.json"
        run(path, 3, eager)
        rule, found = run(path, 6, eager)
        assert (rule.momentum, rule.nesterov) == (0.9, True)
        assert found == run(None, 6, eager)[1]
        ends.append(found)
    assert ends[1] == pytest.approx(ends[0], rel=1e-9, abs=1e-12)


@dataclass
class Scaled:
    """A loss that has no hash."""

    factor: float = 2.0

    def __call__(self, outputs, targets):
        return sum((y - t) ** 2 for y, t in zip(outputs, targets)) * self.factor


def test_a_loss_of_the_users():
    _, told = check(network, loss=Scaled(), backend="eager: the loss is a function of your own")
    assert not told


# -- A compiled step ---------------------------------------------------------------------------------------------------


def test_a_compiled_step_follows_the_model_and_the_loss():
    model, loss = times(0.5)(), Scaled()
    step, eager = nn.compile(model, loss), EagerStep(model, loss)

    def same():
        found = []
        for way in (eager, step):
            model.zero_grad()
            found.append([way(ROWS, TARGETS), *(p.grad for p in model.parameters())])
        assert found[1] == pytest.approx(found[0], rel=1e-12, abs=1e-14)

    same()
    for owner, name, x in (
        (model, "times", 0.7),
        (model, "times", 2),
        (loss, "factor", 0.3),
        (model.inner, "layers", nn.MLP(2, [4, 1], seed=3).layers),
        (model.inner.layers[0].neurons[0], "activation", None),
        (model, "unused", [nn.parameter(1.0)]),
    ):
        setattr(owner, name, x)
        same()
    assert len(step.gradient) == len(step.values) == len(model.parameters())


def test_a_step_that_cannot_be_compiled_any_more():
    model = times(0.5)()
    step = nn.compile(model, losses.mse)
    step(ROWS, TARGETS)
    type(model).__call__ = counting
    model.calls = 0
    with pytest.raises(NotCompilable, match=r"changes Own\.calls"):
        step(ROWS, TARGETS)
    assert model.calls == 0
