"""Small trainings as source texts, put together of pieces that a recorded program might freeze.

A `Piece` is a few lines of a user's module, optimizer or loss, and what a callback does to what they read. `trainings`
draws some; `Training.run` executes the text anew and trains by `nn.fit`, so that two runs share nothing, and tells all
that a user could see afterwards.

The nature of a piece says what is asked of it:

* calm: it computes, and reads what callbacks may change; it has to be replayed;
* branch: it decides on a number of the data or the model, or takes one out of the graph; it may be done eagerly, which
  may be seen late;
* random, effect: it draws random numbers, or does more than to compute; done eagerly, with one warning;
* hidden: it reads what callbacks may change, where nobody can find it; it may be seen late that it changed;
* clock: random numbers that nobody can repeat.
"""

from __future__ import annotations

import collections
import contextlib
import copy
import io
import itertools
import random
import textwrap
import types
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from autodiff import Value
from nn import fit, optim, schedules
from nn.callbacks import Callback
from nn.data import Dataset

ROWS = [[0.0, 1.0], [1.0, 0.5], [0.5, -1.0], [-0.5, 0.25], [0.75, 0.0]]
TARGETS = [0.5, 0.25, 1.0, 0.0, 0.75]
LABELS = [0, 1, 1, 0, 1]


class Piece(NamedTuple):
    """Lines of code: of the forward pass, which changes `y`; of the constructor; of the class; of the text's top level.

    A callback may do `change`. In all of them {i} is the number of the piece, {v} and {u} are numbers.
    """

    nature: str
    forward: str
    init: str = ""
    change: str = ""
    body: str = ""
    top: str = ""


def calm(forward: str, init: str = "", change: str = "", **rest: str) -> Piece:
    return Piece("calm", forward, init, change, **rest)


def branch(forward: str, init: str = "", change: str = "", **rest: str) -> Piece:
    return Piece("branch", forward, init, change, **rest)


def at_random(forward: str, init: str = "", change: str = "", **rest: str) -> Piece:
    return Piece("random", forward, init, change, **rest)


def effect(forward: str, init: str = "", change: str = "", **rest: str) -> Piece:
    return Piece("effect", forward, init, change, **rest)


CELL = """
def make{i}():
    held = {v}
    def read{i}(): return held
    def write{i}(x):
        nonlocal held
        held = x
    return read{i}, write{i}
read{i}, write{i} = make{i}()
"""

HOLDER = """
class Holder{i}:
    def __init__(self, held): self.held = held
"""

SLOTS = """
class Slotted{i}:
    __slots__ = ("held",)
    def __init__(self, held): self.held = held
"""

