# SPDX-License-Identifier: Apache-2.0
"""The commands of a board, and its program."""

from __future__ import annotations

from collections.abc import Sequence

from board.cli import bench, cache, completion, detect, live, parity
from board.cli.command import Command
from board.cli.command import main as run
from board.cli.options import Weights


def commands(weights: Weights | None = None) -> tuple[Command, ...]:
    """All of them; `weights` makes a deployment where the user names none."""
    return (
        detect.command(weights),
        live.command(weights),
        bench.command(weights),
        parity.command(weights),
        cache.COMMAND,
        completion.COMMAND,
    )


def main(words: Sequence[str] | None = None) -> int:
    """The program `auflow` on a board, see board.cli.command.main."""
    return run(commands(), words)
