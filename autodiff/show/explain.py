"""Where a gradient comes from: the chain rule's sum over paths, largest products first."""

from __future__ import annotations

import heapq
import itertools
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from autodiff.derivatives import adjoints
from autodiff.graph import topological
from autodiff.numerics import total
from autodiff.reverse import contributions
from autodiff.show.notation import Names, number
from autodiff.show.tables import html, text
from autodiff.value import Value

T = TypeVar("T")
_Edges = dict[Value, list[tuple[float, float, Value]]]  # of each node: size of the best path, partial, operand
_MANY = 10**100  # counting stops here: the numbers of paths in a deep graph have as many digits as it has levels
_MOST = 7  # nodes or factors of a path that are written


@dataclass(frozen=True, eq=False)
class Path:
    """One way from the output down to the leaf, and what it adds to the gradient.

    Attributes
    ----------
    nodes : tuple of Value
        The nodes from the output to the leaf.
    partials : tuple of float
        The partial of each node with respect to the next.
    product : float
        The product of the partials.
    """

    nodes: tuple[Value, ...]
    partials: tuple[float, ...]
    product: float


class Explanation:
    """A gradient as the sum over paths. It prints as text and shows as a table in Jupyter.

    Attributes
    ----------
    output, leaf : Value
        What was differentiated, and with respect to what.
    gradient : float
        The derivative, by a reverse sweep.
    paths : tuple of Path
        Those with the largest products, the largest first.
    count : int
        How many paths there are in all, or 10**100 for as many or more.
    remainder : float
        The gradient less the products of `paths`, rounded once: the sum over all other paths.
    """

    _header = ("product", "partials", "path")

    def __init__(
        self, output: Value, leaf: Value, gradient: float, paths: Iterable[Path], count: int, names: Names
    ) -> None:
        self.output = output
        self.leaf = leaf
        self.gradient = gradient
        self.paths = tuple(paths)
        self.count = count
        self.remainder = total([gradient, *(-path.product for path in self.paths)])
        self._names = names

    def _title(self) -> str:
        name = self._names.inner
        paths = {1: "one path", _MANY: "10^100 or more paths"}.get(self.count, f"{self.count} paths")
        return f"d{name(self.output)}/d{name(self.leaf)} = {number(self.gradient)}, by {paths}"

    def _rows(self) -> list[tuple[str, str, str]]:
        rows = []
        for path in self.paths:
            factors, names = self._written(path, number, str, "... ({} in all)")
            rows.append((number(path.product), " * ".join(factors), " <- ".join(names)))
        if len(self.paths) < self.count:
            rows.append((number(self.remainder), "", "all other paths"))
        elif self.remainder != 0.0:
            rows.append((number(self.remainder), "", "rounding"))
        return rows

    def _written(
        self, path: Path, number: Callable[..., str], name: Callable[[str], str], dots: str
    ) -> tuple[list[str], list[str]]:
        """The factors of a path and the names of its nodes."""
        factors = _cut(list(enumerate(path.partials)), lambda factor: number(factor[1], bracket=factor[0] > 0), dots)
        return factors or ["1"], _cut(path.nodes, lambda v: name(self._names.name[v]), dots)

    def __repr__(self) -> str:
        return f"{self._title()}\n{text(self._header, self._rows())}" if self.count else self._title()

    def _repr_html_(self) -> str:
        return html(self._title(), self._header, self._rows())

    def latex(self) -> str:
        """The sum as LaTeX: each path a product of numbers, the nodes below it."""
        terms = []
        for path in self.paths:
            factors, names = self._written(path, _digits, _symbol, r"\cdots")
            product, below = r" \cdot ".join(factors), r" \leftarrow ".join(names)
            terms.append(rf"\underbrace{{{product}}}_{{{below}}}")
        if len(self.paths) < self.count:
            terms.append(rf"\underbrace{{{_digits(self.remainder, bracket=True)}}}_{{\text{{all other paths}}}}")
        output, leaf = (_symbol(self._names.name[v]) for v in (self.output, self.leaf))
        left = rf"\frac{{\partial {output}}}{{\partial {leaf}}}"
        lines = [rf"{left} &= {terms[0] if terms else 0}", *(rf"&\quad + {term}" for term in terms[1:])]
        if terms:
            lines.append(f"&= {_digits(self.gradient)}")
        return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def explain(output: Value, leaf: Value, *, most: int = 10) -> Explanation:
    """Say where a gradient comes from: along which paths, and how much by each.

    Parameters
    ----------
    output : Value
        What is differentiated.
    leaf : Value
        With respect to what: a leaf, or any node below the output.
    most : int
        How many paths to show at most.

    Returns
    -------
    Explanation
        The paths with the largest products of partials, and the rest summed up. There are none if the output does
        not depend on the leaf.

    Raises
    ------
    TypeError
        If one of the two is not a Value.
    ValueError
        If `most` is not a positive int.
    StaleGraphError
        If a leaf's data changed after the graph was built.

    Notes
    -----
    By the chain rule d output / d leaf is the sum over all paths of the product of the partials along the path; a node
    that has an operand in two slots gives two. There may be exponentially many paths. The k largest are found without
    visiting the others: a sweep from the leaf finds the best way down from every node, and each path found is
    then left at every node in turn, for the next best (Lawler's method). This takes time proportional to k times the
    length of a path, and to the size of the graph. No ``.grad`` is read or changed.

    References
    ----------
    F. L. Bauer, *Computational graphs and rounding error*, SIAM Journal on Numerical Analysis 11 (1974);
    E. L. Lawler, *A procedure for computing the K best solutions ...*, Management Science 18 (1972).

    Examples
    --------
    >>> from autodiff import Value, explain
    >>> a, b = Value(2.0, "a"), Value(-3.0, "b")
    >>> d = a * b
    >>> d.label = "d"
    >>> L = d * 4.0 + a
    >>> L.label = "L"
    >>> explain(L, a)
    dL/da = -11, by 2 paths
    product | partials     | path
    -12     | 1 * 4 * (-3) | L <- v3 <- d <- a
    1       | 1            | L <- a
    """
    for v in (output, leaf):
        if not isinstance(v, Value):
            raise TypeError(f"explain takes two Values, got {type(v).__name__}: {v!r:.60}")
    if type(most) is not int or most < 1:
        raise ValueError(f"most is a positive int, got {most!r}")
    order = topological((output,))
    gradient = float(adjoints(output, wrt=[leaf]).get(leaf, 0.0))
    edges, counts = _leading_down(order, leaf)
    paths = _best(output, leaf, edges, most) if output in counts else []
    paths.sort(key=lambda path: -_magnitude(path.product))
    names = Names(order if output in counts else [*order, leaf])
    return Explanation(output, leaf, gradient, paths, counts.get(output, 0), names)


