"""The command line: ``python -m nn`` trains a network, ``python -m nn predict`` uses it; both know ``--help``.

the folder then holds
  model.json                                    the best weights, names and units of the data
  history.csv                                   losses, scores, learning rates, gradient norms by epoch
  learning_curve.png                            loss and score by epoch
  learning_rates.png                            with --find-lr: the loss by learning rate
  neuron_forward.svg, neuron_backward.svg       the graphs of the first neuron, trained, at one sample
  untrained_3_units_forward.svg, ..._backward.svg
                                                the graphs of one sample's loss through an untrained network of 3 units:
                                                what such graphs look like, not the network that was trained
  checkpoint.json                               the state of the training, for --resume

examples
  python -m nn
  python -m nn --data moons --hidden 8 8 --optimizer adam --find-lr --patience 20
  python -m nn --data houses.csv --schedule cosine --clip 1 --epochs 200 --out runs/houses
  python -m nn predict runs/iris/model.json new.csv > predictions.csv     (see python -m nn predict --help)

Ctrl-C (or SIGTERM) ends the training; the best model so far is written. The same command with --resume then goes on
from the checkpoint, to the same numbers as if nothing had happened. It may have another --patience, and more --epochs,
unless there is a --schedule, which stretches over all epochs; another option that would change numbers is refused.

Exit status: 0 done, 1 the training diverged or learned nothing (what is written is the best model before that), 2 bad
input, or more of it than memory holds (nothing is written), 130 Ctrl-C, 143 SIGTERM. The environment variable
NN_MEMORY says how many bytes may be used, if not those that are free.
"""  # noqa: D405, D407  (the text of --help)

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from types import FrameType
from typing import NoReturn

from autodiff.errors import AutodiffError
from nn.cli.ctrl_c import leave_at_ctrl_c, raise_at_ctrl_c
from nn.cli.job import BUILT_IN, RATES, Outcome, run
from nn.cli.predictor import predict
from nn.data.csv_text import number
from nn.model.mlp import ACTIVATIONS
from nn.schedules import SCHEDULES

NAME = "python -m nn"

MOST_DIGITS = 12
"""How long a count may be."""

OK, DIVERGED, BAD_INPUT, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line on some arguments, by default those of the process; return the exit status of ``--help``."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    with _sigterm_as_ctrl_c() as received, warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = lambda message, *_, **__: _tell(f"note: {message}")
        status = _run(arguments)
    return TERMINATED if received and status == INTERRUPTED else status


def _run(arguments: list[str]) -> int:
    try:
        raise_at_ctrl_c()
        if arguments[:1] == ["predict"]:
            options = _prediction_parser().parse_args(arguments[1:])
            predict(options.model, options.data, sys.stdout, HEADERS[options.header])
            sys.stdout.flush()
            return OK
        return _train(_job(arguments))
    except BrokenPipeError:  # the reader, `head` perhaps, has enough; nor must Python's last flush complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (UsageError, AutodiffError, ImportError, OSError, ValueError, MemoryError) as error:
        message = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else f"{error}"
        _tell(f"error: {message or 'there is not enough memory; take fewer or smaller layers, or less data'}")
        return BAD_INPUT
    except KeyboardInterrupt:
        leave_at_ctrl_c()
        _tell("interrupted")
        return INTERRUPTED


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[list[int]]:
    """Take SIGTERM for Ctrl-C inside a ``with``, so that nothing half done is left; the list then has its number."""
    received: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # only there may a signal be asked for
        yield received
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield received
    finally:
        signal.signal(signal.SIGTERM, before)


def _tell(message: str) -> None:
    print(f"{NAME}: {' '.join(message.split())}", file=sys.stderr)


def _train(job: argparse.Namespace) -> int:
    done = run(job)
    history = done.history
    if done.skipped:
        _tell(f"no drawings: {done.skipped}")
    if not history.epochs:
        _tell("interrupted before anything was learned; nothing is written")
        return INTERRUPTED
    print(_table(job, done), flush=True)
    training, kept = history.column("training_loss"), f"what is written is that of epoch {history.best_epoch}"
    status = DIVERGED
    if history.stopped == "diverged":
        _tell(
            f"training diverged in epoch {len(training)}: the loss is no longer finite; try an --lr below {done.lr:g}"
        )
    elif len(training) > 1 and history.diagnosis.kind == "diverging":  # the table says it, too, and in what
        _tell(f"training diverged; {kept}; try an --lr below {done.lr:g}")
    elif len(training) > 1 and training[-1] == training[0]:
        _tell(f"nothing was learned: the training loss is what it was, {training[0]:.3g}; {kept}; try a larger --lr")
    else:
        status = OK
        if history.best_epoch == 0:
            _tell(f"no epoch was better than the untrained network; {kept}; try another --lr")
    return INTERRUPTED if history.stopped == "interrupted" else status


