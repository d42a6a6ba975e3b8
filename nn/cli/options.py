"""What the command line understands: the options of ``python -m nn`` and of ``python -m nn predict``."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import NoReturn

from nn.cli.job import BUILT_IN, RATES
from nn.data.csv_files import number
from nn.model.activations import ACTIVATIONS
from nn.schedules import SCHEDULES

NAME = "python -m nn"

EPILOG = """\
the folder then holds
  model.json                                    the best weights, names and units of the data
  history.csv                                   losses, scores, learning rates, gradient norms by epoch
  learning_curve.png                            loss and score by epoch
  learning_rates.png                            with --find-lr: the loss by learning rate
  neuron_forward.svg, neuron_backward.svg       the graphs of one neuron at one sample
  network_forward.svg, network_backward.svg     the graphs of one sample's loss through a small network
  checkpoint.json                               the state of the training, for --resume

examples
  python -m nn
  python -m nn --data moons --hidden 8 8 --optimizer adam --find-lr --patience 20
  python -m nn --data houses.csv --schedule cosine --clip 1 --epochs 200 --out runs/houses
  python -m nn predict runs/iris/model.json new.csv > predictions.csv     (see python -m nn predict --help)

Ctrl-C (or SIGTERM) ends the training; the best model so far is written. The same command with --resume then goes on
from the checkpoint, to the same numbers as if nothing had happened; it may ask for more epochs.

Exit status: 0 done, 1 the training diverged (what is written is the best model before that), 2 bad input (nothing is
written), 130 Ctrl-C, 143 SIGTERM.
"""


class UsageError(Exception):
    """The command line cannot be understood."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def _positive(text: str) -> float:
    x = number(text)
    if x is None or not 0.0 < x < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return x


def training_parser() -> argparse.ArgumentParser:
    """Make the parser of the main job."""
    parser = _Parser(
        prog=NAME,
        description="Train a network on a data set, of which 30 % are held out for validation.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument_group("data").add_argument
    add(
        "--data",
        default="iris",
        metavar="DATA",
        help=f"{', '.join(BUILT_IN)}, or a CSV file with a header row whose last column is the target: text makes "
        "classes, numbers make a regression (default: %(default)s)",
    )
    add("--target", choices=["classes", "numbers"], help="how to read that column, where classes are coded as numbers")
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


def prediction_parser() -> argparse.ArgumentParser:
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
    return parser
