# SPDX-License-Identifier: Apache-2.0
"""`auflow synth`: what a build takes of the FPGA, and how fast it may be, by Yosys."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from board.cli.command import BUILD, Command
from board.cli.options import add_json, number, write_json
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
    parser.add_argument(
        "--timing", action="store_true", help="also the slack of every endpoint over all these modules, nothing placed"
    )
    parser.add_argument(
        "--net-scale",
        type=number(0, 10),
        metavar="X",
        help="times the nominal delay of nets, for --timing: 1.5 for a crowded device (default: 1)",
    )
    parser.add_argument(
        "--min-slack",
        type=number(-1000, 1000),
        metavar="NS",
        help="end with status 1 where an endpoint has less slack, for --timing (default: tell only)",
    )
    add_json(parser)


def _run(options: argparse.Namespace) -> int:
    from board.cli.console import PlainConsole
    from board.core.files import check_output
    from board.core.plain_contract import read_contract
    from hls_build.build_folder import BuildFolder
    from hls_build.config.board import load_board
    from hls_build.timing import report as timing_report
    from hls_build.yosys import synthesis_report

    _check(options)
    folder = BuildFolder(options.build)
    folder.check_unchanged("compile")
    is_all = not options.flatten and not options.module
    if is_all:
        check_output(folder.report_file("synthesis"))
    wanted = synthesis_report.designs(folder, options.module, options.flatten)
    contract = read_contract(folder.contract)
    board = load_board(contract.board)
    with bars("modules", stay=True) as step:

        def begins(names: Sequence[str]) -> None:
            step("synthesis", 0, len(wanted), names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}")

        found = synthesis_report.run(wanted, begins, lambda name: step("synthesis", 1, len(wanted)))
    console, content = PlainConsole(), found.as_json(board)
    console.print(synthesis_report.table(found, board))
    if is_all:
        folder.write_report("synthesis", content)
    if options.timing:
        timed = timing_report.of_designs(folder, wanted, contract.clock_mhz, options.net_scale)
        console.print(timing_report.table(timed))
        console.print(timed.verdict(), soft_wrap=True)
        content |= {"timing": timed.as_json()}
        if is_all:
            timing_report.write(folder, timed)
    write_json(options.json, content)
    if options.min_slack is not None and timed.worst_slack_ns < options.min_slack:
        raise RuntimeError(
            f"timing must leave {options.min_slack:g} ns of slack at every endpoint, got {timed.worst_slack_ns:.2f} ns:"
            " cut the slowest path by a register, or build for a slower clock"
        )
    return 0


def _check(options: argparse.Namespace) -> None:
    """Refuse options that contradict each other."""
    if options.flatten and options.module:
        raise ValueError("--flatten takes the whole accelerator, got --module too: leave one of them out")
    if options.flatten and options.timing:
        raise ValueError("--timing goes over modules, got --flatten too: leave one of them out")
    for name in ("net_scale", "min_slack"):
        if getattr(options, name) is not None and not options.timing:
            raise ValueError(f"--{name.replace('_', '-')} is for --timing, got none: add it")


COMMAND = Command(
    "synth",
    BUILD,
    "Synthesize a build with Yosys: LUT, FF, block RAM, DSP of each module; timing.",
    _arguments,
    _run,
    (
        "auflow synth --build build/pynq-z2_w4a4 --json synthesis.json",
        "auflow synth --build build/pynq-z2_w4a4 --module conv2",
        "auflow synth --build build/pynq-z2_w4a4 --timing --net-scale 1.5",
    ),
    "For 7-series devices. What was synthesized once is kept, so a second run takes seconds. With all modules counted,"
    " the build's own report shows these figures instead of the estimate. --timing knows the delays of cells and takes"
    " those of nets from their fan-out, since nothing is placed: only Vivado can say whether a clock is met.",
    "the same command goes on where it was",
)