ATTRIBUTES = [
    calm("y = y * self.a{i} + {u}", "self.a{i} = {v}", "net.a{i} *= 0.8"),
    calm("y = y + self.a{i} * x[0]", "self.a{i} = {v}", "net.a{i} = 0.1 * at.epoch"),
    calm("for _ in range(self.n{i}): y = 0.7 * y + x[1] * y", "self.n{i} = 2", "net.n{i} = 1 + at.epoch % 3"),
    calm("if self.flag{i}: y = y.tanh()", "self.flag{i} = True", "net.flag{i} = not net.flag{i}"),
    calm("y = y.tanh() if self.flag{i} else y * {v}", "self.flag{i} = False", "net.flag{i} = not net.flag{i}"),
    calm("y = getattr(y, self.how{i})()", "self.how{i} = 'tanh'", "net.how{i} = 'sin' if at.epoch % 2 else 'relu'"),
    calm(
        "if self.how{i} == 'up': y = y * 1.3\nelif self.how{i} == 'down': y = y * 0.6",
        "self.how{i} = 'up'",
        "net.how{i} = 'down' if at.epoch % 2 else 'same'",
    ),
    calm(
        "match self.how{i}:\n    case 'up': y = y * 1.3\n    case _: y = y.tanh()",
        "self.how{i} = 'up'",
        "net.how{i} = 'down' if at.epoch % 2 else 'up'",
    ),
    calm("y = y * self.c{i}[0] + self.c{i}[1]", "self.c{i} = [{v}, {u}]", "net.c{i}[0] *= 0.9"),
    calm("y = y * sum(self.c{i})", "self.c{i} = [{v}, {u}]", "net.c{i}.append(0.1)"),
    calm("y = sum(c * y for c in self.c{i})", "self.c{i} = ({v}, {u})", "net.c{i} = (*net.c{i}[1:], 0.3)"),
    calm(
        "y = y * self.c{i}[self.which{i}]", "self.c{i} = [{v}, {u}]; self.which{i} = 0", "net.which{i} = at.epoch % 2"
    ),
    calm("y = y * self.d{i}['up']", "self.d{i} = {{'up': {v}}}", "net.d{i}['up'] = 0.2 * at.epoch"),
    calm(
        "y = y * self.d{i}[self.how{i}]",
        "self.d{i} = dict(up={v}, down={u}); self.how{i} = 'up'",
        "net.how{i} = 'down'",
    ),
    calm("y = y + sum(self.d{i}.values())", "self.d{i} = {{'up': {v}}}", "net.d{i}[at.epoch] = 0.1"),
    calm("y = y * self.d{i}.get('up', {u})", "self.d{i} = {{}}", "net.d{i}['up'] = {v}"),
    calm("y = y * self.h{i}.held", "self.h{i} = Holder{i}({v})", "net.h{i}.held *= 0.9", top=HOLDER),
    calm("y = y * self.h{i}.held", "self.h{i} = Holder{i}({v})", "net.h{i} = Holder{i}(0.3 * at.epoch)", top=HOLDER),
    calm(
        "y = y * self.h{i}.held.held", "self.h{i} = Holder{i}(Holder{i}({v}))", "net.h{i}.held.held -= 0.1", top=HOLDER
    ),
    calm(
        "y = y * self.h{i}.held['a'][1]",
        "self.h{i} = Holder{i}(dict(a=[{u}, {v}]))",
        "net.h{i}.held['a'][1] *= 0.9",
        top=HOLDER,
    ),
    calm("y = y * self.h{i}.held", "self.h{i} = Slotted{i}({v})", "net.h{i}.held *= 0.9", top=SLOTS),
    calm("y = y * read{i}()", change="write{i}(0.3 * at.epoch)", top=CELL),
    calm("y = y * G{i}", change="global G{i}; G{i} = G{i} * 0.9", top="G{i} = {v}"),
    calm(
        "y = y * G{i}['held'] if N{i} > 1 else y.sin()",
        change="global N{i}; N{i} = at.epoch; G{i}['held'] *= 0.9",
        top="N{i} = 2; G{i} = dict(held={v})",
    ),
    calm(
        "y = y * scaled{i}(x[0])",
        change="global G{i}; G{i} = 0.2 * at.epoch",
        top="G{i} = {v}\ndef scaled{i}(t): return G{i} * t + {u}",
    ),
    calm("y = y * self.LEVEL{i}", change="type(net).LEVEL{i} *= 0.9", body="LEVEL{i} = {v}"),
    calm("y = y * self.LEVEL{i}", change="net.LEVEL{i} = 0.3 * at.epoch", body="LEVEL{i} = {v}"),
    calm(
        "y = y * self.p{i}",
        "self.q{i} = {v}",
        "net.q{i} *= 0.9",
        body="@property\ndef p{i}(self): return 0.5 * self.q{i} + {u}",
    ),
    calm(
        "y = y * self.p{i}",
        "self.q{i} = 2",
        "net.q{i} = at.epoch",
        body="@property\ndef p{i}(self): return 0.5 if self.q{i} < 2 else {u}",
    ),
    calm(
        "y = self.f{i}(y)",
        "self.f{i} = one{i}",
        "net.f{i} = two{i}",
        top="def one{i}(t): return t * {v}\ndef two{i}(t): return t.tanh()",
    ),
    calm("y = self.f{i}(y)", "self.f{i} = lambda t, by={v}: t * by", "net.f{i}.__defaults__ = (0.2 * at.epoch,)"),
    calm(
        "y = self.f{i}(y)",
        "self.f{i} = partial(times{i}, by={v})",
        "net.f{i} = partial(times{i}, by=0.2 * at.epoch)",
        top="from functools import partial\ndef times{i}(t, by): return t * by",
    ),
    calm("y = y if self.more{i} is None else y * self.more{i}", "self.more{i} = None", "net.more{i} = {v}"),
    calm("y = y * float(self.array{i}[0])", "self.array{i} = np.array([{v}])", "net.array{i}[0] *= 0.9"),
    calm("y = y * {v} if self.n{i} in (1, 3) else y * {u}", "self.n{i} = 1", "net.n{i} = at.epoch"),
    calm(
        "y = y * {v} if self.n{i} in self.set{i} else y * {u}",
        "self.n{i} = 1; self.set{i} = {{0, 1}}",
        "net.set{i} ^= {{1}}",
    ),
    calm("y = y * (0.5 if max(self.n{i}, 2) == 2 else {v})", "self.n{i} = 1", "net.n{i} = 2 * at.epoch"),
    calm(
        "y = y * {v} if any(self.flags{i}) and not all(self.flags{i}) else y",
        "self.flags{i} = [True, False]",
        "net.flags{i}[1] = not net.flags{i}[1]",
    ),
    calm("y = y * sorted(self.ints{i})[0] * 0.3", "self.ints{i} = [3, 2]", "net.ints{i}.append(1)"),
    calm("n = self.n{i}\nwhile n > 0:\n    y = y * {v}\n    n -= 1", "self.n{i} = 2", "net.n{i} = at.epoch % 3"),
    calm("y = y * {v} if isinstance(self.kind{i}, str) else y.tanh()", "self.kind{i} = 'a'", "net.kind{i} = None"),
    calm("try:\n    y = y * self.missing{i}\nexcept AttributeError:\n    y = y.tanh()", change="net.missing{i} = {v}"),
    calm(
        "try:\n    y = y * self.d{i}['up']\nexcept KeyError:\n    y = y.tanh()",
        "self.d{i} = {{}}",
        "net.d{i}['up'] = {v}",
    ),
    calm("y = y * {v} if hasattr(self, 'more{i}') else y", change="net.more{i} = 1"),
    calm("y = self.drop{i}(y)", "self.drop{i} = Dropout(0.4, seed=3)", "net.drop{i}.p = 0.1 * at.epoch"),
    calm("y = self.inner{i}(y)", "self.inner{i} = Neuron(1, activation='tanh', seed=2)", "net.inner{i}.b.data += 0.1"),
    calm("y = y + 0.1 * self.training * self.a{i}", "self.a{i} = {v}", "net.a{i} *= 0.5"),
    calm("y = ops.where(x[0] > self.a{i}, y, {u} * y)", "self.a{i} = 0.6", "net.a{i} -= 0.2"),
    calm("y = ops.maximum(y, self.a{i})", "self.a{i} = 0.1", "net.a{i} -= 0.1"),
    calm("y = y + sum({v} * t for t in x) / len(x)"),
    calm("y = y * abs(x[1]) + x[0] ** 2"),
    calm("y = y ** self.n{i} * 0.5", "self.n{i} = 2", "net.n{i} = 1 + at.epoch % 2"),
    calm("y = y * x[self.n{i}] + {u}", "self.n{i} = 0", "net.n{i} = 1 - net.n{i}"),
]

CONFIG = """
config{i} = types.ModuleType("config{i}")
config{i}.level = {v}
"""

SCALER = """
class Scaler{i}:
    def __init__(self, by): self.by = by
    def scaled(self, t): return self.by * t
    __call__ = scaled
    @property
    def half(self): return 0.5 * self.by
    @classmethod
    def shared(cls, t): return cls.COMMON * t
    COMMON = {u}
"""

