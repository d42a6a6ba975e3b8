"""The main job: train a network on a data set and write all that came of it."""

from __future__ import annotations

import contextlib
import errno
import math
import tempfile
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from autodiff import Value
from autodiff.errors import DataError, ModelFileError, RenderError
from autodiff.files import owned, remove_abandoned
from autodiff.show import draw_backward, draw_forward
from nn import optim, schedules
from nn.checks import affordable
from nn.cli.predictor import Predictor
from nn.data import Dataset, circles, iris, moons, read_csv, spirals, split, xor
from nn.history import History
from nn.losses import cross_entropy, mse
from nn.model import MLP, Neuron
from nn.plots import learning_curve_figure, plot_lr_finder, require_matplotlib
from nn.train import find_lr, fit
from nn.train.fit import require_tqdm

DRAWINGS = (
    "neuron_forward.svg",
    "neuron_backward.svg",
    "untrained_3_units_forward.svg",
    "untrained_3_units_backward.svg",
)
"""What is drawn, by the names of the files."""

MOST_INPUTS = 8
MOST_UNITS = 4


def neuron_output(model: MLP, dataset: Dataset, activation: str) -> Value:
    """The first neuron of a network at the first sample, written out in single multiplications and additions.

    It is labelled, and has all gradients. Of more than eight features the first eight are drawn.
    """
    first = model.layers[0].neurons[0]
    x = _inputs(dataset, dataset.features[0], MOST_INPUTS)
    neuron = Neuron(len(x), activation=activation if len(model.layers) > 1 else "linear", expand=True, seed=0)
    for own, trained in zip((*neuron.w, neuron.b), (*first.w[: len(x)], first.b)):
        if own is not None and trained is not None:
            own.data = trained.data
    output = neuron(x)
    output.label = "y"
    output.backward()
    return output


def network_loss(dataset: Dataset, activation: str) -> Value:
    """The loss of a sample through a network that is small enough to be read: 3 hidden neurons, untrained.

    It is labelled, and has all gradients. Of more than four features, or classes, the first four are drawn.
    """
    classes = 0 if dataset.class_names is None else min(len(dataset.class_names), MOST_UNITS)
    chosen = next(k for k, target in enumerate(dataset.targets) if not classes or target < classes)
    x = _inputs(dataset, dataset.features[chosen], MOST_UNITS)
    target = dataset.targets[chosen]
    model = MLP(len(x), [3, classes or 1], activation=activation, init="xavier", seed=0)
    output = model(x)
    loss = cross_entropy(output, int(target)) if classes else mse(output, target)
    loss.label = "loss"
    loss.backward()
    return loss


def draw_all(model: MLP, dataset: Dataset, activation: str, folder: Path) -> str:
    """Write `DRAWINGS` into a folder; return why there are none, and what command would help, or ""."""
    try:
        graphs = [
            (neuron_output(model, dataset, activation), _caption("the first neuron, trained, at one sample", dataset)),
            (network_loss(dataset, activation), _caption(EXAMPLE, dataset, MOST_UNITS)),
        ]
        pictures = [_picture(draw(y), told) for y, told in graphs for draw in (draw_forward, draw_backward)]
    except (ImportError, RenderError) as error:
        return str(error)
    for name, picture in zip(DRAWINGS, pictures):
        (folder / name).write_bytes(picture)
    return ""


EXAMPLE = (
    "the loss of one sample in an untrained network of 3 hidden units: an example, not the network that was trained"
)


def _caption(told: str, dataset: Dataset, most: int = MOST_INPUTS) -> str:
    """What is seen, and of what there is more."""
    there = {"features": dataset.feature_names, "classes": () if most == MOST_INPUTS else dataset.class_names or ()}
    cut = [f"of {len(names)} {kind} the first {most} are drawn" for kind, names in there.items() if len(names) > most]
    return "; ".join([told, *cut])


def _picture(drawing: Any, caption: str) -> bytes:
    drawing.attr(label=caption, labelloc="b")
    picture: bytes = drawing.pipe(format="svg")
    return picture


def _inputs(dataset: Dataset, row: Sequence[float], most: int) -> list[Value]:
    return [Value(x, label=name) for x, name in zip(row[:most], dataset.feature_names)]


BUILT_IN: dict[str, Callable[[int], Dataset]] = {
    "iris": lambda seed: iris(),
    "moons": lambda seed: moons(150, noise=0.1, seed=seed),
    "circles": lambda seed: circles(150, noise=0.1, seed=seed),
    "spirals": lambda seed: spirals(200, seed=seed),
    "xor": lambda seed: xor(150, noise=0.15, seed=seed),
}
"""The data sets that need no file, by name; from a seed."""

RATES = {"sgd": 0.2, "momentum": 0.05, "nesterov": 0.05, "rmsprop": 0.01, "adam": 0.02, "adamw": 0.02}
"""The optimizers by name, and the learning rates that they begin with where none is given."""

VALIDATION = 0.3
"""The share of the samples that is held out."""