def _leading_down(order: Iterable[Value], leaf: Value) -> tuple[_Edges, dict[Value, int]]:
    """The edges of all paths down to the leaf, a node's best first; and how many paths there are, up to 10**100.

    Sizes are logarithms, so that the product along a long path neither overflows nor vanishes.
    """
    counts = {leaf: 1}
    edges: _Edges = {leaf: []}
    reach = {leaf: 0.0}  # the size of the best way from a node down to the leaf
    for v in order:
        if v is not leaf:
            found = [(_plus(_log(d), reach[p]), float(d), p) for p, d in contributions(v) if p in counts]
            if found:
                found.sort(key=lambda edge: -edge[0])
                edges[v], reach[v] = found, found[0][0]
                counts[v] = min(sum(counts[p] for _, _, p in found), _MANY)
    return edges, counts


def _best(output: Value, leaf: Value, edges: _Edges, most: int) -> list[Path]:
    """The paths with the largest products, by Lawler's method.

    A candidate is a path found before that is left at one place by the edge of some rank: below, it goes the best way.
    """
    paths: list[Path] = []
    made = itertools.count()  # of two candidates of one size the older comes first
    heap = [(0.0, next(made), [(output, 1.0, 0.0)], 0, 0)]  # a path: nodes, partials, sizes of the way to there
    while heap and len(paths) < most:
        _, _, parent, place, rank = heapq.heappop(heap)
        steps, (v, _, size) = parent[:place], parent[place]
        while v is not leaf:
            if rank + 1 < len(edges[v]):
                left = _plus(size, edges[v][rank + 1][0])
                heapq.heappush(heap, (-left, next(made), steps, len(steps), rank + 1))
            _, partial, operand = edges[v][rank]
            steps.append((v, partial, size))
            size, v, rank = _plus(size, _log(partial)), operand, 0
        partials = tuple([partial for _, partial, _ in steps])
        paths.append(Path((*(v for v, *_ in steps), leaf), partials, math.prod(partials)))
    return paths


def _log(partial: float) -> float:
    """The size of a factor: a logarithm. What is not a number comes first, to be seen."""
    size = _magnitude(partial)
    return math.log(size) if 0.0 < size < math.inf else math.inf if size else -math.inf


def _plus(one: float, other: float) -> float:
    size = one + other
    return size if size == size else math.inf  # 0 * inf is nan


def _magnitude(x: float) -> float:
    return abs(x) if x == x else math.inf


# -- In writing ----------------------------------------------------------------------------------------------------


def _cut(members: Sequence[T], write: Callable[[T], str], dots: str) -> list[str]:
    """The members of a path, written; of a long one the ends, with a sign for the middle."""
    if len(members) <= _MOST:
        return list(map(write, members))
    return [*map(write, members[: _MOST - 2]), dots.format(len(members)), write(members[-1])]


def _digits(x: float, bracket: bool = False) -> str:
    """A number in LaTeX."""
    plain = number(x).replace("inf", r"\infty").replace("nan", r"\mathrm{nan}")
    plain = re.sub(r"e([-+]?)0*(\d+)$", lambda m: rf" \times 10^{{{m[1].strip('+')}{m[2]}}}", plain)
    return f"({plain})" if bracket and plain.startswith("-") else plain


def _symbol(name: str) -> str:
    """A name in LaTeX: a letter with a number as in mathematics, anything else upright and escaped."""
    simple = re.fullmatch(r"([A-Za-z])_?(\d*)", name)
    if simple:
        return f"{simple[1]}_{{{simple[2]}}}" if simple[2] else simple[1]
    special = {"\\": r"\backslash{}", "~": r"\sim{}", "^": r"\hat{\ }", " ": r"\ "}
    escaped = "".join(special.get(c, rf"\{c}" if c in "#$%&_{}" else c) for c in name)
    return rf"\mathrm{{{escaped}}}"