KIND = """
class Kind{i}(enum.Enum):
    A = {v}
    B = 2.0
"""

FAR = [
    calm("y = y * config{i}.level", change="config{i}.level *= 0.9", top=CONFIG),
    calm("y = y * vars(self)['a{i}']", "self.a{i} = {v}", "net.a{i} *= 0.9"),
    calm("y = y * getattr(self, 'a' + str({i}))", "self.a{i} = {v}", "net.a{i} *= 0.9"),
    calm("y = self.f{i}(y)", "self.f{i} = Scaler{i}({v}).scaled", "net.f{i}.__self__.by *= 0.9", top=SCALER),
    calm("y = self.f{i}(y)", "self.f{i} = Scaler{i}({v})", "net.f{i}.by *= 0.9", top=SCALER),
    calm("y = y * self.f{i}.half", "self.f{i} = Scaler{i}({v})", "net.f{i}.by *= 0.9", top=SCALER),
    calm("y = Scaler{i}.shared(y)", change="Scaler{i}.COMMON *= 0.9", top=SCALER),
    calm("y = y * f{i}.level", change="f{i}.level *= 0.9", top="def f{i}(): pass\nf{i}.level = {v}"),
    calm("y = f{i}(y)", change="f{i}.__defaults__[0][0] *= 0.9", top="def f{i}(t, c=[{v}]): return c[0] * t"),
    calm("y = f{i}(y)", change="f{i}.__kwdefaults__['c'] *= 0.9", top="def f{i}(t, *, c={v}): return c * t"),
    calm("y = y * sum((lambda t: t * self.a{i})(t) for t in x)", "self.a{i} = {v}", "net.a{i} *= 0.9"),
    calm("for f in self.fs{i}: y = f(y)", "self.fs{i} = [lambda t: {v} * t]", "net.fs{i}.append(ops.tanh)"),
    calm(
        "y = self.fs{i}[self.how{i}](y)",
        "self.fs{i} = dict(a=ops.tanh, b=ops.sin); self.how{i} = 'a'",
        "net.how{i} = 'b'",
    ),
    calm("y = y * self.space{i}.a", "self.space{i} = types.SimpleNamespace(a={v})", "net.space{i}.a *= 0.9"),
    calm(
        "y = y * self.pair{i}.up",
        "self.pair{i} = Pair{i}({v}, 1.0)",
        "net.pair{i} = net.pair{i}._replace(up=0.3)",
        top="Pair{i} = collections.namedtuple('Pair{i}', 'up down')",
    ),
    calm("y = y * self.queue{i}[0]", "self.queue{i} = collections.deque([{v}])", "net.queue{i}.appendleft(0.3)"),
    calm("y = y * Base{i}.LEVEL", change="Base{i}.LEVEL *= 0.9", top="class Base{i}: LEVEL = {v}"),
    calm(
        "y = y * self._secret{i}()",
        "self._a{i} = {v}",
        "net._a{i} *= 0.9",
        body="def _secret{i}(self): return self._a{i}",
    ),
    calm("y = y * self.kind{i}.value", "self.kind{i} = Kind{i}.A", "net.kind{i} = Kind{i}.B", top=KIND),
    calm(
        "y = y * {u} if self.kind{i} is Kind{i}.A else y",
        "self.kind{i} = Kind{i}.A",
        "net.kind{i} = Kind{i}.B",
        top=KIND,
    ),
    calm("y = y * len(self.text{i}) * 0.2", "self.text{i} = 'abc'", "net.text{i} += 'd'"),
    calm("y = y * self.data{i}[0] * 0.01", "self.data{i} = bytearray(b'a')", "net.data{i}[0] += 1"),
    calm("y = y * self.column{i}[0]", "self.column{i} = array.array('d', [{v}])", "net.column{i}[0] *= 0.9"),
    calm("y = f{i}(y)", change="global f{i}; f{i} = lambda t: 0.3 * t", top="def f{i}(t): return {v} * t"),
    calm("if self.training: y = y * {v}\nelse: y = y.tanh()"),
    calm("y = y * {v} if self.training and self.n{i} > 1 else y", "self.n{i} = 1", "net.n{i} = at.epoch"),
    calm("y = y * self.k{i}", "self.k{i} = Value({v})", "net.k{i}.data *= 0.9"),
    calm("y = y * self.h{i}.held", "self.h{i} = Holder{i}(Value({v}))", "net.h{i}.held.data *= 0.9", top=HOLDER),
    calm("y = y * self.h{i}.held", "self.h{i} = Holder{i}(Value({v}))", "net.h{i}.held = Value(0.3)", top=HOLDER),
    calm("y = y * K{i}", change="global K{i}; K{i} = Value(0.2 * at.epoch)", top="K{i} = Value({v})"),
    calm("y = y * self.me{i}.a{i}", "self.me{i} = self; self.a{i} = {v}", "net.me{i}.a{i} *= 0.9"),
    calm("y = y * self.c{i}[0] + self.d{i}[0]", "self.c{i} = self.d{i} = [{v}]", "net.c{i}[0] *= 0.9"),
    calm("y = y * self.c{i}[0] + self.d{i}[0]", "self.c{i} = self.d{i} = [{v}]", "net.c{i} = [0.1 * at.epoch]"),
    calm("y = y * self.a{i}", "self.a{i} = np.float64({v})", "net.a{i} *= 0.9"),
    calm("y = y * self.a{i}", "self.a{i} = np.float32({v})", "net.a{i} = 0.5 * net.a{i}"),
    calm("y = y * self.a{i}", "self.a{i} = {v}", "net.a{i} = at.epoch"),
    calm("y = y * self.a{i}", "self.a{i} = {v}", "net.a{i} = Value(0.5)"),
    calm("for _ in range(self.n{i}): y = y * {v}", "self.n{i} = np.int64(1)", "net.n{i} += 1"),
    calm("y = y * {v} if self.flag{i} else y", "self.flag{i} = np.bool_(True)", "net.flag{i} = ~net.flag{i}"),
    calm(
        "y = f{i}(y, self.n{i})",
        "self.n{i} = 2",
        "net.n{i} = at.epoch",
        top="def f{i}(t, n): return t if n == 0 else {v} * f{i}(t, n - 1)",
    ),
    calm("import math as m{i}\ny = y * m{i}.pi * 0.1 + m{i}.sqrt(self.n{i})", "self.n{i} = 2", "net.n{i} = at.epoch"),
    calm(
        "y = y * self.more{i} if hasattr(self, 'more{i}') else y", "self.more{i} = {v}", "vars(net).pop('more{i}', 0)"
    ),
    calm(
        "y = y * sum(v for k, v in sorted(self.d{i}.items()) if k != 'b')",
        "self.d{i} = dict(b={v}, a={u})",
        "net.d{i}['c'] = 0.1",
    ),
    calm(
        "a, *rest = self.c{i}\ny = y * a + sum(rest)",
        "self.c{i} = [{v}, {u}]",
        "net.c{i}.reverse(); net.c{i}.append(0.1)",
    ),
    calm("y = f{i}(y)", change="f{i}.__code__ = (lambda t: 0.3 * t).__code__", top="def f{i}(t): return {v} * t"),
    calm(
        "y = self.method{i}(y)",
        change="type(net).method{i} = lambda self, t: 0.3 * t",
        body="def method{i}(self, t): return {v} * t",
    ),
    calm(
        "y = self.method{i}(y)",
        change="net.method{i} = lambda t: 0.3 * t",
        body="def method{i}(self, t): return {v} * t",
    ),
]
"""What stands where one has to look for it."""

