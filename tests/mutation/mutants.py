"""cosmic-ray's mutants, told by text and imported from memory."""

from __future__ import annotations

import ast
import importlib.abc
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

import toml
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_item import WorkItem

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


@dataclass(frozen=True, order=True)
class Mutant:
    """What was changed: told by text, not by number, so that it holds while other lines come and go."""

    module: str
    where: str
    """The function or the operation."""
    line: str
    becomes: str

    def __str__(self) -> str:
        return f"{self.module}: {self.where}\n    - {self.line}\n    + {self.becomes}"

    @staticmethod
    def read(text: str) -> Mutant:
        """The inverse of `str`."""
        first, old, new = text.split("\n")
        module, where = first.split(": ")
        return Mutant(module, where, old[6:], new[6:])


@cache
def source(module: str) -> str:
    """The text of a module, given its path from the root."""
    return (ROOT / module).read_text(encoding="utf-8")


@cache
def places(module: str) -> list[str]:
    """For every line of a module the function or variable that it belongs to."""
    names = [""] * (len(source(module).splitlines()) + 1)
    for node in ast.parse(source(module)).body:
        name = getattr(node, "name", "")
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            name = ast.unparse(target)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
            names[line] = name
    return names


def mutated(item: WorkItem) -> str:
    """The whole text of a mutated module."""
    [spec] = item.mutations
    operator = get_operator(spec.operator_name)(**spec.operator_args)
    return str(mutate_code(source(str(spec.module_path)), operator, spec.occurrence))


def described(item: WorkItem, text: str) -> Mutant:
    """The mutant, given the mutated text of its module; without the comment at the end of the line."""
    [spec] = item.mutations
    module, row = str(spec.module_path), spec.start_pos[0]
    old, new = (" ".join(t.splitlines()[row - 1].split("  # ")[0].split()) for t in (source(module), text))
    return Mutant(module, places(module)[row], old, new)


def listed(kind: str) -> set[Mutant]:
    """The mutants that are listed by hand: those that are "equivalent", or those that are "endless"."""
    return {
        Mutant(entry["module"], entry["where"], entry["line"], new)
        for entry in toml.load(HERE / "equivalent.toml")[kind]
        for new in entry["becomes"]
    }


class Loader(SourceFileLoader):
    """Loads a module from another text than the one in its file."""

    def __init__(self, name: str, path: str, text: str) -> None:
        super().__init__(name, path)
        self.text = text
        self.used = False

    def get_code(self, fullname: str) -> CodeType:
        self.used = True
        return compile(self.text, self.path, "exec")


class Finder(importlib.abc.MetaPathFinder):
    """Finds the mutant in place of the module."""

    def __init__(self, item: WorkItem, text: str) -> None:
        [spec] = item.mutations
        path = spec.module_path
        self.name = ".".join(path.parent.parts if path.stem == "__init__" else (*path.parent.parts, path.stem))
        self.path = ROOT / path
        self.loader = Loader(self.name, str(self.path), text)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        inside = [str(self.path.parent)] if self.path.stem == "__init__" else None
        return importlib.util.spec_from_file_location(
            fullname, self.path, loader=self.loader, submodule_search_locations=inside
        )
