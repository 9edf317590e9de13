# SPDX-License-Identifier: Apache-2.0
"""All commands of `auflow`: the board's, the compiler's and the network's, in the order of `auflow --help`."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence

from board.cli import bench, cache, completion, live
from board.cli.command import main as run
from hls_build.cli import build, check, compile, detect, explore, fifos, fold, parity, report, simulate, synth
from hls_build.cli.options import weights
from qnn.cli import complexity, data, evaluate, explain, export, label, render, study, train, tune

COMMANDS = (
    detect.COMMAND,
    live.command(weights),
    bench.command(weights),
    cache.COMMAND,
    completion.COMMAND,
    check.COMMAND,
    fold.COMMAND,
    fifos.COMMAND,
    build.COMMAND,
    compile.COMMAND,
    simulate.COMMAND,
    parity.COMMAND,
    synth.COMMAND,
    report.COMMAND,
    data.CHECK,
    label.COMMAND,
    render.COMMAND,
    train.COMMAND,
    evaluate.COMMAND,
    tune.COMMAND,
    export.COMMAND,
    explain.COMMAND,
    study.COMMAND,
    explore.COMMAND,
    complexity.COMMAND,
)


def main(words: Sequence[str] | None = None) -> int:
    """The program `auflow`, see board.cli.command.main."""
    warnings.filterwarnings("ignore", message="fast_hadamard_transform")  # Brevitas wants it; nothing here does
    return run(COMMANDS, words)


if __name__ == "__main__":
    sys.exit(main())
