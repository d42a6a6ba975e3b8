"""The network of the benchmarks: the two ways to train it agree."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))

from letters import Eager, Replayed
from transformer import NAMES, Sizes, tokens

TINY = Sizes(positions=5, width=4, heads=2, hidden=6)


def test_the_transformer_trains_eagerly_and_by_replay_with_the_same_losses():
    pytest.importorskip("numpy", reason="numpy is not installed")
    eager, replayed = Eager(TINY), Replayed(TINY)
    names = [name for name in NAMES if len(name) == 4][:3]
    losses = [(eager.step(d), replayed.step(d)) for d in (tokens(name, TINY) for name in names)]
    assert losses[0][0] == pytest.approx(3.3, abs=0.2)  # log(27): it knows nothing yet
    assert len({a for a, _ in losses}) == len(names)
    assert [b for _, b in losses] == pytest.approx([a for a, _ in losses], rel=1e-12)
    assert replayed.parameters() == pytest.approx(eager.parameters(), rel=1e-9, abs=1e-12)


def test_other_letters_run_the_same_program_and_another_length_another():
    pytest.importorskip("numpy", reason="numpy is not installed")
    replayed = Replayed(TINY)
    for name in ("mary", "john", "lisa"):
        replayed.step(tokens(name, TINY))
    assert len(replayed.program._entries) == 1
    replayed.step(tokens("amy", TINY))
    assert len(replayed.program._entries) == 2


def test_the_network_has_the_size_of_microgpt():
    assert Sizes().parameters == 4192
    assert len(NAMES) >= 200
    assert set("".join(NAMES)) <= set("abcdefghijklmnopqrstuvwxyz")
