# SPDX-License-Identifier: Apache-2.0
"""`auflow parity` where the compiler is: the board's, and besides every executor of a build."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from board.cli import parity
from board.cli.command import BUILD, FAILED, Command
from board.cli.options import write_json
from hls_build.cli.options import BUILD_HELP, weights


def _arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--build", type=Path, metavar="DIR", help=f"{BUILD_HELP}; needs --faces")
    parity.add_arguments(parser, what, weights)
    parser.add_argument(
        "--stalls", type=int, metavar="SEED", help="of a build run the RTL once more, stalled at random, by this seed"
    )
    parser.add_argument(
        "--netlist",
        action="store_true",
        help="of a build compare each block after Yosys's synthesis with its RTL instead, under stalls; --stalls seeds"
        " them, and no faces are needed",
    )
    parser.add_argument(
        "--module",
        action="append",
        default=[],
        metavar="NAME",
        help="with --netlist only this block, such as conv2 or conv2_memory; may be given several times (default: all)",
    )


def _run(options: argparse.Namespace) -> int:
    if options.module and not options.netlist:
        raise ValueError("--module goes with --netlist, got it alone: leave it out or add --netlist")
    if options.netlist:
        return _of_netlists(options)
    if options.build is None:
        if options.stalls is not None:
            raise ValueError("--stalls goes with --build, got a deployment: leave it out or name a build")
        return parity.run(options, weights)
    if options.faces is None or options.executors:
        raise ValueError("parity --build needs --faces and takes no --executors: see auflow parity --help")
    return _of_build(options)


def _of_build(options: argparse.Namespace) -> int:
    from board.cli.console import PlainConsole
    from hls_build.build import proof

    found = proof.parity(
        options.build, options.faces, options.count, options.rtl_count, options.stalls, PlainConsole(), options.trust
    )
    write_json(options.json, found.as_json())
    return FAILED if found.difference is not None else 0


def _of_netlists(options: argparse.Namespace) -> int:
    from board.cli.console import PlainConsole
    from board.progress import bars
    from hls_build.build_folder import BuildFolder
    from hls_build.parity import netlist
    from hls_build.yosys import synthesis_report

    if options.build is None or options.faces is not None or options.executors:
        raise ValueError("parity --netlist needs --build and takes neither --faces nor --executors")
    folder = BuildFolder(options.build)
    wanted = synthesis_report.designs(folder, options.module)
    found = []
    with bars("blocks", stay=True) as step:

        def begins(names: Sequence[str]) -> None:
            step("netlists", 0, len(wanted), names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}")

        for compared in netlist.compare(folder, wanted, options.stalls or 1, begins):
            step("netlists", 1, len(wanted))
            found.append(compared)
    console = PlainConsole()
    console.print(netlist.table(found))
    console.print(netlist.verdict(found), markup=False, highlight=False, soft_wrap=True)
    write_json(options.json, netlist.as_json(found))
    return FAILED if any(compared.difference for compared in found) else 0


COMMAND = Command(
    parity.NAME,
    BUILD,
    "Compare all executors of a build, or of a deployment, by ==.",
    _arguments,
    _run,
    (
        "auflow parity --build build/pynq-z2_w4a4 --faces photo.jpg --count 1 --stalls 7",
        "auflow parity --deploy build/pynq-z2_w4a4/deploy --count 200",
        "auflow parity --build build/pynq-z2_w4a4 --netlist",
        "auflow parity     # the weights in the repository",
    ),
    "Of a build: torch (the quantized network in Brevitas), qonnx, onnx, numpy (the integer graph), dataflow (FINN+'s)"
    " and rtl. Of a deployment: those that run here. The first difference is named, and the exit status is 1 then.",
)
