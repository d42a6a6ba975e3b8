"""The trips of `trips` arrive, and what they enter is counted."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
import trips


@pytest.mark.parametrize(
    ("number", "needs", "through", "past"),
    [
        (0, [], {"autodiff/value.py", "autodiff/reverse.py"}, ["autodiff/show", "autodiff/replay", "nn"]),
        (1, ["llvmlite"], {"autodiff/value.py", "autodiff/program/tape.py"}, ["nn", "autodiff/show"]),
        (2, ["llvmlite", "matplotlib", "tqdm"], {"nn/__main__.py", "nn/train/fit.py", "autodiff/files.py"}, []),
        (3, ["graphviz"], {"autodiff/show/draw.py", "autodiff/graph.py"}, ["autodiff/replay", "nn"]),
    ],
)
def test_trips_arrive(number, needs, through, past):
    for package in needs:
        pytest.importorskip(package, reason=f"{package} is not installed")
    entered = trips.files(number)
    assert entered == sorted(set(entered))
    assert through <= set(entered)
    assert not [path for path in entered if path.startswith(tuple(past))]
    assert all((trips.ROOT / path).exists() for path in entered)


def test_calls_count_in_any_thread_and_imports_do_not(tmp_path, monkeypatch):
    (tmp_path / "autodiff").mkdir()
    calling = "def f(): ...\nf()\n"
    for name in ("here", "there", "loaded"):
        (tmp_path / "autodiff" / f"{name}.py").write_text(calling, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "autodiff")
    import here
    import there

    with trips.profile(tmp_path) as entered:
        here.f()
        thread = threading.Thread(target=there.f)
        thread.start()
        thread.join()
        import loaded  # noqa: F401
    assert entered == {"autodiff/here.py", "autodiff/there.py"}


def test_the_printed_trips():
    pytest.importorskip("llvmlite", reason="llvmlite is not installed")
    done = subprocess.run([sys.executable, trips.__file__], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(" files\n") == len(trips.TRIPS)
