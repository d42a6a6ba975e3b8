"""The progress bar of a training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nn.history import History

__all__ = ["progress_bar", "require_tqdm"]


@contextmanager
def progress_bar(epochs: int, shown: bool) -> Iterator[Callable[[History], None]]:
    """A progress bar, open inside a ``with``, as a function to call after each epoch.

    Parameters
    ----------
    epochs : int
        How many there will be.
    shown : bool
        Whether to show it; if not, tqdm is not needed.

    Yields
    ------
    callable
        Takes the history; shows how far it is, and the last loss and score (of the validation part if there is one).

    Raises
    ------
    ImportError
        If tqdm is missing and it is to be shown.
    """
    if not shown:
        yield lambda history: None
        return
    tqdm = require_tqdm()
    with tqdm(total=epochs, desc="training", unit="epoch") as bar:

        def report(history: History) -> None:
            part, last = "validation" if history.validated else "training", history.epochs[-1]
            told = {name: f"{getattr(last, f'{part}_{name}'):.4f}" for name in ("loss", "score")}
            bar.set_postfix(told, refresh=False)
            bar.update(len(history.epochs) - 1 - bar.n)

        yield report


def require_tqdm() -> Any:
    """Import the progress bar, or raise an ImportError that names the command."""
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError("a progress bar needs tqdm; run: pip install tqdm (or say progress=False)") from error
    return tqdm
