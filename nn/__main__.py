"""The command line: ``python -m nn`` trains a network, ``python -m nn predict`` uses it; both know ``--help``."""

from __future__ import annotations

import os
import signal
import sys
import threading
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from types import FrameType

from autodiff.errors import AutodiffError
from nn.cli.job import BUILT_IN, Outcome, run
from nn.cli.options import NAME, UsageError, prediction_parser, training_parser
from nn.cli.predictor import predict
from nn.history import History

OK, DIVERGED, BAD_INPUT, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line on some arguments, by default those of the process; return the exit status of ``--help``."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    with _sigterm_as_ctrl_c() as received:
        status = _run(arguments)
    return TERMINATED if received and status == INTERRUPTED else status


def _run(arguments: list[str]) -> int:
    try:
        if arguments[:1] == ["predict"]:
            options = prediction_parser().parse_args(arguments[1:])
            predict(options.model, options.data, sys.stdout)
            sys.stdout.flush()
            return OK
        return _train(_job(arguments))
    except BrokenPipeError:  # the reader, `head` perhaps, has enough; nor must Python's last flush complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (UsageError, AutodiffError, ImportError) as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        print(f"{NAME}: interrupted", file=sys.stderr)
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


def _job(arguments: Sequence[str]) -> Namespace:
    options = training_parser().parse_args(arguments)
    for name, other, together in (
        ("--lr", "--find-lr", options.lr and options.find_lr),
        ("--target", f"--data {options.data}", options.target and options.data in BUILT_IN),
    ):
        if together:
            raise UsageError(f"{name} cannot be used with {other} (see {NAME} --help)")
    options.out = options.out or Path("runs", _run_name(options.data))
    return options


def _run_name(data: str) -> str:
    if data in BUILT_IN:
        return data
    name = Path(data).stem or "data"
    return f"{name}-csv" if name in BUILT_IN else name


def _refuse(message: str) -> int:
    print(f"{NAME}: error: {' '.join(message.split())}", file=sys.stderr)
    return BAD_INPUT


def _train(job: Namespace) -> int:
    done = run(job)
    history = done.history
    if done.skipped:
        print(f"{NAME}: no drawings: {' '.join(done.skipped.split())}", file=sys.stderr)
    if not history.epochs:
        print(f"{NAME}: interrupted before anything was learned; nothing is written", file=sys.stderr)
        return INTERRUPTED
    print(_table(job, done), flush=True)
    if history.stopped == "diverged":
        print(
            f"{NAME}: training diverged in epoch {len(history.epochs)}: the loss is no longer finite; "
            f"try an --lr below {done.lr:g}",
            file=sys.stderr,
        )
    elif history.best_epoch == 0:
        print(f"{NAME}: no epoch was better than the untrained network; try another --lr", file=sys.stderr)
    return {"diverged": DIVERGED, "interrupted": INTERRUPTED}.get(history.stopped, OK)


def _table(job: Namespace, done: Outcome) -> str:
    """The closing table."""
    predictor, history, best = done.predictor, done.history, done.history.best
    sizes = [len(predictor.feature_names), *(len(layer.neurons) for layer in predictor.model.layers)]
    kind = "regression" if predictor.class_names is None else f"{len(predictor.class_names)} classes"
    ending = "stopped early" if history.stopped == "patience" else history.stopped
    trained = len(history.epochs) > 1 or history.stopped == "diverged"
    return "\n".join(
        [
            f"{job.data}: {kind}, {ending} after {history.seconds:.1f} s",
            f"network {sizes}, {job.activation}, {len(predictor.model.parameters())} parameters; "
            f"best of {len(history.epochs) - 1} epochs: {history.best_epoch}",
            f"{job.optimizer}, learning rate {done.lr:.3g}{', found' if job.find_lr else ''}, {job.schedule}; "
            f"steps by {history.backend}, {_epoch_time(history)}",
            "",
            f"{'':<12}{'loss':>10}{history.metric:>12}",
            f"{'training':<12}{best.training_loss:>10.4f}{best.training_score:>12.4f}",
            f"{'validation':<12}{best.validation_loss:>10.4f}{best.validation_score:>12.4f}",
            "",
            *([str(history.diagnosis), ""] if trained else []),
            f"written to {job.out}: {', '.join(done.written)}",
        ]
    )


def _epoch_time(history: History) -> str:
    seconds = [epoch.seconds for epoch in history.epochs[1:]]
    return f"{1e3 * median(seconds):.3g} ms an epoch" if seconds else "no epoch done"


if __name__ == "__main__":
    sys.exit(main())