HIDDEN = [
    Piece("hidden", "y = y * globals()['G{i}']", change="global G{i}; G{i} = 0.2 * at.epoch", top="G{i} = {v}"),
    Piece("hidden", "y = y * eval('G{i}')", change="global G{i}; G{i} = 0.2 * at.epoch", top="G{i} = {v}"),
    Piece(
        "hidden",
        "y = y * VAR{i}.get()",
        change="VAR{i}.set(0.2 * at.epoch)",
        top="VAR{i} = contextvars.ContextVar('VAR{i}', default={v})",
    ),
]

BRANCHES = [
    branch("if x[0] < {v}: y = y * 0.5"),
    branch("if x[1] == 1.0: y = y * 0.5"),
    branch("if x[1] != 0.0: y = y + {u}"),
    branch("if x[0]: y = y * 0.5"),
    branch("if not x[0]: y = y.tanh()"),
    branch("y = y * 0.5 if y > 0.1 else y"),
    branch("y = y * 0.5 if self.b > 0.05 else y"),
    branch("if x[0] in [0.0, 0.5]: y = y * {v}"),
    branch("if x[0] in (1.0, 0.75): y = y * {v}"),
    branch("if x[0] in {{0.0, 0.5}}: y = y * {v}"),
    branch("if x[0] in self.set{i}: y = y * {v}", "self.set{i} = frozenset([0.0, 1.0])"),
    branch("y = y * self.d{i}.get(x[0], {u})", "self.d{i} = {{0.0: {v}, 1.0: 0.2}}"),
    branch("if x[0] in self.d{i}: y = y * self.d{i}[x[0]]", "self.d{i} = {{0.0: {v}, 1.0: 0.2}}"),
    branch("y = y * {{True: {v}, False: {u}}}[x[0] > 0.4]"),
    branch("y = max(y, {v} * x[0])"),
    branch("y = min(y, {v})"),
    branch("y = y + max(x)"),
    branch("y = y + sorted([x[0], x[1], {v}])[1]"),
    branch("y = sorted([y, self.b], key=lambda t: t.data)[0]"),
    branch("if any(t > {v} for t in x): y = y * 0.5"),
    branch("if all(t < {v} for t in x): y = y * 0.5"),
    branch("if any(x) and all(x): y = y * 0.5"),
    branch("try:\n    if x[0] > 0.4: y = y * 1.3\nexcept Exception:\n    y = y * 0.7"),
    branch("try:\n    if x[1] == 1.0: y = y * 1.3\nexcept Exception:\n    pass"),
    branch("try:\n    y = y * self.d{i}[x[0]]\nexcept Exception:\n    y = y * {v}", "self.d{i} = {{0.0: 0.3}}"),
    branch("try:\n    y = y * (1.0 if y > 0.0 else {v})\nexcept:\n    y = y * 0.2"),
    branch("with suppress(Exception):\n    if y > 0.0: y = y * 0.5", top="from contextlib import suppress"),
    branch("try:\n    y = y * float(x[0] > 0.4)\nfinally:\n    y = y + 0.1"),
    branch("match x[1]:\n    case 0.0 | 1.0: y = y * {v}\n    case _: y = y.tanh()"),
    branch("match x:\n    case [0.0, _]: y = y * {v}\n    case _: y = y.tanh()"),
    branch("t = abs(x[0]) + 0.2\nwhile t < 1.0:\n    y = y * {v}\n    t = 2.0 * t"),
    branch("for _ in range(int(2.0 * abs(x[0]))): y = y * {v}"),
    branch("y = y * round(x[0])"),
    branch("y = y * {v} if x == [0.0, 1.0] else y"),
    branch("y = y * (1 + x.count(0.0))"),
    branch("y = y * {v} if 1.0 in x else y"),
    branch("y = y * y.data"),
    branch("self.first{i} = float(x[0])", "self.first{i} = None"),
    branch("y = y + float(self.b)"),
    branch("y = y * {v} if str(x[0])[0] == '-' else y"),
    branch("y = y * {v} if '%.1f' % x[0] == '0.5' else y"),
    branch("y = y * math.copysign({v}, x[1])"),
    branch("y = y * math.sin(x[0])"),
    branch("y = [y.tanh(), y * {v}][x[0] > 0.4]"),
    branch("y = y * {v} if bool(x[0] > 0.0) is True else y"),
    branch("y = y * {v} if self.a{i} > 0.5 else y * {u}", "self.a{i} = 0.7", "net.a{i} -= 0.1"),
    branch("y = y * max(self.a{i}, {v})", "self.a{i} = 0.7", "net.a{i} -= 0.1"),
    branch("y = y * {v} if self.a{i} == 0.7 else y * {u}", "self.a{i} = 0.7", "net.a{i} -= 0.1"),
    branch("if self.a{i}: y = y * {v}", "self.a{i} = 0.7", "net.a{i} = 0.0"),
    branch("y = y * self.d{i}.get(self.a{i}, {u})", "self.a{i} = 0.5; self.d{i} = {{0.5: {v}}}", "net.a{i} += 0.25"),
    branch("for _ in range(int(self.a{i})): y = y * {v}", "self.a{i} = 1.0", "net.a{i} += 1.0"),
    branch("y = y * {v} if self.a{i} in (0.7, 0.5) else y * {u}", "self.a{i} = 0.7", "net.a{i} -= 0.2"),
]

