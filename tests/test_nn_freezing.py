"""Nothing freezes: whatever a user's code reads, `nn.fit` ends with the numbers of a training by graphs."""

from __future__ import annotations

import pytest
from freezing import KINDS, MODELS, RULES, Training, leaves, trainings, written
from hypothesis import given, settings

PLAIN = KINDS["calm"][-1]._replace(change="")
CALM = {"calm"}
LOUD = {"random", "effect", "clock"}
LATE = {"branch", "hidden"}
QUIET = {"branch", "own"}  # reason enough, which the backend tells alone
PIECES = [piece for pieces in KINDS.values() for piece in pieces]
EVERY = [*[(piece, None) for piece in PIECES], *[(PLAIN, rule) for rule in RULES]]
NAMES = [rule.update if rule else piece.forward for piece, rule in EVERY]


def check(training: Training) -> None:
    """That it ends as it does eagerly; on what it is done; and that a warning tells what does more than to compute.

    A branch that is seen late, as the program and the code were compared again, is told by the backend and a warning;
    what was recorded of the training before that may be wrong.
    """
    eager, found = training.run(eager=True), training.run(eager=False)
    told = [text for text in found.warned if text not in eager.warned]
    late = bool(training.natures & LATE) and "later" in found.backend and bool(told)
    if "clock" not in training.natures and not late:
        assert found.numbers.keys() == eager.numbers.keys()
        for name, numbers in eager.numbers.items():
            assert found.numbers[name] == pytest.approx(numbers, rel=1e-9, abs=1e-12, nan_ok=True), name
        ends, expected = leaves(found.left), leaves(eager.left)
        assert ends.keys() == expected.keys()
        for path, x in expected.items():
            assert ends[path] == (pytest.approx(x, rel=1e-9, abs=1e-12) if isinstance(x, float) else x), path
    if training.natures <= CALM:
        assert "eager" not in found.backend
    if "clock" in training.natures:
        assert "eager" in found.backend
    if "eager" not in found.backend:
        assert not told
    else:
        assert len(found.backend.partition("eager")[2].partition(": ")[2]) > 10  # it says why
        assert len(told) <= 1 + found.backend.count("later")  # of the optimizer and of the model, say
        assert told or not training.natures & LOUD or training.natures & QUIET


@pytest.mark.parametrize(("piece", "rule"), EVERY, ids=NAMES)
def test_each_piece(piece, rule):
    when = "never" if not piece.change and rule is None else "step" if EVERY.index((piece, rule)) % 2 else "epoch"
    check(written([piece], [("0.5", "0.8")], rule=rule, when=when))


@pytest.mark.parametrize("model", MODELS.items())
def test_each_model(model):
    for when in ("epoch", "step"):
        check(written([PLAIN], [("0.5", "0.8")], model=model, when=when))


@given(training=trainings())
def test_a_replayed_training_ends_as_an_eager_one(training):
    check(training)


@settings(max_examples=settings.default.max_examples // 4)
@given(training=trainings(["calm"]))
def test_what_only_computes_is_replayed(training):
    check(training)
