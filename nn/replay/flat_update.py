"""The rule of an optimizer as a program over all parameters at once."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Any

from autodiff.errors import TraceError
from autodiff.replay import Kernel, Tracer
from autodiff.value import Value, write
from nn.optim.rules import Optimizer
from nn.replay.compiled_step import agree
from nn.replay.settings import NotCompilable, Settings

Rule = Callable[["array[float]", "array[float]"], None]


class FlatUpdate:
    """Makes the steps of an optimizer on flat buffers, and moves its state and count of steps on.

    `chosen` are those of the numbers in the buffers that are its parameters, in its order; None for all as they are. If
    its rule cannot be recorded, the steps are its own, and there is a `reason`.
    """

    def __init__(self, optimizer: Optimizer, chosen: Sequence[int] | None = None) -> None:
        self.optimizer = optimizer
        self._chosen = chosen
        self.reason: NotCompilable | None = None
        self._settings: Settings | None = None
        self._rule: Rule | None = None
        self._runs = 0
        self._begin()

    def _begin(self) -> None:
        """Record the rule as it is now."""
        try:
            self._settings = Settings("the optimizer", self.optimizer, apart=("steps", "state", "parameters"))
            self._rule, self.reason = self._compiled(self._settings), None
            self._runs = 0
        except NotCompilable as reason:
            self._rule, self.reason = None, reason

    def heed(self) -> None:
        """Record the rule anew, if something else than its numbers was changed."""
        if self._settings is not None and self._settings.changed():
            self._begin()

    def __call__(self, x: array[float], g: array[float]) -> None:
        """Make one step: parameters `x` with gradients `g` are changed in place."""
        if self._rule is not None and self._settings is not None and self._settings.foreign:
            if self._runs & (self._runs - 1) == 0:  # at the 1st, 2nd, 3rd, 5th, 9th ...
                self._try(self._rule, self._settings, x, g)
            self._runs += 1
        if self._rule is None:
            self._by_hand(x, g)
        else:
            self._rule(x, g)
            self.optimizer.steps += 1

    def _compiled(self, settings: Settings) -> Rule:
        optimizer, chosen = self.optimizer, self._chosen
        names = optimizer.state_names
        before = Value(0.0)

        def trace() -> tuple[Tracer, None]:
            tracer = Tracer([True] * (2 + len(names)))
            x, g, *state = tracer.leaves
            tracer.adopt([before])
            settings.enter(tracer)

            def update() -> Any:  # a sweep begins with 0.0, and so leaves no gradient of -0.0
                return optimizer.update(x, g + 0.0, tuple(state), before + 1.0)  # type: ignore[arg-type]

            moved, left = tracer.trace(update)
            tracer.want([moved, *[y for y, _ in zip(left, names, strict=True)]], "each")
            if tracer.captured:
                raise NotCompilable("the optimizer looks at Values that are not its parameters")
            return tracer, None

        apart = [_Apart()] * len(optimizer.parameters)
        tracer, _ = settings.record(trace, steps=before, parameters=apart, state=dict.fromkeys(optimizer.state, apart))
        kernel = Kernel(tracer, "auto")
        room, reads = kernel.bound(len(optimizer.parameters)), settings.reads(kernel.program, 1)
        shared, given, found = room.shared, room.inputs.buffer, room.outputs.buffer
        at_x, at_g, *places_before = room.inputs.places
        at_moved, *places_after = room.outputs.places
        places = list(zip(names, places_before, places_after))

        def rule(x: array[float], g: array[float]) -> None:
            state = optimizer.state
            shared[0] = optimizer.steps
            for k, read in reads:
                shared[k] = read()
            if chosen is None:
                given[at_x], given[at_g] = x, g
            else:
                given[at_x] = array("d", map(x.__getitem__, chosen))
                given[at_g] = array("d", map(g.__getitem__, chosen))
            for name, place, _ in places:
                column = state[name]
                given[place] = column if type(column) is array else array("d", column)
            room()
            if chosen is None:
                x[:] = found[at_moved]
            else:
                for k, moved in zip(chosen, found[at_moved]):
                    x[k] = moved
            for name, _, place in places:
                state[name] = found[place]

        return rule

    def _by_hand(self, x: array[float], g: array[float]) -> None:
        """Let the optimizer make its step itself, on its parameters."""
        parameters = self.optimizer.parameters
        places = range(len(parameters)) if self._chosen is None else self._chosen
        write(parameters, [x[k] for k in places])
        for p, k in zip(parameters, places):
            p.grad = g[k] + 0.0
        self.optimizer.step()
        for p, k in zip(parameters, places):
            x[k] = p._data

    def _try(self, rule: Rule, settings: Settings, x: array[float], g: array[float]) -> None:
        """See whether a rule of the user's gives by a program what it gives by itself; if not, it is not used."""
        optimizer, names = self.optimizer, self.optimizer.state_names
        places = range(len(x)) if self._chosen is None else self._chosen
        before = x[:], dict(optimizer.state)
        rows = list(zip(*[optimizer.state[name] for name in names])) or [()] * len(places)
        try:
            with settings.kept():
                moved = [optimizer.update(x[p], g[p] + 0.0, row, optimizer.steps + 1) for p, row in zip(places, rows)]
            rule(x, g)
            made = [x[p] - before[0][p] for p in places]
            expected = [y - before[0][p] for p, (y, _) in zip(places, moved)]
            kept = zip([optimizer.state[name] for name in names], zip(*[row for _, row in moved]))
            same = agree(made, expected, 1e-12 * max(map(abs, before[0]))) and all(agree(a, b) for a, b in kept)
        except Exception:
            same = False
        x[:] = before[0]
        optimizer.state.update(before[1])
        if not same:
            self._rule, self.reason = None, NotCompilable("the optimizer computes something else when it is recorded")


class _Apart:
    """Stands for a parameter, or a number of the state, where a rule looks it up by itself: that cannot be recorded."""

    def __getattr__(self, name: str) -> Any:
        raise TraceError("a rule that looks up parameters, or their state, by itself cannot be recorded")