def _table(job: argparse.Namespace, done: Outcome) -> str:
    """The closing table."""
    predictor, history, best = done.predictor, done.history, done.history.best
    sizes = [len(predictor.feature_names), *(len(layer.neurons) for layer in predictor.model.layers)]
    classes, name = predictor.class_names, predictor.target_name
    kind = f"regression of {name!r}" if classes is None else f"{len(classes)} classes of {name!r}"
    times = history.column("seconds")[1:]
    pace = f"{1e3 * median(times):.3g} ms an epoch" if times else "no epoch done"
    ending = "stopped early" if history.stopped == "patience" else history.stopped
    trained = len(history.epochs) > 1 or history.stopped == "diverged"
    return "\n".join(
        [
            f"{job.data}: {kind}, {ending} after {history.seconds:.1f} s",
            f"network {sizes}, {job.activation}, {len(predictor.model.parameters())} parameters; "
            f"best of {len(history.epochs) - 1} epochs: {history.best_epoch}",
            f"{job.optimizer}, learning rate {done.lr:.3g}{', found' if job.find_lr else ''}, {job.schedule}; "
            f"steps by {history.backend}, {pace}",
            "",
            f"{'':<12}{'loss':>10}{history.metric:>12}",
            f"{'training':<12}{best.training_loss:>10.4f}{best.training_score:>12.4f}",
            f"{'validation':<12}{best.validation_loss:>10.4f}{best.validation_score:>12.4f}",
            "",
            *([str(history.diagnosis), ""] if trained else []),
            f"written to {job.out}: {', '.join(done.written)}",
        ]
    )


# -- What is understood --------------------------------------------------------------------------------------------

HEADERS = {"yes": True, "no": False, None: None}
_HEADER = (
    "whether the first row of the file holds the names of the columns (default: unless it could be one of the data)"
)


class UsageError(Exception):
    """The command line cannot be understood."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > MOST_DIGITS or int(text) < 1:
        short = "" if len(text) <= MOST_DIGITS else f" and of {MOST_DIGITS} digits at most"
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1{short}, got {text!r:.40}")
    return int(text)


def _positive(text: str) -> float:
    x = number(text)
    if x is None or not 0.0 < x < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return x


def _training_parser() -> argparse.ArgumentParser:
    """Make the parser of the main job."""
    parser = _Parser(
        prog=NAME,
        description="Train a network on a data set, of which 30 % are held out for validation.",
        epilog=(__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument_group("data").add_argument
    add(
        "--data",
        default="iris",
        metavar="DATA",
        help=f"{', '.join(BUILT_IN)}, or a CSV file whose last column is the target: text makes classes, numbers a "
        "regression (default: %(default)s)",
    )
    add("--target", choices=["classes", "numbers"], help="how to read that column, where classes are coded as numbers")
    add("--header", choices=[*filter(None, HEADERS)], help=_HEADER)
    add("--seed", type=int, default=0, metavar="N", help="of the parts, weights and batches (default: %(default)s)")
    add = parser.add_argument_group("network").add_argument
    add(
        "--hidden",
        type=_count,
        nargs="*",
        default=[16, 8],
        metavar="N",
        help="sizes of the hidden layers; nothing for none (default: 16 8)",
    )
    add("--activation", choices=list(ACTIVATIONS), default="tanh", help="of the hidden layers (default: %(default)s)")
    add = parser.add_argument_group("training").add_argument
    rates = ", ".join(f"{rate:g} for {name}" for name, rate in RATES.items())
    add("--epochs", type=_count, default=100, metavar="N", help="times through the data (default: %(default)s)")
    add("--batch-size", type=_count, default=16, metavar="N", help="samples a step (default: %(default)s)")
    add("--optimizer", choices=list(RATES), default="sgd", help="the rule of a step (default: %(default)s)")
    add("--lr", type=_positive, metavar="X", help=f"learning rate (default: {rates})")
    add("--find-lr", action="store_true", help="in place of --lr: try rates from 1e-7 to 10, and take the suggestion")
    add(
        "--schedule",
        choices=list(SCHEDULES),
        default="constant",
        help="how the learning rate changes from step to step (default: %(default)s)",
    )
    add("--clip", type=_positive, metavar="X", help="bound for the norm of the gradients (default: none)")
    add("--l2", type=_positive, metavar="X", help="strength of a penalty on squared weights (default: none)")
    add("--patience", type=_count, metavar="N", help="stop after N epochs without a better one (default: never)")
    add(
        "--eager",
        action="store_true",
        help="build the graph of every mini-batch: far slower than replaying one program",
    )
    add = parser.add_argument_group("files").add_argument
    add("--out", type=Path, metavar="FOLDER", help="where to write (default: runs/ and the name of the data)")
    add("--resume", action="store_true", help="go on from the checkpoint in that folder")
    return parser


def _prediction_parser() -> argparse.ArgumentParser:
    """Make the parser of predictions."""
    parser = _Parser(
        prog=f"{NAME} predict",
        description="Predict each row of a CSV file and print the predictions as CSV: the class and its probability, "
        "or the number. Features are standardised with the statistics of the training data.",
        allow_abbrev=False,
    )
    parser.add_argument("model", metavar="MODEL.json", help=f"what {NAME} wrote")
    parser.add_argument(
        "data", metavar="DATA.csv", help="has the columns of the training data by name; the target is not needed"
    )
    parser.add_argument("--header", choices=[*filter(None, HEADERS)], help=_HEADER)
    return parser


def _job(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _training_parser()
    options = parser.parse_args(arguments)
    if options.lr and options.find_lr:
        parser.error("--lr cannot be used with --find-lr")
    for option in ("target", "header"):
        if getattr(options, option) and options.data in BUILT_IN:
            parser.error(f"--{option} cannot be used with --data {options.data}")
    options.header = HEADERS[options.header]
    name = Path(options.data).stem or "data"
    taken = name in BUILT_IN and name != options.data  # by a data set of ours
    options.out = options.out or Path("runs", f"{name}-csv" if taken else name)
    return options


if __name__ == "__main__":
    status = main()
    leave_at_ctrl_c()
    sys.exit(status)
