# SPDX-License-Identifier: Apache-2.0
"""All commands together: they are listed and explained, complete at the Tab key, and import only what they need."""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from commands import refused, run_cli

import board.executors
from board.cli import options
from board.cli.command import Command, parser
from board.core.decoding import DECODINGS
from board.faces.finders import NAMES as FINDERS
from board.faces.finders import haar, yunet
from hls_build.cli.main import COMMANDS
from hls_build.config.board import board_names
from qnn.cli import explain, study
from qnn.data.datasets import NAMES
from qnn.data.protocols import PROTOCOLS
from qnn.explain.explanation import METHODS
from qnn.network.presets import PRESETS
from qnn.studies.study import STUDIES
from qnn.training.recipes import PLANS

ROOT = Path(__file__).parents[3]
PROGRAM = [sys.executable, "-m", "hls_build.cli.main"]


def help_of(command: str) -> str:
    """A command's help as one line."""
    ran = run_cli(*command.split(), "--help")
    assert ran.status == 0, ran.stderr
    return " ".join(ran.stdout.split())


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_teaches(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    told = run_cli(*command.name.split(), "--help").stdout
    assert told.startswith(f"usage: auflow {command.name} [-h]")
    listed = [line for line in run_cli("--help").stdout.splitlines() if line.startswith(f"  {command.name} ")]
    assert [line.split(maxsplit=len(command.name.split()))[-1] for line in listed] == [command.help]  # in one line
    options_told = told.partition("options:")[2].partition("examples:")[0]
    entries = re.split(r"\n(?=  \S)", options_told)
    assert all(len(entry.split(maxsplit=2)) == 3 for entry in entries if entry.strip()), "an option without help"
    assert not [entry for entry in entries if entry.count("(default: ") > 1], "a default told twice"
    assert command.examples
    for example in command.examples:
        if "$" in example or "|" in example:  # for a shell
            continue
        program, *words = shlex.split(example, comments=True)
        assert program == "auflow"
        parser(COMMANDS, words).parse_args(words)


def test_commands_are_grouped_by_task() -> None:
    told = run_cli("--help").stdout
    places = [told.index(f"\n{task}:\n") for task in ("Use it", "Build it", "Train it", "Study it")]
    assert places == sorted(places)


@pytest.mark.parametrize("command", ["train", "eval", "tune", "study", "data check", "explain", "label"])
def test_help_names_the_datasets(command: str) -> None:
    assert ", ".join(NAMES) in help_of(command)


def test_help_names_what_can_be_chosen() -> None:
    assert ", ".join(board_names()) in help_of("fold") and ", ".join(board_names()) in help_of("build")
    for command in ("fold", "train", "export"):
        assert ", ".join(PRESETS) in help_of(command)
    assert all(name in help_of("train") for name in (*PROTOCOLS, *PLANS, "(BP4D, DISFA)"))
    assert all(name in help_of("tune") for name in DECODINGS)
    assert "13 for CK+, FERPlus, Pictures, RAF-DB, Rendered faces; 12 for DISFA; 5 for BP4D" in help_of("complexity")


def test_names_that_take_long_to_import_are_the_true_ones() -> None:
    assert set(options.EXECUTORS) == set(board.executors.EXECUTORS)
    assert ("auto", *options.EXECUTORS)[0] == board.executors.AUTO
    assert all(name in options.EXECUTORS_HELP for name in options.EXECUTORS)
    assert explain.METHODS == METHODS and tuple(STUDIES) == study.NAMES
    assert all(name in help_of("study") for name in STUDIES)
    detect = help_of("detect")
    searches = f"(default: {yunet.SEARCH_EVERY} with yunet, {haar.SEARCH_EVERY} with haar)"
    assert searches in detect.partition("--search-every N frames")[2]
    assert f"(default: {yunet.LEAST_CONFIDENCE} with yunet, 0 with haar)" in detect
    assert f"{yunet.LEAST_FACE_PX} in a picture; with haar {haar.LEAST_FACE_PX})" in detect
    assert options.FINDERS == FINDERS


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("detect", "--help"), ("fold", "--help"), ("fly",)])
def test_help_imports_nothing_heavy(words: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom hls_build.cli.main import main\ntry:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print('imported', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, timeout=60)
    imported = done.stdout.partition("imported ")[2].split()
    assert "board.cli.command" in imported
    assert {"numpy", "cv2", "torch", "onnx", "rich", "matplotlib", "scipy", "finn"} & set(imported) == set()


@pytest.mark.parametrize("command", ["train", "study", "eval", "explain", "complexity", "export", "build", "label"])
def test_help_needs_no_torch(command: str) -> None:
    code = "from board.cli.command import parser\nfrom hls_build.cli.main import COMMANDS\n"
    code += f"parser(COMMANDS, ['{command}'])\nimport sys\nassert not {{'torch', 'rich'}} & set(sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("auflow det", ["detect"]),
        ("auflow data ", ["check"]),
        ("auflow detect --dep", ["--deploy"]),
        ("auflow detect --executor ", ["auto", "fpga", "onnx", "numpy", "rtl"]),
        ("auflow fold --board ", list(board_names())),
        ("auflow train --preset w4", ["w4a4", "w4a4h4"]),
        ("auflow eval --data ", list(NAMES)),
        ("auflow completion ", ["bash", "zsh", "fish"]),
    ],
)
def test_the_tab_key_completes(line: str, offered: list[str], tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    asking = {
        "_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": " ", "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer), "COMP_LINE": line, "COMP_POINT": str(len(line)),
    }  # fmt: skip
    done = subprocess.run(PROGRAM, cwd=ROOT, env={**os.environ, **asking}, capture_output=True, timeout=60)
    assert done.returncode == 0 and done.stdout == b"", done.stderr
    found = answer.read_text().split()
    assert [word for word in found if word not in ("-h", "--help")] == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_for_the_program(shell: str) -> None:
    ran = run_cli("completion", shell)
    assert ran.status == 0 and re.search(r"complete .*auflow|compdef .*auflow", ran.stdout)


def test_completion_without_argcomplete_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("argcomplete", "argcomplete.shell_integration"):  # which other tests may have imported
        monkeypatch.setitem(sys.modules, module, None)
    assert refused("completion", "bash").endswith("pip install argcomplete")


@pytest.mark.parametrize(("installed", "colours"), [(True, True), (False, False)])
def test_help_is_in_colours_on_a_terminal(installed: bool, colours: bool) -> None:
    hide = "" if installed else "sys.modules['rich_argparse'] = None;"
    code = f"import sys; {hide} from hls_build.cli.main import main; main(['detect', '--help'])"
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    environment.pop("NO_COLOR", None)
    ours, theirs = pty.openpty()
    running = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert running.wait(60) == 0
    assert (b"\x1b[" in shown) == colours
    plain = re.sub(rb"\x1b\[[0-9;]*m", b"", shown).replace(b"\r\n", b"\n").decode()
    assert "what to run: the folder deploy/ that `auflow build` left" in plain and "(default: 8)" in plain
