"""`Programs`: all that was compiled of one function, or of a method and one instance."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from autodiff.replay.kernel import Entry
from autodiff.replay.shortcut import nothing_direct


class Programs:
    """The programs of a function, or those of a method and one instance; and how they are to be made."""

    def __init__(self, in_axes: Any, argnums: Any, static: tuple[int, ...], backend: str, cache_size: int) -> None:
        self.options = in_axes, argnums, static, backend, cache_size
        self.in_axes, self.argnums, self.static, self.backend, self.most = self.options
        self.entries: OrderedDict[Any, Entry] = OrderedDict()
        # What takes plain floats or arrays as they are: by mode and argnums, then by the number of arguments.
        self.direct: dict[Any, list[Callable[..., Any]]] = {}
        self.values = self.direct["value", None] = nothing_direct()
        self.gradients = self.direct["value_and_grad", None] = nothing_direct()
        self.lock = threading.RLock()
        self.instance: Any = None  # a weak reference, which forgets the programs with the instance

    def keep(self, wanted: Any, entry: Entry) -> Entry:
        """Keep a program, unless another thread was faster; the one that is kept."""
        with self.lock:
            entry = self.entries.setdefault(wanted, entry)
            if len(self.entries) > self.most:
                self.entries.popitem(last=False)
                for known in self.direct.values():
                    known[:] = nothing_direct()
        return entry
