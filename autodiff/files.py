"""Writing files so that nothing is lost: a picture or a model is there whole, or as it was before."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write a file so that it is there whole or not at all.

    Parameters
    ----------
    path : path
        The file. It is replaced if it exists; if anything fails it stays as it was.
    content : str or bytes
        All of it; a str is written as UTF-8.

    Raises
    ------
    OSError
        If it cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(f"{folder}/note.txt", "kept")
    ...     [(p.name, p.read_text()) for p in pathlib.Path(folder).iterdir()]
    [('note.txt', 'kept')]
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content.encode("utf-8") if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())  # else a power cut may leave the new name with nothing in it
        temporary.replace(target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.filename == str(temporary):  # nobody knows that name
            raise type(error)(error.errno, error.strerror, str(target)) from None
        raise
