# SPDX-License-Identifier: Apache-2.0
"""`auflow synth`: what a build takes of the FPGA, by Yosys."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from board.cli.command import BUILD, Command
from board.cli.options import add_json, write_json
from board.progress import bars
from hls_build.cli.options import add_build


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_build(parser)
    parser.add_argument(
        "--module",
        action="append",
        default=[],
        metavar="NAME",
        help="only this module, such as conv2; may be given several times (default: all)",
    )
    parser.add_argument(
        "--flatten", action="store_true", help="the whole accelerator in one piece, which can take an hour and 16 GiB"
    )
    add_json(parser)


def _run(options: argparse.Namespace) -> int:
    from board.cli.console import PlainConsole
    from board.core.files import check_output
    from board.core.plain_contract import read_contract
    from hls_build.build_folder import BuildFolder
    from hls_build.config.board import load_board
    from hls_build.yosys import synthesis_report

    if options.flatten and options.module:
        raise ValueError("--flatten takes the whole accelerator, got --module too: leave one of them out")
    folder = BuildFolder(options.build)
    folder.check_unchanged("compile")
    if not options.flatten and not options.module:
        check_output(folder.report_file("synthesis"))
    wanted = synthesis_report.designs(folder, options.module, options.flatten)
    board = load_board(read_contract(folder.contract).board)
    with bars("modules", stay=True) as step:

        def begins(names: Sequence[str]) -> None:
            step("synthesis", 0, len(wanted), names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}")

        found = synthesis_report.run(wanted, begins, lambda name: step("synthesis", 1, len(wanted)))
    PlainConsole().print(synthesis_report.table(found, board))
    if not options.flatten and not options.module:
        folder.write_report("synthesis", found.as_json(board))
    write_json(options.json, found.as_json(board))
    return 0


COMMAND = Command(
    "synth",
    BUILD,
    "Synthesize a build with Yosys: LUT, FF, block RAM and DSP of each module.",
    _arguments,
    _run,
    (
        "auflow synth --build build/pynq-z2_w4a4 --json synthesis.json",
        "auflow synth --build build/pynq-z2_w4a4 --module conv2",
    ),
    "For 7-series devices. What was synthesized once is kept, so a second run takes seconds. With all modules counted,"
    " the build's own report shows these figures instead of the estimate.",
    "the same command goes on where it was",
)
