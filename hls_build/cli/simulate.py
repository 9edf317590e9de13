# SPDX-License-Identifier: Apache-2.0
"""`auflow simulate`: faces through a build's RTL, or fast through its FINN+ graph."""

from __future__ import annotations

import argparse
from pathlib import Path

from board.cli.command import BUILD, FAILED, Command
from board.cli.options import FACES_HELP, add_json, add_output, add_trust, integer, write_json
from hls_build.cli.options import add_build


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_build(parser)
    parser.add_argument("--faces", type=Path, required=True, metavar="PATH", help=FACES_HELP)
    parser.add_argument(
        "--frames",
        type=integer(1),
        default=4,
        metavar="N",
        help="how many faces, of which there must be as many",
    )
    parser.add_argument(
        "--stalls", type=int, metavar="SEED", help="stall both ends at random, by this seed (default: no stalls)"
    )
    parser.add_argument(
        "--fast", action="store_true", help="beats and integers of every stream alone: no RTL, no cycles, no compiler"
    )
    add_output(parser, "--trace", metavar="F.fst", help="write waves here, for GTKWave or Surfer")
    add_trust(parser)
    add_json(parser)


def _run(options: argparse.Namespace) -> int:
    from board.cli.console import PlainConsole
    from hls_build.build import proof

    if options.fast:
        if options.stalls is not None or options.trace is not None:
            raise ValueError("--fast has no cycles: leave --stalls and --trace out, or --fast")
        result = proof.simulate_fast(options.build, options.faces, options.frames, PlainConsole())
    else:
        result = proof.simulate(
            options.build, options.faces, options.frames, options.stalls, options.trace, PlainConsole(), options.trust
        )
    write_json(options.json, result)
    return FAILED if result["mismatches"] else 0


COMMAND = Command(
    "simulate",
    BUILD,
    "Run faces through a build's RTL, cycle by cycle; compare with its integer graph.",
    _arguments,
    _run,
    (
        "auflow simulate --build build/pynq-z2_w4a4 --faces photo.jpg --frames 1",
        "auflow simulate --build build/pynq-z2_w4a4 --faces faces.npy --frames 20 --stalls 7 --trace waves.fst",
        "auflow simulate --build build/pynq-z2_w4a4 --faces faces.npy --frames 100 --fast",
    ),
    "Prints the action units of the first face, cycles per frame and latency. Ends with status 1 where a face"
    " differs.\n\nWith --fast the same faces go through FINN+'s graph in Python, each stream packed into its beats: the"
    " integers and the number of beats of every stream, which the tests hold to the RTL's, but no cycles. A build that"
    " was stopped after the step `compile` will do.",
)
