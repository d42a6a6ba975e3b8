"""What programs look like in most languages: a line a step, and a loop over the samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from autodiff.program import SUM_OF_PRODUCTS, Program

_LONG = 200  # terms in a line: a compiler takes a longer sum for an expression that is nested too deep


class Text(str):
    """A text that shows itself as it is, without quotation marks, also in a notebook."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class ProgramLines:
    """The lines of a program in a language that writes numbers by `literal` and instructions by `expression`.

    A slot is called v and its number, but for those that have one of the `names`.
    """

    def __init__(
        self,
        program: Program,
        literal: Callable[[float], str],
        expression: Callable[[str, Sequence[str]], str],
        names: Mapping[int, str] | None = None,
    ) -> None:
        self.program = program
        self._constants = program.tape.constants
        self._literal = literal
        self._expression = expression
        self._names = names or {}

    def read(self, slot: int) -> str:
        """A slot as an operand."""
        if slot in self._names:
            return self._names[slot]
        return self._literal(self._constants[slot]) if slot in self._constants else f"v{slot}"

    def step(self, slot: int) -> list[str]:
        """The line that computes a slot, or several, if it is a long sum."""
        name, operands = self.program.tape.code[slot]
        if name != SUM_OF_PRODUCTS:
            return [f"v{slot} = {self._expression(name, [self.read(p) for p in operands])}"]
        terms = list(map(self._term, operands[::2], operands[1::2]))
        lines: list[str] = []
        while len(terms) > _LONG:  # the sum of the first ones becomes the first one
            part = f"v{slot}_{len(lines)}"
            lines.append(f"{part} = {' + '.join(terms[:_LONG])}")
            terms[:_LONG] = [part]
        return [*lines, f"v{slot} = {' + '.join(terms)}"]

    def _term(self, a: int, b: int) -> str:
        """A term of a sum of products; a factor of 1 or -1 is not written."""
        for factor, other in ((a, b), (b, a)):
            c = self._constants.get(factor)
            if c == 1.0 or c == -1.0:
                return self.read(other) if c == 1.0 else f"-{self.read(other)}"
        return f"{self.read(a)} * {self.read(b)}"

    def steps(self, lane: bool) -> list[str]:
        """The lines of what is computed once a call, or once a sample."""
        return [line for s in self.program.steps(lane) for line in self.step(s)]

    def loop(self) -> tuple[list[str], list[str], list[str]]:
        """The lines before a loop over the samples s, in it, and after it, with numbers in the buffers of a `Run`."""
        program, read = self.program, self.read
        sums = [(k, o.slot) for k, o in enumerate(program.shared_outputs) if o.kind == "sum"]
        needed = set(program.live)
        before = [f"v{s} = shared[{k}]" for k, s in enumerate(program.shared_inputs) if s in needed]
        before += [*self.steps(lane=False), *(f"sum{k} = 0.0" for k, _ in sums)]
        within = [f"v{s} = samples[{k} * stride + s]" for k, s in enumerate(program.sample_inputs) if s in needed]
        within += [*self.steps(lane=True), *(f"sum{k} += {read(slot)}" for k, slot in sums)]
        within += [f"samples_out[{k} * stride + s] = {read(o.slot)}" for k, o in enumerate(program.sample_outputs)]
        after = [
            f"shared_out[{k}] = {f'sum{k}' if o.kind == 'sum' else read(o.slot)}"
            for k, o in enumerate(program.shared_outputs)
        ]
        return before, within, after
