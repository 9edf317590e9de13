# SPDX-License-Identifier: Apache-2.0
"""`auflow check`: what of a network has hardware, before it is trained."""

from __future__ import annotations

import argparse
from typing import Any

from board.cli.command import BUILD, FAILED, Command
from board.cli.options import add_json, add_one_of, integer, number, write_json
from hls_build.cli.options import add_multiplier

RATES = (30.0, 100.0, 300.0, 1000.0)
"""Frames per second that are tried where none are named."""


def _arguments(parser: argparse.ArgumentParser) -> None:
    from hls_build.config.board import board_names
    from hls_build.config.folding import LATENCY_INTERVALS

    parser.add_argument(
        "module", metavar="FILE.py:NAME", help="class or function that makes the network without arguments; FILE is run"
    )
    parser.add_argument(
        "--input",
        nargs=3,
        type=integer(1),
        default=(3, 48, 48),
        metavar=("C", "H", "W"),
        help="channels, height and width of a picture",
    )
    add_one_of(parser, board_names(), "--board", default="Pynq-Z2", help=f"board: {', '.join(board_names())}")
    parser.add_argument(
        "--fps",
        nargs="+",
        type=number(1e-3),
        metavar="X",
        help=f"frames per second to fold for (default: {' '.join(f'{rate:g}' for rate in RATES)})",
    )
    parser.add_argument(
        "--clock-mhz", type=number(1, 1000), metavar="X", help="clock of the accelerator (default: the board's)"
    )
    parser.add_argument("--single-clock", action="store_true", help="no DSPs at twice the clock")
    parser.add_argument(
        "--latency",
        type=number(1e-3),
        default=LATENCY_INTERVALS,
        metavar="X",
        help="most frame intervals from a frame's first pixel to its result",
    )
    add_multiplier(parser)
    add_json(parser)


def _run(options: argparse.Namespace) -> int:
    from board.cli.console import PlainConsole
    from hls_build.check import report
    from hls_build.check.tracing import load_module, trace
    from hls_build.check.verdicts import check
    from hls_build.compiler import RULES
    from hls_build.config.board import load_board
    from hls_build.folding.search import Request

    board = load_board(options.board)
    console = PlainConsole()
    checked = check(trace(load_module(options.module), options.input), RULES)
    console.print(report.nodes(checked))
    content: dict[str, Any] = {"module": options.module, "input": list(options.input), **report.as_json(checked)}
    if checked.graph is not None:
        clock_mhz = options.clock_mhz or board.clock_mhz
        request = Request(
            checked.graph, board, clock_mhz, not options.single_clock, options.latency, options.multiplier
        )
        folded = report.fold(request, options.fps or RATES)
        console.print(report.rates(folded, request))
        console.print(report.layers(folded))
        content["rates"] = [one.as_json(request) for one in folded]
    write_json(options.json, content)
    return FAILED if checked.refused else 0


COMMAND = Command(
    "check",
    BUILD,
    "Tell what of an untrained network has hardware, what is refused, and what it takes.",
    _arguments,
    _run,
    (
        "auflow check model.py:Net --input 3 48 48",
        "auflow check model.py:Net --board KV260 --fps 100 1000 --json check.json",
    ),
    "Traces a torch or Brevitas module as `auflow export` does and lowers it node by node: a refused node is told with"
    " its reason, and those behind it are judged as if it gave 4-bit integers. Where nothing is refused, it is folded"
    " for each rate: the least of the scarcest resource, layer by layer, or what binds. Training changes little of it:"
    " the width of sums, and the logic of thresholds.\n\n"
    "The network takes pixels, 0 to 255; its first quantizer, of 8 bits without sign, takes them as they are. It ends"
    " in a layer's sums or a quantizer. The exit status is 1 where anything is refused.",
)
