"""Writing files so that nothing is lost: a picture or a model is there whole, or as it was before; and nothing else."""

from __future__ import annotations

import contextlib
import glob
import os
import time
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

DAY = 24 * 60 * 60


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
        temporary.touch()
        with owned(temporary):
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


# -- What a process leaves that is killed ------------------------------------------------------------------------------


@contextlib.contextmanager
def owned(path: str | os.PathLike[str], wait: bool = False) -> Iterator[bool]:
    """Hold a file or folder inside a ``with``: whether one could, or else a living process does and may be waited for.

    It is a lock of the system, which ends with the process, however that ends. (A process number would not do: two
    containers may share a folder.) Where there are no such locks, what is a day old is nobody's.
    """
    if fcntl is None:
        yield time.time() - Path(path).stat().st_mtime > DAY
        return
    door = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(door, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        free = True
    except OSError:
        free = False
    try:
        yield free
    finally:
        os.close(door)


def remove_abandoned(folder: str | os.PathLike[str], pattern: str) -> None:
    """Remove the files and folders of such names in a folder that no living process holds."""
    import shutil  # loads three compressors

    for left in Path(folder).glob(pattern):
        with contextlib.suppress(OSError), owned(left) as free:
            if free and left.is_dir():
                shutil.rmtree(left)
            elif free:
                left.unlink()


def remove_unfinished(path: str | os.PathLike[str]) -> None:
    """Remove what `write_atomically` had begun to write of a file where it was killed."""
    target = Path(path)
    remove_abandoned(target.parent, f".{glob.escape(target.name)}.*.tmp")