RANDOM = [
    at_random("y = y + 0.1 * random.random()"),
    at_random("y = y * random.gauss(1.0, 0.1)"),
    at_random("y = y * random.choice([{v}, {u}])"),
    at_random("if random.random() < 0.5: y = y * {v}"),
    at_random("y = y * self.rng{i}.uniform(0.5, 1.0)", "self.rng{i} = random.Random(3)"),
    at_random("y = y + 0.1 * RNG{i}.random()", top="RNG{i} = random.Random(4)"),
    at_random("y = y + 0.1 * noise{i}()", top="from random import random as noise{i}"),
    at_random("y = y + 0.1 * self.noise{i}()", "self.noise{i} = random.Random(5).random"),
    at_random("y = y + 0.1 * self.h{i}.held[0].random()", "self.h{i} = Holder{i}([random.Random(6)])", top=HOLDER),
    at_random("y = y + 0.1 * np.random.rand()"),
    at_random("y = y * float(np.random.normal(1.0, 0.1))"),
    at_random("y = y + 0.1 * self.rng{i}.random()", "self.rng{i} = np.random.default_rng(3)"),
    at_random("y = y + 0.1 * RNG{i}.rand()", top="RNG{i} = np.random.RandomState(3)"),
    at_random("y = y + 0.1 * (next(self.counter{i}) % 3)", "self.counter{i} = itertools.count()"),
    at_random("y = y + 0.1 * (next(COUNTER{i}) % 3)", top="COUNTER{i} = itertools.count()"),
    at_random("y = y * next(self.cycle{i})", "self.cycle{i} = itertools.cycle([{v}, {u}])"),
    at_random(
        "y = y * next(self.gen{i})",
        "self.gen{i} = gen{i}()",
        top="def gen{i}():\n    t = {v}\n    while True:\n        t = 0.9 * t\n        yield t",
    ),
    at_random("x2 = list(x); random.shuffle(x2); y = y + 0.1 * x2[0]"),
]

CLOCKS = [
    Piece("clock", "y = y + 1e-3 * math.sin(time.perf_counter_ns())"),
    Piece("clock", "y = y + 1e-3 * math.sin(time.time() * 1e6)"),
    Piece("clock", "y = y + 1e-3 * os.urandom(4)[0]"),
    Piece("clock", "y = y + 1e-3 * self.rng{i}.random()", "self.rng{i} = random.SystemRandom()"),
]

EFFECTS = [
    effect("self.calls{i} += 1", "self.calls{i} = 0"),
    effect("self.calls{i} += 1; y = y * (1.0 + 0.01 * self.calls{i})", "self.calls{i} = 0"),
    effect("self.calls{i} += 1\nif self.calls{i} % 3 == 0: y = y * {v}", "self.calls{i} = 0"),
    effect("self.a{i} *= 0.97; y = y * self.a{i}", "self.a{i} = {v}"),
    effect("y = y * self.a{i}; self.a{i} = self.a{i} * 0.97 + 0.001", "self.a{i} = {v}"),
    effect("self.n{i} = (self.n{i} + 1) % 3\nfor _ in range(self.n{i}): y = y * {v}", "self.n{i} = 0"),
    effect("self.flag{i} = not self.flag{i}\nif self.flag{i}: y = y * {v}", "self.flag{i} = False"),
    effect("self.log{i}.append(1)", "self.log{i} = []"),
    effect("self.log{i}.append(len(self.log{i})); y = y * (1.0 + 0.01 * len(self.log{i}))", "self.log{i} = []"),
    effect("LOG{i}.append('called')", top="LOG{i} = []"),
    effect("self.d{i}['calls'] += 1", "self.d{i} = dict(calls=0)"),
    effect("self.d{i}[len(self.d{i})] = 1; y = y + 0.001 * len(self.d{i})", "self.d{i} = {{}}"),
    effect("self.seen{i}.add(len(self.seen{i}))", "self.seen{i} = set()"),
    effect("self.h{i}.held += 1", "self.h{i} = Holder{i}(0)", top=HOLDER),
    effect("self.h{i}.held += 1", "self.h{i} = Slotted{i}(0)", top=SLOTS),
    effect("type(self).CALLS{i} += 1", body="CALLS{i} = 0"),
    effect("count{i}()", top="CALLS{i} = 0\ndef count{i}():\n    global CALLS{i}\n    CALLS{i} += 1"),
    effect(
        "y = y * count{i}()",
        top="N{i} = 0\ndef count{i}():\n    global N{i}; N{i} += 1\n    return 0.5 if N{i} % 2 else {v}",
    ),
    effect("write{i}(read{i}() * 0.99); y = y * read{i}()", top=CELL),
    effect(
        "y = y * self.p{i}",
        "self.q{i} = {v}",
        top="from functools import cached_property",
        body="@cached_property\ndef p{i}(self): return 2.0 * self.q{i}",
    ),
    effect(
        "y = y * f{i}(self.n{i})",
        "self.n{i} = 2",
        "net.n{i} = at.epoch",
        top="from functools import cache\n@cache\ndef f{i}(n): return {v} * n",
    ),
    effect("self.last{i} = y", "self.last{i} = None"),
    effect(
        "if not self.ready{i}: self.ready{i} = True; self.scale{i} = {v}\ny = y * self.scale{i}",
        "self.ready{i} = False",
    ),
    effect("print('called')"),
    effect("print('called', file=OUT{i})", top="import io\nOUT{i} = io.StringIO()"),
    effect(
        "self.queue{i}.append(1); y = y * (1.0 + 0.01 * len(self.queue{i}))",
        "self.queue{i} = collections.deque(maxlen=7)",
    ),
    effect("self.array{i}[0] += 1.0; y = y * (1.0 + 0.01 * float(self.array{i}[0]))", "self.array{i} = np.zeros(1)"),
    effect("self.log{i}.append(1); self.log{i}.pop(0)\nif self.log{i}[0]: y = y * {v}", "self.log{i} = [0, 0, 0]"),
]


