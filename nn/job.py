"""The main job: train a network on a data set and write all that came of it."""

from __future__ import annotations

import errno
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nn.data import Dataset, iris, moons, read_csv, split, xor
from nn.gallery import DRAWINGS, draw_all
from nn.history import History
from nn.optim import SGD
from nn.plots import learning_curve_figure, require_matplotlib
from nn.predictor import Predictor
from nn.progress import require_tqdm
from nn.train import fit

__all__ = ["BUILT_IN", "FILES", "Job", "run"]

BUILT_IN: dict[str, Callable[[int], Dataset]] = {
    "iris": lambda seed: iris(),
    "moons": lambda seed: moons(150, noise=0.1, seed=seed),
    "xor": lambda seed: xor(150, noise=0.15, seed=seed),
}
"""The data sets that need no file, by name; from a seed."""

VALIDATION = 0.3
"""The share of the samples that is held out."""

FILES = ("model.json", "learning_curve.png", *DRAWINGS)
"""What a job writes."""


@dataclass(frozen=True)
class Job:
    """What to train on what, and how.

    Parameters
    ----------
    data : str
        A name of `BUILT_IN`, or the path of a CSV file.
    hidden : sequence of int
        The sizes of the hidden layers.
    activation : str
        Of the hidden layers.
    epochs, batch_size, seed, lr
        As for `nn.train.fit` and `nn.optim.SGD`.
    out : Path
        The folder to write to.
    """

    data: str
    hidden: Sequence[int]
    activation: str
    epochs: int
    lr: float
    batch_size: int
    seed: int
    out: Path


def run(job: Job) -> tuple[Predictor, History, list[str], str]:
    """Train, and write the files.

    Everything that can be refused is refused before training and before anything is written.

    Parameters
    ----------
    job : Job
        What to do.

    Returns
    -------
    predictor : Predictor
        The trained network, with the best weights.
    history : History
        The record; empty if Ctrl-C came before anything was measured, and then nothing is written.
    written : list of str
        The names of the files written to ``job.out``.
    skipped : str
        Why drawings are missing; "" if they are not.

    Raises
    ------
    DataError
        If the data cannot be used.
    ImportError
        If matplotlib or tqdm is missing.
    OSError
        If a file cannot be written.
    """
    dataset = BUILT_IN[job.data](job.seed) if job.data in BUILT_IN else read_csv(job.data)
    training, validation = split(dataset, VALIDATION, job.seed)
    predictor = Predictor.prepare(training, job.hidden, job.activation, job.seed)
    training, validation = predictor.standardised(training), predictor.standardised(validation)
    require_matplotlib()
    require_tqdm()
    written: list[str] = []
    skipped = ""
    with _staging(job.out, written) as folder:
        optimizer = SGD(predictor.model.parameters(), job.lr)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # the caller sees from the history that it diverged
            history = fit(
                predictor.model,
                training,
                validation,
                optimizer=optimizer,
                epochs=job.epochs,
                batch_size=job.batch_size,
                seed=job.seed,
            )
        if history.epochs:
            about = {"best_epoch": history.best_epoch, "stopped": history.stopped, "data": job.data, "seed": job.seed}
            predictor.save(folder / "model.json", training=about)
            written.append("model.json")
            learning_curve_figure(history).savefig(folder / "learning_curve.png", dpi=150)
            written.append("learning_curve.png")
            skipped = draw_all(predictor.model, training, job.activation, folder)
            written += [] if skipped else DRAWINGS
    return predictor, history, written, skipped


@contextmanager
def _staging(out: Path, written: list[str]) -> Iterator[Path]:
    """A new folder inside another, out of which the files named as written are moved at the end, also at Ctrl-C."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(prefix=".unfinished-", dir=out)
    except OSError as error:
        raise OSError(error.errno, f"cannot write to this folder: {error.strerror}", str(out)) from error
    with temporary as staging:
        for name in FILES:
            if (out / name).is_dir():
                raise IsADirectoryError(
                    errno.EISDIR, "there is a folder where a file is to be written", str(out / name)
                )
        try:
            yield Path(staging)
        except Exception:
            written.clear()  # an error, such as a full disk: earlier outputs stay as they were
            raise
        finally:
            for name in written:
                (Path(staging) / name).replace(out / name)
