"""The house, measured: net lines and statements by room, the evening's reading, and the arrows between files.

Run it as ``python tests/house.py``; ``--files`` shows each file, ``--arrows`` what each imports, and ``--checkout
PATH`` measures another checkout. Net lines are lines without docstrings, comments and blanks; stubs (``.pyi``, and
overloads) have none. An import counts wherever it stands: at the top, inside a function, under ``TYPE_CHECKING``.
"""

from __future__ import annotations

import argparse
import ast
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGES = ("autodiff", "nn")
SOURCES = (".py", ".c", ".h", ".cpp", ".js", ".css")

READING = ["errors", "numerics", "operation", "ops", "recording", "graph", "strict", "reverse", "value", "operators"]
FAMILIES = ["cases", "arithmetic", "choices", "exponentials", "trigonometric", "hyperbolic", "activations", "sequences"]
LATER = ("__init__", "copying", "files", "ops/special", "ops/define")
"""What is read in an evening, in order; the chapters of ``ops/``; and what lies open without being part of it."""

Graph = Mapping[str, Iterable[str]]
"""To each name the names that it imports."""


class Imports(NamedTuple):
    """The modules that a file imports: as it is loaded, inside its functions, and for type checkers alone."""

    top: set[str]
    lazy: set[str]
    typing: set[str]

    @property
    def all(self) -> set[str]:
        """Those of any kind."""
        return self.top | self.lazy | self.typing


class Size(NamedTuple):
    """How large a room is."""

    files: int
    lines: int
    statements: int


# -- Sizes -------------------------------------------------------------------------------------------------------------


def sources(root: Path = ROOT) -> list[Path]:
    """The files that are counted."""
    return sorted(p for name in PACKAGES for p in (root / name).rglob("*") if p.suffix in SOURCES)


def net_lines(path: Path) -> int:
    """Lines of a file without docstrings, comments, blanks and stubs."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".pyi":
        return 0
    if path.suffix != ".py":
        bare = re.sub(r"/\*.*?\*/", lambda found: "\n" * found[0].count("\n"), text, flags=re.DOTALL)
        return sum(1 for line in bare.splitlines() if line.strip() and not line.strip().startswith("//"))
    tree = ast.parse(text)
    left_out = {k for node in [*docstrings(tree), *stubs(tree)] for k in span(node)}
    lines = enumerate(text.split("\n"), 1)
    return sum(1 for k, line in lines if line.strip() and not line.strip().startswith("#") and k not in left_out)


def span(node: Any) -> range:
    """The lines of a statement, decorators included."""
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
    return range(first, (node.end_lineno or node.lineno) + 1)


def stubs(tree: ast.AST) -> Iterator[ast.stmt]:
    """The overloads, which are there for type checkers alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any("overload" in ast.dump(d) for d in node.decorator_list):
            yield node


def docstrings(tree: ast.AST) -> Iterator[ast.stmt]:
    """Those of a module and of its classes and functions."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from filter(is_string, node.body[:1])


def is_string(node: ast.stmt) -> bool:
    """Whether a statement is a string that nothing takes."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def statements(path: Path) -> int:
    """Statements of a Python file, however many stand on a line; strings that nothing takes are none."""
    if path.suffix != ".py":
        return 0
    tree = ast.parse(path.read_text(encoding="utf-8"))
    stubbed = {inner for stub in stubs(tree) for inner in ast.walk(stub)}
    return sum(
        1 for node in ast.walk(tree) if isinstance(node, ast.stmt) and not is_string(node) and node not in stubbed
    )


def size(paths: Iterable[Path]) -> Size:
    """Sum over files."""
    paths = list(paths)
    return Size(len(paths), sum(map(net_lines, paths)), sum(map(statements, paths)))


