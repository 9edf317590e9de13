# SPDX-License-Identifier: Apache-2.0
"""What a person reads of a build: bars that end full, and commands that can be copied."""

from __future__ import annotations

import io
import re
import shlex
from contextlib import redirect_stderr
from pathlib import Path

import numpy as np
import pytest
from networks import SMALL, random_faces, random_network

from board.executors.numpy_executor import NumpyExecutor
from board.parity import Level, compare
from hls_build.build import console
from hls_build.build_folder import BuildFolder


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Fewer(NumpyExecutor):
    """As an executor that is asked for fewer faces: its bar once ended at 1/4."""

    name = "dataflow"


def test_every_bar_of_a_ladder_ends_full(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    graph = random_network(1, SMALL)
    with redirect_stderr(Terminal()) as shown, console.ladder() as (progress, _):
        levels = [Level.of(NumpyExecutor(graph)), Level.of(Fewer(graph), faces=1)]
        compare(levels, random_faces(rng, 4, SMALL.size), [f"AU{number}" for number in range(SMALL.outputs)], progress)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.getvalue()).replace("\r", "\n")
    *_, numpy, dataflow = (line.split() for line in text.splitlines() if "frames" in line)
    assert (numpy[0], numpy[2], dataflow[0], dataflow[2]) == ("numpy", "10/10", "dataflow", "7/7")


def test_commands_name_folders_as_a_shell_wants_them() -> None:
    folder = BuildFolder(Path("my builds/tiny"))
    commands = [line for line in console.next_steps(folder).splitlines() if line.startswith("  auflow")]
    assert [shlex.split(command)[:2] for command in commands] == [
        ["auflow", "detect"], ["auflow", "parity"], ["auflow", "report"]
    ]  # fmt: skip
    assert shlex.split(commands[0])[-1] == "my builds/tiny/deploy"
    assert all(len(line) <= 80 for line in console.next_steps(BuildFolder(Path("build/pynq-z2_w4a4"))).splitlines())
    assert console.stopped("compile", ["auflow", "--out", "my builds"]).endswith("auflow --out 'my builds'")
