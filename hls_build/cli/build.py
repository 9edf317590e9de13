# SPDX-License-Identifier: Apache-2.0
"""`auflow build`: from a checkpoint to an accelerator and what a board needs of it."""

from __future__ import annotations

import argparse
from pathlib import Path

from board.cli.command import BUILD, Command
from board.cli.options import add_one_of, integer
from hls_build.cli.options import add_accept_timing_failure

DEFAULT = "pynq-z2_w4a4"


def _arguments(parser: argparse.ArgumentParser) -> None:
    from hls_build.config.board import board_names

    parser.add_argument(
        "--config",
        type=Path,
        metavar="F.toml",
        help=f"what to build, as `auflow fold` writes it (default: hls_build/config/builds/{DEFAULT}.toml)",
    )
    add_one_of(
        parser,
        board_names(),
        "--board",
        help=f"board to build for: {', '.join(board_names())} (default: the configuration's)",
    )
    parser.add_argument(
        "--attention",
        action="store_true",
        help="the first spatial gate leaves the accelerator too, behind the accumulators (default: as configured)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the build (default: build/ and the configuration's name)"
    )
    parser.add_argument(
        "--sim-frames",
        type=integer(1),
        default=2,
        metavar="N",
        help="faces through every executor, the simulated RTL too, beside six test patterns",
    )
    parser.add_argument("--stop-after", metavar="STEP", help="last of the steps above to do (default: all)")
    parser.add_argument("--resume", action="store_true", help="go on after the last finished step")
    parser.add_argument(
        "--no-simulation", action="store_true", help="leave the simulated accelerator, executor rtl, out of deploy/"
    )
    add_accept_timing_failure(parser)


def _run(options: argparse.Namespace) -> int:
    from board.cli.console import PlainConsole
    from hls_build.build import flow
    from hls_build.config.build import BUILDS

    flow.run(
        options.config or BUILDS / f"{DEFAULT}.toml",
        options.board,
        options.out,
        options.sim_frames,
        options.stop_after,
        options.resume,
        not options.no_simulation,
        PlainConsole(),
        options.attention,
        options.accept_timing_failure,
    )
    return 0


COMMAND = Command(
    "build",
    BUILD,
    "Build an accelerator, prove it equal to the network, and pack it for a board.",
    _arguments,
    _run,
    (
        "auflow build",
        "auflow build --config my.toml --out build/mine",
        "auflow build --out build/pynq-z2_w4a4 --resume",
    ),
    "Steps: export, lower, compile, verilate, simulate, bitstream, deploy. The folder holds model.onnx,"
    " accelerator.json, rtl/, sim/, report/*.json, build.log, deploy/, and deploy/ as one archive to copy to the board."
    " Without Vivado there is no bitstream; all else is made. Where Vivado misses timing by every strategy, nothing is"
    " packed: its reports stay in vivado/.",
    "the build goes on with --resume",
)