def evening(root: Path = ROOT) -> dict[str, int]:
    """The open files of ``autodiff/`` in the order of reading, as paths in it, each with its net lines."""

    def place(path: str) -> tuple[int, int]:
        room, _, chapter = path.removesuffix(".py").partition("/")
        order = READING.index(room) if room in READING else len(READING)
        return order, FAMILIES.index(chapter) if chapter in FAMILIES else -(chapter == "__init__")

    house = root / "autodiff"
    paths = (str(p.relative_to(house)) for p in [*house.glob("*.py"), *(house / "ops").glob("*.py")])
    read = sorted((p for p in paths if p.removesuffix(".py") not in LATER), key=lambda p: (place(p), p))
    return {path: net_lines(house / path) for path in read}


def namesakes(root: Path = ROOT) -> list[list[str]]:
    """Files of one package that have one name."""
    found: dict[tuple[str, str], list[str]] = {}
    for path in sources(root):
        place = path.relative_to(root)
        if path.suffix == ".py" and path.name != "__init__.py":
            found.setdefault((place.parts[0], path.name), []).append(str(place))
    return [paths for paths in found.values() if len(paths) > 1]


# -- Arrows ------------------------------------------------------------------------------------------------------------


def module(path: Path, root: Path = ROOT) -> str:
    """The name under which a file is imported."""
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


@functools.cache
def is_module(name: str, root: Path = ROOT) -> bool:
    """Whether a name is that of a file or folder of the project."""
    base = root.joinpath(*name.split("."))
    return base.with_suffix(".py").exists() or (base / "__init__.py").exists()


def imports(path: Path, root: Path = ROOT) -> Imports:
    """The absolute names of the modules that a file imports; ``from package import module`` imports the module."""
    found = Imports(set(), set(), set())

    def visit(node: ast.AST, kind: set[str]) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for statement in node.body:
                visit(statement, found.typing)
            for statement in node.orelse:
                visit(statement, kind)
            return
        kind.update(imported(node, root))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) and kind is found.top:
            kind = found.lazy
        for child in ast.iter_child_nodes(node):
            visit(child, kind)

    visit(ast.parse(path.read_text(encoding="utf-8")), found.top)
    return found