FILES = ("model.json", "history.csv", "learning_curve.png", *DRAWINGS)
"""What a job writes in the end."""

FINDER = "learning_rates.png"
"""What it writes besides if it is to find the learning rate."""

CHECKPOINT = "checkpoint.json"
"""What it writes after every epoch."""

TRAINED = 1000.0
"""How many bytes a parameter takes in training, at the least."""

UNFINISHED = ".unfinished-"
"""How the name of the folder begins in which the rest is collected."""


class Outcome(NamedTuple):
    """What came of a job: the network with its best weights, the record, the rate at the start, the files written.

    The history is empty if Ctrl-C came before anything was measured, and then nothing is written; `skipped` says why
    drawings are missing.
    """

    predictor: Predictor
    history: History
    lr: float
    written: list[str]
    skipped: str


def run(job: Namespace) -> Outcome:
    """Do what `nn.__main__` understood: train, and write the files; but first refuse all that can be refused."""
    dataset = _dataset(job)
    training, validation = split(dataset, VALIDATION, job.seed)
    outputs = len(training.class_names or "1")
    parameters = sum((m + 1) * n for m, n in pairwise([len(training.feature_names), *job.hidden, outputs]))
    affordable(parameters, TRAINED, f"training a network of {parameters:,} parameters")
    predictor = Predictor.prepare(training, job.hidden, job.activation, job.seed)
    training, validation = predictor.standardised(training), predictor.standardised(validation)
    require_matplotlib()
    require_tqdm()
    if job.resume and not (job.out / CHECKPOINT).is_file():
        raise ModelFileError(f"{job.out / CHECKPOINT}: there is no checkpoint to go on from; leave --resume out")
    written: list[str] = []
    with _staging(job.out, written) as folder:
        lr = _rate(job, predictor, training, folder, written)
        history = _trained(job, predictor, training, validation, lr)
        if not history.epochs:
            written.clear()
            return Outcome(predictor, history, lr, written, "")
        about = {"best_epoch": history.best_epoch, "stopped": history.stopped, "data": job.data, "seed": job.seed}
        predictor.save(folder / "model.json", training=about)
        written.append("model.json")
        history.to_csv(folder / "history.csv")
        written.append("history.csv")
        learning_curve_figure(history).savefig(folder / "learning_curve.png", dpi=150)
        written.append("learning_curve.png")
        skipped = draw_all(predictor.model, training, job.activation, folder)
        written += [] if skipped else DRAWINGS
    return Outcome(predictor, history, lr, written, skipped)


def _dataset(job: Namespace) -> Dataset:
    if job.data in BUILT_IN:
        return BUILT_IN[job.data](job.seed)
    if not Path(job.data).suffix and not Path(job.data).exists():  # a misspelt name rather than a lost file
        raise DataError(f"{job.data}: there is no such file, and no such data set; there are {', '.join(BUILT_IN)}")
    return read_csv(job.data, job.target, job.header)


def _rate(job: Namespace, predictor: Predictor, training: Dataset, folder: Path, written: list[str]) -> float:
    """The learning rate: given, found, or that of the optimizer; the curve of the finder is drawn."""
    rate = job.lr or RATES[job.optimizer]
    if not job.find_lr:
        return rate
    from matplotlib.figure import Figure

    optimizer = optim.named(job.optimizer, predictor.model.parameters(), rate)
    found = find_lr(predictor.model, training, optimizer=optimizer, batch_size=job.batch_size, seed=job.seed)
    figure = Figure(layout="constrained")
    plot_lr_finder(found, figure.subplots())
    figure.savefig(folder / FINDER, dpi=150)
    written.append(FINDER)
    return found.suggestion or rate


def _trained(job: Namespace, predictor: Predictor, training: Dataset, validation: Dataset, lr: float) -> History:
    steps = job.epochs * math.ceil(len(training) / job.batch_size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the caller sees from the history that it diverged
        return fit(
            predictor.model,
            training,
            validation,
            optimizer=optim.named(job.optimizer, predictor.model.parameters(), lr),
            schedule=schedules.named(job.schedule, lr, steps),
            epochs=job.epochs,
            batch_size=job.batch_size,
            seed=job.seed,
            clip_norm=job.clip,
            l2=job.l2 or 0.0,
            patience=job.patience,
            checkpoint=job.out / CHECKPOINT,
            resume=job.resume,
            eager=job.eager,
        )


@contextlib.contextmanager
def _staging(out: Path, written: list[str]) -> Iterator[Path]:
    """A new folder inside another, out of which the files named as written are moved at the end, also at Ctrl-C.

    Such folders of jobs that were killed are removed.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with owned(out, wait=True):  # one at a time: a new folder is not to be taken for an abandoned one
            remove_abandoned(out, f"{UNFINISHED}*")
            temporary = tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=out)
            held = contextlib.ExitStack()
            held.enter_context(owned(temporary.name))
    except OSError as error:
        raise OSError(error.errno, f"cannot write to this folder: {error.strerror}", str(out)) from error
    with temporary as staging, held:
        for name in (*FILES, FINDER, CHECKPOINT):
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