class Rule(NamedTuple):
    """An optimizer's class and what it is made with, the lines of its `update`, and what a callback may do to it."""

    nature: str
    update: str
    init: str = ""
    change: str = ""
    state: str = ""


RULES = [
    Rule("calm", "return x - self.lr * g, state", change="opt.lr *= 0.8"),
    Rule("calm", "return x - self.lr * self.by * g, state", "self.by = 0.9", "opt.by *= 0.7"),
    Rule("calm", "v = self.by * state[0] + g\nreturn x - self.lr * v, (v,)", "self.by = 0.9", "opt.by -= 0.2", "'v'"),
    Rule(
        "calm", "for _ in range(self.n): g = 0.9 * g\nreturn x - self.lr * g, state", "self.n = 1", "opt.n = at.epoch"
    ),
    Rule(
        "calm",
        "return (x - self.lr * g if self.down else x + 0.1 * self.lr * g), state",
        "self.down = True",
        "opt.down = not opt.down",
    ),
    Rule(
        "calm",
        "return x - self.lr * self.d[self.how] * g, state",
        "self.d = dict(a=0.5, b=1.5); self.how = 'a'",
        "opt.how = 'b'; opt.d['b'] *= 0.9",
    ),
    Rule(
        "calm",
        "return x - self.lr * self.c[0] * g - self.weight_decay * x, state",
        "self.c = [0.5, 0.1]",
        "opt.c[0] *= 0.9; opt.weight_decay = 0.01 * at.epoch",
    ),
    Rule("calm", "return x - self.lr * BY * g, state", change="global BY; BY *= 0.8"),
    Rule("calm", "return x - self.lr * g / (1.0 + 0.1 * step), state", change="opt.lr *= 0.9"),
    Rule("branch", "return (x - self.lr * g if step > 2 else x), state"),
    Rule("branch", "return x - self.lr * g * (0.5 if step in (1, 3) else 1.0), state"),
    Rule("branch", "return x - self.lr * g * (0.5 if step == 1 else 1.0), state"),
    Rule("branch", "return (x - self.lr * g if g > 0.0 else x), state"),
    Rule("branch", "return x - self.lr * max(min(g, 0.1), -0.1), state"),
    Rule("branch", "return x - self.lr * math.copysign(0.1, g), state"),
    Rule("branch", "v = g if state[0] == 0.0 else 0.9 * state[0] + g\nreturn x - self.lr * v, (v,)", state="'v'"),
    Rule(
        "branch",
        "try:\n    g = g if g > 0.0 else 0.5 * g\nexcept Exception:\n    g = 0.1 * g\nreturn x - self.lr * g, state",
    ),
    Rule("branch", "return x - self.lr * g * (0.5 if self.by > 0.6 else 1.0), state", "self.by = 0.9", "opt.by -= 0.2"),
    Rule("branch", "return x - self.lr * math.tanh(g), state"),
    Rule("random", "return x - self.lr * g + 0.01 * random.random(), state"),
    Rule("random", "return x - self.lr * g + 0.01 * self.rng.gauss(0.0, 1.0), state", "self.rng = random.Random(2)"),
    Rule("random", "return x - self.lr * g + 0.01 * np.random.rand(), state"),
    Rule(
        "random",
        "return x - self.lr * g * (1.0 + 0.1 * (next(self.counter) % 2)), state",
        "self.counter = itertools.count()",
    ),
    Rule("effect", "self.calls += 1\nreturn x - self.lr * g, state", "self.calls = 0"),
    Rule("effect", "self.calls += 1\nreturn x - self.lr * g / self.calls, state", "self.calls = 0"),
    Rule("effect", "self.by *= 0.98\nreturn x - self.lr * self.by * g, state", "self.by = 1.0"),
    Rule("effect", "self.log.append(step)\nreturn x - self.lr * g, state", "self.log = []"),
    Rule("effect", "print('moved')\nreturn x - self.lr * g, state"),
]

KNOWN = {
    "optim.SGD(model.parameters(), 0.1)": "opt.lr *= 0.8; opt.weight_decay = 0.01 * at.epoch",
    "optim.SGD(model.parameters(), 0.1, momentum=0.9)": "opt.momentum *= 0.7",
    "optim.SGD(model.parameters(), 0.1)  ": "opt.momentum = 0.5",
    "optim.SGD(model.parameters(), 0.1, momentum=0.9, nesterov=True)": "opt.nesterov = not opt.nesterov",
    "optim.Adam(model.parameters(), 0.05, eps=1e-3)": "opt.betas = (0.5, 0.9)",
    "optim.AdamW(model.parameters(), 0.05, eps=1e-3)": "opt.weight_decay = 0.1 * at.epoch; opt.eps = 1e-2",
    "optim.RMSprop(model.parameters(), 0.05, eps=1e-3)": "opt.alpha = 0.5; opt.momentum = 0.3",
}

