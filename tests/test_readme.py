"""Every code block of the README runs, and prints what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from autodiff.operation import OPERATIONS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def test_python_blocks_print_what_their_comments_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("graphviz", reason="the README draws: pip install graphviz pygraphviz")
    monkeypatch.chdir(tmp_path)  # the blocks write files
    namespace: dict[str, object] = {}
    known = set(OPERATIONS)
    try:
        run(namespace, capsys)
    finally:
        for name in set(OPERATIONS) - known:  # what the README defines is not for other tests
            del OPERATIONS[name]
    assert (tmp_path / "neuron.svg").read_text(encoding="utf-8").rstrip().endswith("</svg>")


def run(namespace: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), namespace)
        expected = re.findall(r"^\s*print\(.*\)  # (.*)$", block, flags=re.MULTILINE)
        assert expected, f"a block that shows nothing:\n{block}"
        assert capsys.readouterr().out.splitlines() == expected


def test_a_block_that_is_only_shown_stands_in_the_source() -> None:
    """The operation that the README shows is the one of the table, apart from remarks."""
    (shown,) = blocks("text")
    source = "\n".join(p.read_text(encoding="utf-8") for p in sorted((ROOT / "autodiff" / "ops").glob("*.py")))

    def code(text: str) -> list[str]:
        return [re.sub(r"\s*#.*", "", line).strip() for line in text.strip().splitlines()]

    assert "\n".join(code(shown)) in "\n".join(code(source))


def test_set_up_commands_install_extras_that_exist() -> None:
    commands = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("python3 -m venv")]
    assert len(commands) == 2
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for command in commands:
        (extras,) = re.findall(r'--editable "\.\[(.*?)\]"', command)
        for extra in extras.split(","):
            assert re.search(rf"^{extra} = \[", pyproject, flags=re.MULTILINE)


def test_shell_commands_run(tmp_path: Path) -> None:
    """All but the two set-up commands, which `.ci/run` and a fresh machine run."""
    for package in ("graphviz", "matplotlib", "tqdm"):
        pytest.importorskip(package, reason="the main job draws and plots")
    for package in ("autodiff", "nn"):
        (tmp_path / package).symlink_to(ROOT / package)
    commands = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("python -m nn")]
    assert len(commands) >= 2
    for command in commands:
        subprocess.run([sys.executable, *command.split()[1:]], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