def imported(node: ast.AST, root: Path) -> Iterator[str]:
    """The modules that a single node of a syntax tree imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        if node.level:
            raise ValueError(f"imports are absolute, got one of level {node.level} from {node.module}")
        for alias in node.names:
            name = f"{node.module}.{alias.name}"
            yield name if is_module(name, root) else str(node.module)
    elif isinstance(node, ast.Call) and isinstance(node.func, (ast.Attribute, ast.Name)):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        if name in ("import_module", "__import__") and node.args and isinstance(node.args[0], ast.Constant):
            yield str(node.args[0].value)


def arrows(root: Path = ROOT) -> dict[str, set[str]]:
    """To each module of the project those that it imports, of any kind."""
    files = {module(p, root): p for p in sources(root) if p.suffix == ".py"}
    return {name: {x for x in imports(p, root).all if x in files and x != name} for name, p in files.items()}


def room(name: str) -> str:
    """Where a module stands: a folder of ``autodiff`` or ``nn``, or a file that lies open there."""
    return ".".join(name.split(".")[:2])


def by_room(graph: Graph) -> dict[str, set[str]]:
    """The arrows from room to room."""
    result: dict[str, set[str]] = {room(name): set() for name in graph}
    for name, others in graph.items():
        result[room(name)] |= {room(other) for other in others} - {room(name)}
    return result


def circles(graph: Graph) -> list[list[str]]:
    """The groups of names that can all be reached from one another, the largest first."""
    reached = {name: reachable(graph, name) for name in graph}
    groups = {frozenset(b for b in reached[a] if a in reached[b]) for a in graph if a in reached[a]}
    return sorted(map(sorted, groups), key=lambda group: (-len(group), group))


def reachable(graph: Graph, name: str) -> set[str]:
    """All names that arrows lead to from one."""
    seen: set[str] = set()
    ahead = list(graph[name])
    while ahead:
        other = ahead.pop()
        if other not in seen:
            seen.add(other)
            ahead.extend(graph[other])
    return seen


def layers(graph: Graph) -> list[list[str]]:
    """The names from the bottom: each imports only what is in layers before its own. A circle is in one layer."""
    whole = {name: {name} for name in graph} | {name: set(group) for group in circles(graph) for name in group}
    left, result = dict(graph), list[list[str]]()
    while left:
        free = sorted(a for a in left if not any(b in left for x in whole[a] for b in graph[x] if b not in whole[a]))
        result.append(free)
        for name in free:
            del left[name]
    return result


# -- Printed -----------------------------------------------------------------------------------------------------------


def columns(names: Iterable[str], width: int) -> Iterator[str]:
    """Names in lines of no more than that many signs."""
    line = ""
    for name in names:
        if line and len(line) + 2 + len(name) > width:
            yield line
            line = ""
        line += ("  " if line else "") + name
    yield line


def print_sizes(root: Path, each: bool) -> None:
    """The table of rooms, or of files."""
    print(f"{'room':<44}{'files':>8}{'net lines':>12}{'statements':>12}")
    for package in PACKAGES:
        inside = [p for p in sources(root) if p.is_relative_to(root / package)]
        for name in sorted({shelf(p, root) for p in inside}):
            paths = [p for p in inside if shelf(p, root) == name]
            print_size(name, size(paths))
            if each and name.endswith("/"):
                for path in paths:
                    print_size("    " + str(path.relative_to(root / name)), size([path]))
        print_size(f"{package} in all", size(inside))
    print_size("the whole", size(sources(root)))
    for group in namesakes(root):
        print(f"of one name: {', '.join(group)}")


def shelf(path: Path, root: Path) -> str:
    """The room of a file as a path, with a slash at the end of a folder's."""
    parts = path.relative_to(root).parts
    return f"{parts[0]}/{parts[1]}" + ("/" if len(parts) > 2 else "")


def print_size(name: str, size: Size) -> None:
    """One line of the table."""
    print(f"{name:<44}{size.files:>8}{size.lines:>12,}{size.statements:>12,}")


def print_evening(root: Path) -> None:
    """What is read in an evening."""
    read = evening(root)
    print(f"\n{'the evening, in order':<44}{'net lines':>20}")
    for path, lines in read.items():
        print(f"{path:<44}{lines:>20,}")
    print(f"{'the evening in all':<44}{sum(read.values()):>20,}")


def print_arrows(graph: dict[str, set[str]], each: bool) -> None:
    """Circles and layers, of rooms and of files."""
    for kind, arrows in (("rooms", by_room(graph)), ("files", graph)):
        print(f"\n{len(arrows)} {kind}, {sum(map(len, arrows.values()))} arrows between them")
        found = circles(arrows)
        print("no circle" if not found else f"{len(found)} circles of {', '.join(str(len(c)) for c in found)}:")
        for circle in found:
            for name in circle:
                print(f"    {name} -> {', '.join(sorted(arrows[name] & set(circle)))}")
        if each or kind == "rooms":
            print("layer   each imports only from the layers above its own")
            for k, names in enumerate(layers(arrows)):
                for part, line in enumerate(columns(names, 110)):
                    print(f"{'' if part else k:>5}   {line}")
        if each:
            for name, others in arrows.items():
                for k, line in enumerate(columns(sorted(others), 80)):
                    print(f"{'' if k else name:<36}{line}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkout", type=Path, default=ROOT, help="another checkout of the project")
    parser.add_argument("--files", action="store_true", help="the size of each file, too")
    parser.add_argument("--arrows", action="store_true", help="what each room and each file imports, too")
    arguments = parser.parse_args()
    root = arguments.checkout.resolve()
    print_sizes(root, arguments.files)
    print_evening(root)
    print_arrows(arrows(root), arguments.arrows)


if __name__ == "__main__":
    main()