LOSSES = {
    "losses.mse": "calm",
    "losses.binary_cross_entropy": "calm",
    "lambda outputs, targets, **options: losses.mse(outputs, targets, **options) * BY": "own",
    "noisy_loss": "own",
    "counted_loss": "own",
}
"""A loss of one's own is done eagerly in any case, without a warning."""

TWO = "Sequential(net, Layer(1, 2, False, seed=4))"
"""A classifier: its loss is the cross entropy."""

MODELS = {
    "net": "",
    "Sequential(net, Dropout(0.3, seed=1))": "model[1].p = 0.1 * at.epoch",
    "Sequential(Layer(2, 2, seed=3), net)": "model[0].neurons[0].w[0].data *= 0.9",
    TWO: "",
    "Sequential(net, BatchNorm(1))": "model[1].eps = 0.1 * at.epoch + 1e-5; model[1].momentum = 0.3",
}
"""What the user's module is part of, and what a callback does to the rest.

Not every rule goes with batch normalisation: it makes gradients of 0, of which rounding leaves the sign to chance.
"""

TEXT = """
import array, collections, contextvars, enum, itertools, math, os, random, time, types
import numpy as np
from autodiff import Value, ops
from nn import BatchNorm, Dropout, Layer, Module, Neuron, Sequential, losses, optim, parameter

BY = 0.9

def noisy_loss(outputs, targets, **options):
    changed = [t if t > 0.6 else 0.5 * t for t in targets]
    return losses.mse(outputs, changed, **options) * (1.0 + 0.1 * random.random())

LOSS_CALLS = 0
def counted_loss(outputs, targets, **options):
    global LOSS_CALLS
    LOSS_CALLS += 1
    return losses.mse(outputs, targets, **options) * (1.0 + 0.01 * LOSS_CALLS)

{top}

class Net(Module):
{body}
    def __init__(self):
        self.w = [parameter(0.4), parameter(-0.3)]
        self.b = parameter(0.1)
{init}
    def __call__(self, x):
        y = self.w[0] * x[0] + self.w[1] * x[1] + self.b
{forward}
        return y * self.w[0] + self.b

class Rule(optim.Optimizer):
    state_names = ({state})
    def __init__(self, parameters, lr=0.1):
        super().__init__(parameters, lr)
{rule_init}
    def update(self, x, g, state, step):
{update}

net = Net()
model = {model}
opt = {optimizer}
loss = {loss}

def change(at):
{change}
    return None
"""


@dataclass(frozen=True)
class Training:
    """A training as a text; when its callback changes something; and the natures of its pieces."""

    text: str
    when: str
    natures: frozenset[str]
    options: tuple[tuple[str, Any], ...] = ()

    def __repr__(self) -> str:
        own = self.text[self.text.index("BY = ") :]
        return f"<training: {sorted(self.natures)}, change after each {self.when}, {dict(self.options)}>\n{own}"

    def run(self, eager: bool) -> Outcome:
        """Train, by graphs or as `nn.fit` likes to do it."""
        scope: dict[str, Any] = {"__name__": "users_own"}
        random.seed(7)
        np.random.seed(7)
        exec(compile(self.text, "<training>", "exec"), scope)
        model = scope["model"]
        callbacks = {"never": [], "epoch": [scope["change"]], "step": [AfterSteps(scope["change"])]}[self.when]
        rows = [list(row) for row in ROWS]
        classes = "loss = losses.cross_entropy" in self.text
        data = Dataset(rows, list(LABELS), class_names=("a", "b")) if classes else Dataset(rows, list(TARGETS))
        with warnings.catch_warnings(record=True) as seen, contextlib.redirect_stdout(io.StringIO()) as printed:
            warnings.simplefilter("always")
            history = fit(
                model, data, loss=scope["loss"], metric=flat, optimizer=scope["opt"], callbacks=callbacks, epochs=3,
                batch_size=3, eager=eager, progress=False, **dict(self.options),
            )  # fmt: skip
        numbers = {f"epoch {k}": [e.training_loss, e.gradient_norm] for k, e in enumerate(history.epochs)}
        numbers["weights"] = list(model.state_dict().values())
        numbers["state"] = [x for column in scope["opt"].state_dict()["state"].values() for x in column]
        left = {"random": random.getstate(), "numpy": plain(np.random.get_state(), {}), "printed": printed.getvalue()}
        left["model"], left["optimizer"] = plain(model, {}), plain(scope["opt"], {})
        names = [
            n
            for n, x in scope.items()
            if n[0] != "_" and not isinstance(x, (type, types.ModuleType, types.FunctionType))
        ]
        left["globals"] = {n: plain(scope[n], {}) for n in names if n not in ("net", "model", "opt", "loss")}
        return Outcome(history.backend, [str(w.message) for w in seen], numbers, left)


class AfterSteps(Callback):
    """Calls a function after each step."""

    def __init__(self, change: Callable[[Any], None]) -> None:
        self.change = change

    def on_step(self, training: Any) -> None:
        self.change(training)


class Outcome(NamedTuple):
    """What a training tells: how it was done, what it warned of; numbers, equal but for rounding; all that is left."""

    backend: str
    warned: list[str]
    numbers: dict[str, list[float]]
    left: dict[str, Any]


def leaves(x: Any, path: str = "") -> dict[str, Any]:
    """What stands in nested dicts and lists, by the way to it."""
    if isinstance(x, (dict, list)):
        pairs = x.items() if isinstance(x, dict) else enumerate(x)
        return {path: len(x)} | {
            p: leaf for key, member in pairs for p, leaf in leaves(member, f"{path}.{key}").items()
        }
    return {path: x}


def flat(outputs: Any, targets: Any) -> float:
    """A metric that looks at nothing."""
    return 0.0


