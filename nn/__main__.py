"""The command line: ``python -m nn`` trains a network, ``python -m nn predict`` uses it; both know ``--help``."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from autodiff.errors import AutodiffError
from nn.activations import ACTIVATIONS
from nn.history import History
from nn.job import BUILT_IN, Job, run
from nn.predictor import Predictor, predict
from nn.tables import number

NAME = "python -m nn"
OK, DIVERGED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

EPILOG = """\
the folder then holds
  model.json                                    the best weights, names and units of the data
  learning_curve.png                            loss and score by epoch
  neuron_forward.svg, neuron_backward.svg       the graphs of one neuron at one sample
  network_forward.svg, network_backward.svg     the graphs of one sample's loss through a small network

examples
  python -m nn
  python -m nn --data moons --hidden 8 8 --lr 0.5
  python -m nn --data houses.csv --epochs 200 --out runs/houses
  python -m nn predict runs/iris/model.json new.csv > predictions.csv     (see python -m nn predict --help)

Ctrl-C ends the training; the best model so far is written. Exit status: 0 done, 1 the training diverged (what is
written is the best model before that), 2 bad input (nothing is written), 130 Ctrl-C.
"""


class _UsageError(Exception):
    """The command line cannot be understood."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        raise _UsageError(f"{message} (see {self.prog} --help)")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def _rate(text: str) -> float:
    rate = number(text)
    if rate is None or not 0.0 < rate < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return rate


def _training_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=NAME,
        description="Train a network on a data set, of which 30 % are held out for validation.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    built_in = ", ".join(BUILT_IN)
    add(
        "--data",
        default="iris",
        metavar="DATA",
        help=f"{built_in}, or a CSV file with a header row whose last column is the target: text makes classes, "
        "numbers make a regression (default: %(default)s)",
    )
    add(
        "--hidden",
        type=_count,
        nargs="*",
        default=[16, 8],
        metavar="N",
        help="sizes of the hidden layers; nothing for none (default: 16 8)",
    )
    add("--activation", choices=list(ACTIVATIONS), default="tanh", help="of the hidden layers (default: %(default)s)")
    add("--epochs", type=_count, default=100, metavar="N", help="times through the data (default: %(default)s)")
    add("--lr", type=_rate, default=0.2, metavar="X", help="learning rate (default: %(default)s)")
    add("--batch-size", type=_count, default=16, metavar="N", help="samples a step (default: %(default)s)")
    add("--seed", type=int, default=0, metavar="N", help="of the parts, weights and batches (default: %(default)s)")
    add("--out", type=Path, metavar="FOLDER", help="where to write (default: runs/ and the name of the data)")
    return parser


def _prediction_parser() -> argparse.ArgumentParser:
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
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        The exit status, as ``--help`` tells.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments[:1] == ["predict"]:
            options = _prediction_parser().parse_args(arguments[1:])
            predict(options.model, options.data, sys.stdout)
            sys.stdout.flush()
            return OK
        options = _training_parser().parse_args(arguments)
        options.out = options.out or Path("runs", _run_name(options.data))
        return _train(Job(**vars(options)))
    except BrokenPipeError:  # the reader, `head` perhaps, has enough; nor must Python's last flush complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (_UsageError, AutodiffError, ImportError) as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        print(f"{NAME}: interrupted", file=sys.stderr)
        return INTERRUPTED


def _run_name(data: str) -> str:
    if data in BUILT_IN:
        return data
    name = Path(data).stem or "data"
    return f"{name}-csv" if name in BUILT_IN else name


def _refuse(message: str) -> int:
    print(f"{NAME}: error: {' '.join(message.split())}", file=sys.stderr)
    return BAD_INPUT


def _train(job: Job) -> int:
    predictor, history, written, skipped = run(job)
    if skipped:
        print(f"{NAME}: no drawings: {' '.join(skipped.split())}", file=sys.stderr)
    if not history.epochs:
        print(f"{NAME}: interrupted before anything was learned; nothing is written", file=sys.stderr)
        return INTERRUPTED
    print(_table(job, predictor, history, written), flush=True)
    if history.stopped == "diverged":
        print(
            f"{NAME}: training diverged in epoch {len(history.epochs)}: the loss is no longer finite; "
            f"try an --lr below {job.lr:g}",
            file=sys.stderr,
        )
    elif history.best_epoch == 0:
        print(f"{NAME}: no epoch was better than the untrained network; try another --lr", file=sys.stderr)
    return {"finished": OK, "diverged": DIVERGED, "interrupted": INTERRUPTED}[history.stopped]


def _table(job: Job, predictor: Predictor, history: History, written: Sequence[str]) -> str:
    """The closing table."""
    best = history.best
    sizes = [len(predictor.feature_names), *(len(layer.neurons) for layer in predictor.model.layers)]
    kind = "regression" if predictor.class_names is None else f"{len(predictor.class_names)} classes"
    done = f"best of {len(history.epochs) - 1} epochs: {history.best_epoch}"
    return "\n".join(
        [
            f"{job.data}: {kind}, {history.stopped} after {history.seconds:.1f} s",
            f"network {sizes}, {job.activation}, {len(predictor.model.parameters())} parameters; {done}",
            "",
            f"{'':<12}{'loss':>10}{history.metric:>12}",
            f"{'training':<12}{best.training_loss:>10.4f}{best.training_score:>12.4f}",
            f"{'validation':<12}{best.validation_loss:>10.4f}{best.validation_score:>12.4f}",
            "",
            f"written to {job.out}: {', '.join(written)}",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
