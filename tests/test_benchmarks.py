"""The network of the benchmarks: the two ways to train it agree. And two checkouts can be raced."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))

import against
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
    assert len(replayed.program._programs.entries) == 1
    replayed.step(tokens("amy", TINY))
    assert len(replayed.program._programs.entries) == 2


def test_the_network_has_the_size_of_microgpt():
    assert Sizes().parameters == 4192
    assert len(NAMES) >= 200
    assert set("".join(NAMES)) <= set("abcdefghijklmnopqrstuvwxyz")


def test_two_checkouts_are_raced_in_every_case(capsys):
    pytest.importorskip("numpy", reason="numpy is not installed")
    against.compare(against.ROOT, series=1, rounds=1, share=0.0001)
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["case", "old", "new"]
    assert [line[:34].strip() for line in lines] == [case.name for case in against.CASES]
    ratios = [float(line[58:70]) for line in lines]
    assert all(ratio > 0.0 for ratio in ratios)
    assert ratios[[case.unit for case in against.CASES].index("bytes")] == pytest.approx(1.0, abs=0.01)


def test_a_case_that_a_checkout_cannot_do_is_left_out(tmp_path, capsys):
    (tmp_path / "autodiff").mkdir()
    (tmp_path / "autodiff" / "__init__.py").write_text("Value = float\n", encoding="utf-8")
    against.compare(tmp_path, ["eager"], series=1, rounds=1, share=0.0001, name="tanh of a float")
    assert "left out: tanh of a float, because of: AttributeError" in capsys.readouterr().out


def test_what_is_no_checkout_is_refused(tmp_path):
    command = [sys.executable, against.__file__, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "is no checkout" in done.stderr


@pytest.mark.parametrize("program", ["rivals", "fit"])
def test_the_programs_know_the_other_checkout(program):
    command = [sys.executable, str(Path(against.__file__).with_name(f"{program}.py")), "--help"]
    done = subprocess.run(command, cwd=against.ROOT, capture_output=True, text=True, timeout=60)
    assert "--against PATH" in done.stdout, done.stderr