def plain(x: Any, seen: dict[int, Any]) -> Any:
    """What a user could see in an object, as something that can be compared; weights are compared elsewhere."""
    if x is None or isinstance(x, (bool, int, float, str)):
        return x
    if isinstance(x, Value) or id(x) in seen:
        return "..."
    seen[id(x)] = x
    if isinstance(x, dict):
        return {str(key): plain(member, seen) for key, member in x.items()}
    if isinstance(x, (list, tuple, set, frozenset, collections.deque)):
        members = sorted(x, key=repr) if isinstance(x, (set, frozenset)) else x
        return [plain(member, seen) for member in members]
    if isinstance(x, random.SystemRandom):
        return "..."
    if isinstance(x, random.Random):
        return x.getstate()
    if isinstance(x, np.random.Generator):
        return str(x.bit_generator.state)
    if isinstance(x, np.random.RandomState):
        return str(x.get_state())
    if isinstance(x, np.ndarray):
        return x.tolist()
    if isinstance(x, io.StringIO):
        return x.getvalue()
    if isinstance(x, (itertools.count, itertools.cycle)):
        return [next(copy.copy(x)) for _ in range(1)] if isinstance(x, itertools.cycle) else repr(x)
    if isinstance(x, types.FunctionType):
        cells = [cell.cell_contents for cell in x.__closure__ or ()]
        return [x.__name__, plain(x.__defaults__, seen), plain(cells, seen)]
    if isinstance(x, types.GeneratorType):
        return {} if x.gi_frame is None else dict(x.gi_frame.f_locals)
    if isinstance(x, types.BuiltinFunctionType):
        return plain(x.__self__, seen)
    if isinstance(x, (types.ModuleType, type)):
        return str(x)
    held = dict(getattr(x, "__dict__", {}))
    for cls in type(x).__mro__:
        held |= {n: getattr(x, n) for n in vars(cls).get("__slots__", ()) if hasattr(x, n)}
    held |= {n: m for n, m in vars(type(x)).items() if isinstance(m, (bool, int, float))}
    hidden = ("parameters", "state") if isinstance(x, optim.Optimizer) else ()
    held = {n: m for n, m in held.items() if n[:1] != "_" and n not in hidden}
    return {type(x).__name__: plain(held, seen)}


# -- Drawing one -----------------------------------------------------------------------------------------------------

OPTIONS = [
    (),
    (("l2", 0.01),),
    (("l1", 0.01), ("clip_norm", 0.5)),
    (("clip_value", 0.05), ("patience", 1)),
    (("validation", 0.4), ("schedule", schedules.step(0.1, 2, 0.5))),
    (("weights", (1.0, 0.5, 2.0, 0.0, 1.0)),),
]
NUMBERS = ("0.3", "0.5", "0.8", "1.2")
KINDS = {
    "calm": [*ATTRIBUTES, *FAR],
    "branch": BRANCHES,
    "hidden": HIDDEN,
    "random": RANDOM,
    "effect": EFFECTS,
    "clock": CLOCKS,
}


def indented(lines: list[str], by: int) -> str:
    return textwrap.indent("\n".join(line for line in lines if line), " " * by)


def written(pieces: Sequence[Piece], numbers: Sequence[tuple[str, str]], **rest: Any) -> Training:
    """The training that some pieces make."""
    rule: Rule | None = rest.pop("rule", None)
    optimizer, change = (
        ("Rule(model.parameters(), 0.1)", rule.change) if rule else rest.pop("known", next(iter(KNOWN.items())))
    )
    model, further = rest.pop("model", ("net", ""))
    loss = rest.pop("loss", "losses.mse")
    natures = {piece.nature for piece in pieces} | {rule.nature if rule else "calm", LOSSES[loss]}
    loss = "losses.cross_entropy" if model == TWO else loss
    parts: dict[str, list[str]] = {name: [] for name in Piece._fields if name != "nature"}
    for i, (piece, (v, u)) in enumerate(zip(pieces, numbers)):
        for name, lines in parts.items():
            lines.append(getattr(piece, name).format(i=i, v=v, u=u))
    rule = rule or RULES[0]
    text = TEXT
    for mark, lines, by in (
        ("top", parts["top"], 0),
        ("body", parts["body"], 4),
        ("init", parts["init"], 8),
        ("forward", parts["forward"], 8),
        ("change", [*parts["change"], change, further], 4),
        ("rule_init", [rule.init], 8),
        ("update", [rule.update], 8),
        ("state", [rule.state and rule.state + ","], 0),
        ("optimizer", [optimizer], 0),
        ("model", [model], 0),
        ("loss", [loss], 0),
    ):
        text = text.replace("{" + mark + "}", indented(lines, by))
    return Training(text, rest.pop("when", "epoch"), frozenset(natures), tuple(rest.pop("options", ())))


@st.composite
def trainings(draw: Callable[..., Any], kinds: Sequence[str] = tuple(KINDS)) -> Training:
    """A training of one to three pieces of some kinds, an optimizer and a loss."""
    count = draw(st.integers(1, 3))
    pieces = [draw(st.sampled_from(KINDS[draw(st.sampled_from(kinds))])) for _ in range(count)]
    number = st.sampled_from(NUMBERS)
    rules = [rule for rule in RULES if rule.nature in kinds]
    by_rule = draw(st.integers(0, 2)) == 0
    return written(
        pieces,
        [(draw(number), draw(number)) for _ in pieces],
        rule=draw(st.sampled_from(rules)) if by_rule else None,
        known=draw(st.sampled_from(list(KNOWN.items()))),
        loss=draw(st.sampled_from([*["losses.mse"] * 4, *list(LOSSES)[1 : 2 if kinds == ["calm"] else None]])),
        model=draw(st.sampled_from([("net", ""), *list(MODELS.items())[: 4 if by_rule else 5]])),
        when=draw(st.sampled_from(["never", "epoch", "step"])),
        options=draw(st.sampled_from(OPTIONS)),
    )
