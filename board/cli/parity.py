# SPDX-License-Identifier: Apache-2.0
"""`auflow parity`: the integers of every executor of a deployment, compared with `==`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from board.cli.command import FAILED, USE, Command
from board.cli.options import (
    EXECUTORS,
    EXECUTORS_HELP,
    FACES_HELP,
    Arguments,
    Weights,
    add_deploy,
    add_json,
    add_trust,
    deployment,
    integer,
    write_json,
)
from board.core.text import printable
from board.progress import bars

NAME = "parity"
RTL_COUNT = 4
"""Faces that simulated hardware is asked for, where each takes seconds."""


def command(weights: Weights | None) -> Command:
    """The command; `weights` makes a deployment where the user names none."""
    return Command(
        NAME,
        USE,
        "Compare the integers of all executors that run here, by ==; name the first difference.",
        lambda parser: add_arguments(parser, parser, weights),
        lambda options: run(options, weights),
        (
            "auflow parity --deploy deploy --count 200",
            "auflow parity --executors fpga onnx --faces photo.jpg --count 1",
        ),
        "Ends with status 1 where any integer differs.",
    )


def add_arguments(parser: argparse.ArgumentParser, what: Arguments, weights: Weights | None) -> None:
    """Add the options, --deploy among those that say what is compared."""
    add_deploy(what, weights)
    parser.add_argument(
        "--faces",
        type=Path,
        metavar="PATH",
        help=f"{FACES_HELP}; of another network than of action units an .npy of its frames (default: noise)",
    )
    parser.add_argument(
        "--count",
        type=integer(1),
        default=100,
        metavar="N",
        help="how many faces, of which there must be as many; 6 test patterns are added",
    )
    parser.add_argument(
        "--rtl-count", type=integer(0), default=RTL_COUNT, metavar="N",
        help="faces, at most, on fpga and rtl, where each takes seconds in simulation",
    )  # fmt: skip
    parser.add_argument(
        "--executors",
        nargs="+",
        choices=EXECUTORS,
        metavar="NAME",
        help=f"of a deployment compare only these: {EXECUTORS_HELP} (default: all)",
    )
    add_trust(parser)
    add_json(parser)


def run(options: argparse.Namespace, weights: Weights | None) -> int:
    """Compare the executors of a deployment."""
    from board.core.frames import load_frames, random_frames
    from board.core.plain_contract import PlainContract
    from board.faces.finders import open_finder
    from board.faces.load import load_faces
    from board.parity import compare, levels_of

    deployed = deployment(options.deploy, weights, options.trust)
    accelerator = deployed.accelerator
    plain = isinstance(accelerator, PlainContract)
    if options.faces is None:
        faces = random_frames(options.count, accelerator.shape)
        print(f"{options.count} frames of noise, seed 0; --faces names real ones", file=sys.stderr)
    elif plain:
        faces = load_frames(options.faces, accelerator.shape, options.count)
    else:
        rule = deployed.contract.input
        search = open_finder(deployed).search_still
        faces = load_faces(options.faces, search, options.count, rule.colour, rule.crop_margin, rule.upright)
    limits = {"rtl": options.rtl_count, "fpga": options.rtl_count}
    levels = levels_of(deployed, options.executors or EXECUTORS, limits)
    sample = "frame" if plain else "face"
    with bars(f"{sample}s") as step:
        found = compare(levels, faces, accelerator.output_names, step, sample)
    for one in found.executors:
        verdict = f"{one.mismatches} of {one.faces} differ, {one.seconds:.2f} s" if one.faces else "not run"
        print(printable(f"{one.executor:<10} {verdict:<28} {one.description}"))
    print(printable(found.verdict()))
    write_json(options.json, {"name": deployed.manifest.name, **found.as_json()})
    differences = [one.difference for one in found.executors if one.difference]
    for difference in differences:
        print(printable(f"auflow: parity failed: {difference}"), file=sys.stderr)
    return FAILED if differences else 0
