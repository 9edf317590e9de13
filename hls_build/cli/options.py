# SPDX-License-Identifier: Apache-2.0
"""Options that several commands of the compiler share, and the weights that they take by default."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from board.cli.options import add_one_of, integer, number

if TYPE_CHECKING:
    from hls_build.cluster.run import Workers


def weights(name: str) -> Path | None:
    """A deployment of the weights of a name in the repository, made once and kept; see board.cli.options.Weights."""
    from hls_build.build.shipped import CHECKPOINT, software
    from qnn.network.presets import checkpoint_of

    checkpoint = checkpoint_of(name) if name else CHECKPOINT
    return software(checkpoint) if checkpoint.parent == CHECKPOINT.parent else None


def add_folding(parser: argparse.ArgumentParser, open_board: bool = False) -> None:
    """Add what a search is asked for: --board, --fps, --clock-mhz, --single-clock, --latency and those of the hardware.

    Args:
        parser: Takes them.
        open_board: Whether --board is None where it is not given, because a configuration may name one.
    """
    from hls_build.config.board import CLOCK_MHZ, DEFAULT_BOARD, board_names
    from hls_build.config.folding import LATENCY_INTERVALS
    from hls_build.config.shells import SHELLS

    told = f"board: {', '.join(board_names())}"
    told, default = (f"{told} (default: {DEFAULT_BOARD})", None) if open_board else (told, DEFAULT_BOARD)
    add_one_of(parser, board_names(), "--board", default=default, help=told)
    parser.add_argument(
        "--fps", type=number(1e-3, MOST_FPS), metavar="X", help="frames per second to reach (default: as many as fit)"
    )
    parser.add_argument(
        "--clock-mhz", type=number(*CLOCK_MHZ), metavar="X", help="clock of the accelerator (default: the board's)"
    )
    parser.add_argument(
        "--single-clock",
        action="store_true",
        help="no DSPs at twice the clock: whether those close timing only Vivado can tell",
    )
    parser.add_argument(
        "--latency",
        type=number(1e-3, MOST_INTERVALS),
        default=LATENCY_INTERVALS,
        metavar="X",
        help="most frame intervals from a frame's first pixel to its result",
    )
    add_multiplier(parser)
    parser.add_argument("--dram", action="store_true", help="weights may come from DRAM, through AUFlow's shell")
    add_one_of(
        parser,
        SHELLS,
        "--shell",
        help="what stands between processor and accelerator: finn, FINN's DMAs; auflow, AUFlow's shell; auflow-lean,"
        " the same without counters, checks and self-test (default: finn, auflow with --dram)",
    )


def add_multiplier(parser: argparse.ArgumentParser) -> None:
    """Add --multiplier: what multiplies in convolutions and dense layers."""
    from hls_build.config.folding import DEFAULT_MULTIPLIER, MULTIPLIER_CHOICES

    add_one_of(
        parser,
        MULTIPLIER_CHOICES,
        "--multiplier",
        default=DEFAULT_MULTIPLIER,
        help="what multiplies: finn, FINN+'s on DSPs; dsp, ours on DSPs where weights have at most 4 bits and"
        " activations 8; lut, ours in LUTs where they have at most 3 and 4; auto, whichever costs less, layer by layer;"
        " with all but finn windows may also come by columns",
    )


MOST_FPS, MOST_INTERVALS = 1e9, 1e6
"""More frames per second than cycles, and more intervals than a pipeline has, are a slip of the pen."""
BUILD_HELP = "folder that `auflow build` left"


def add_build(parser: argparse.ArgumentParser) -> None:
    """Add --build, required."""
    parser.add_argument("--build", type=Path, required=True, metavar="DIR", help=BUILD_HELP)


def add_accept_timing_failure(parser: argparse.ArgumentParser) -> None:
    """Add --accept-timing-failure."""
    parser.add_argument(
        "--accept-timing-failure",
        action="store_true",
        help="pack a bitfile whose timing Vivado did not meet, which may compute wrong results: the contract says so",
    )


def add_workers(parser: argparse.ArgumentParser, default: str) -> None:
    """Add --workers and --scheduler; `workers` says whom they name, None where neither is given."""
    parser.add_argument(
        "--workers",
        type=integer(1),
        metavar="N",
        help=f"processes that are started on this computer, a task at a time in each (default: {default})",
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="take the workers of a dask.distributed cluster instead, by its scheduler's address, such as"
        " tcp://10.0.0.1:8786; they have this version of AUFlow and one thread each (`dask worker ADDRESS --nthreads"
        " 1`), and see all files of this command under the same paths",
    )


def workers(options: argparse.Namespace) -> Workers | None:
    """What --workers and --scheduler say.

    Raises:
        ValueError: Both were given.
    """
    from hls_build.cluster.run import Workers

    if options.workers is None and options.scheduler is None:
        return None
    return Workers(options.workers, options.scheduler)
