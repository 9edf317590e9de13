# SPDX-License-Identifier: Apache-2.0
"""`auflow explore`: networks, boards and frame rates held against each other."""

from __future__ import annotations

import argparse
from pathlib import Path

from board.cli.command import FAILED, STUDY, Command
from board.cli.options import add_output, integer, number
from board.progress import bars
from hls_build.cli.options import add_multiplier, add_workers, workers
from qnn.cli.options import add_data, add_division, division


def _arguments(parser: argparse.ArgumentParser) -> None:
    from hls_build.config.board import board_names
    from hls_build.config.folding import LATENCY_INTERVALS
    from qnn.network.presets import PRESETS, checkpoint_of

    parser.add_argument(
        "--checkpoint",
        nargs="+",
        type=checkpoint_of,
        default=[],
        metavar="F.safetensors|NAME",
        help="quantized networks: weights with their cards (.json) beside them, or names of those in the repository,"
        " such as w4a4-paper",
    )
    parser.add_argument(
        "--preset",
        nargs="+",
        default=[],
        metavar="NAME",
        help=f"the weights of these presets in the repository, besides: {', '.join(PRESETS)}",
    )
    parser.add_argument(
        "--board", nargs="+", metavar="NAME", help=f"boards: {', '.join(board_names())} (default: Pynq-Z2)"
    )
    parser.add_argument(
        "--fps",
        nargs="+",
        type=_rate,
        metavar="X",
        help="frames per second to reach, and max for as many as fit (default: max)",
    )
    parser.add_argument(
        "--clock-mhz", type=number(1, 1000), metavar="X", help="clock of the accelerator (default: each board's)"
    )
    parser.add_argument(
        "--single-clock", action="store_true", help="no DSPs at twice the clock, as `auflow fold` has it"
    )
    parser.add_argument(
        "--latency",
        type=number(1e-3),
        default=LATENCY_INTERVALS,
        metavar="X",
        help="most frame intervals from a frame's first pixel to its result",
    )
    add_multiplier(parser)
    parser.add_argument(
        "--build",
        action="store_true",
        help="build each point and simulate its RTL, which takes minutes: its rate and latency are simulated then",
    )
    parser.add_argument(
        "--synth", action="store_true", help="with --build: synthesize it with Yosys, whose counts are shown then"
    )
    parser.add_argument(
        "--sim-frames", type=integer(1), default=2, metavar="N", help="with --build: faces through the RTL"
    )
    add_data(parser, required=False)
    add_division(parser, "set to measure on: train, valid or test (default: the dataset's first after training)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the split and of the bootstrap")
    parser.add_argument(
        "--rendered", type=Path, metavar="DIR", help="measure the AUs' validity on what `auflow render` wrote there"
    )
    add_output(
        parser,
        "--out",
        folder=True,
        default=Path("runs/explore"),
        help="folder of the exploration; one that was interrupted goes on",
    )
    add_workers(parser, "one for each core")


def _rate(text: str) -> float | str:
    """A rate, or "max"."""
    return text if text == "max" else number(1e-3)(text)


def _run(options: argparse.Namespace) -> int:
    from board.cli.console import PlainConsole
    from hls_build.build.shipped import program
    from hls_build.cluster.needs import check_installed
    from hls_build.cluster.run import Workers, run
    from hls_build.explore import results
    from hls_build.explore.plan import Plan, boards, networks
    from qnn.network.presets import check, preset_checkpoint

    check_installed()
    for name in options.preset:
        check(name)
    if not (options.checkpoint or options.preset):
        raise ValueError("an exploration needs networks, got none: name some with --checkpoint or --preset")
    if (options.data is None) != (options.root is None):
        raise ValueError("--data and --root need each other: give both or none")
    plan = Plan(
        networks([*options.checkpoint, *map(preset_checkpoint, options.preset)]),
        boards(options.board or ["Pynq-Z2"]),
        tuple(dict.fromkeys(None if rate == "max" else rate for rate in options.fps or [None])),
        options.clock_mhz,
        not options.single_clock,
        options.latency,
        options.build,
        options.synth,
        options.sim_frames,
        None if options.data is None else division(options, options.seed),
        options.rendered,
        options.multiplier,
    )
    with bars("tasks", stay=True) as step:

        def tell(name: str, total: int) -> None:
            step("exploring", 1, total, name)

        outcome = run(plan.tasks(), options.out / "tasks", workers(options) or Workers(), program(), tell)
    points = plan.points(outcome.results, outcome.failures)
    console = PlainConsole()
    console.print(results.table(points))
    written = results.write(points, outcome.failures, options.out)
    done = len(outcome.results) - outcome.kept
    console.print(f"{done} tasks done, {outcome.kept} were done before; written: {', '.join(map(str, written))}")
    return FAILED if outcome.failures else 0


COMMAND = Command(
    "explore",
    STUDY,
    "Fold, build and measure networks x boards x frame rates; draw the Pareto front.",
    _arguments,
    _run,
    (
        "auflow explore --preset w4a4 w3a3 w2a4 w2a2 --fps 100 300 678 max --out runs/explore",
        "auflow explore --checkpoint runs/one/w4a4.safetensors --board Pynq-Z2 KV260 --build --synth",
        "auflow explore --preset w4a4 w2a2 --data ferplus --root FERPLUS --rendered RENDERED --workers 8",
        "auflow explore --preset w4a4 --fps 500 --scheduler tcp://10.0.0.1:8786",
    ),
    "Each point goes through the steps of `auflow fold`, with --build of `auflow build` up to its simulation, with"
    " --synth of `auflow synth`, and each network through `auflow eval`. Without --data the F1-frame is what a"
    " network's card tells, if it does. DIR gets points.csv, points.json and pareto.png: dots of the points that fit,"
    " filled where no other point of the board beats them in quality, rate, latency, LUT, BRAM and DSP together.\n\n"
    "DIR/tasks has the result of each finished step under the digest of all that it depends on: the program, the"
    " weights, the options. A step is done once, whatever ends: a worker that dies gives its step to another one, and"
    " the same command goes on where it was. A step that fails ends what needs it; the others go on, and the exit"
    " status is 1.\n\n"
    "Needs dask.distributed: `pip install --requirement requirements/cluster.txt`. Who reaches the port of a scheduler"
    " or worker runs programs there: keep them to networks that you trust.",
    "the same command goes on where it was",
)
