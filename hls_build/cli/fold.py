# SPDX-License-Identifier: Apache-2.0
"""`auflow fold`: the parallelism and the memories of every layer."""

from __future__ import annotations

import argparse

from board.cli.command import BUILD, Command
from board.cli.options import add_json, add_one_of, add_output, write_json
from hls_build.cli.options import add_folding
from qnn.cli.options import add_checkpoint

SWEEP = (1 / 8, 1 / 4, 1 / 2, 3 / 4, 1)
"""Shares of the chosen frame rate that the plot shows besides."""


def _arguments(parser: argparse.ArgumentParser) -> None:
    from qnn.network.presets import PRESETS

    add_one_of(parser, PRESETS, "--preset", default="w4a4", help=f"widths of the network: {', '.join(PRESETS)}")
    add_folding(parser)
    add_checkpoint(parser, default="the preset's in the repository")
    add_output(parser, "--out", metavar="F.toml", help="write what `auflow build --config` reads here")
    add_output(parser, "--plot", metavar="F.png", help="draw resources against frame rate here")
    add_json(parser)


def _run(options: argparse.Namespace) -> int:
    from board.cli.console import PlainConsole
    from board.core import files
    from hls_build.build.shipped import integer_graph
    from hls_build.config.board import load_board
    from hls_build.config.build import BuildConfig
    from hls_build.config.folding import DEFAULT_MULTIPLIER, LATENCY_INTERVALS
    from hls_build.config.shells import default_shell
    from hls_build.folding import results, search
    from qnn.network.presets import preset_checkpoint, text_of

    board, preset, checkpoint = load_board(options.board), options.preset, options.checkpoint
    graph = integer_graph(checkpoint or preset_checkpoint(preset))
    clock_mhz = options.clock_mhz or board.clock_mhz
    shell = options.shell or default_shell(options.dram)
    goal = (clock_mhz, not options.single_clock, options.latency, options.multiplier, options.dram, shell)
    request = search.Request(graph, board, *goal)
    console = PlainConsole()
    tell = console.print
    solution = search.fastest(request, tell) if options.fps is None else search.at_rate(request, options.fps, tell)
    console.print(results.table(solution, request))
    rate = round(request.rate(solution.interval_cycles)) if options.fps is None else options.fps
    if options.out is not None:
        name = f"{board.name.lower()}_{preset}_{rate:.0f}"
        weights = None if checkpoint is None else text_of(checkpoint)
        build = BuildConfig(name, preset, board, clock_mhz, weights, solution.folding, shell=shell)
        command = f"auflow fold --preset {preset} --board {board.name} --clock-mhz {clock_mhz:g} --fps {rate:g}"
        command += " --single-clock" * options.single_clock
        if options.multiplier != DEFAULT_MULTIPLIER:
            command += f" --multiplier {options.multiplier}"
        command += " --dram" * options.dram
        if options.shell is not None:
            command += f" --shell {options.shell}"
        if options.latency != LATENCY_INTERVALS:
            command += f" --latency {options.latency:g}"
        files.write_text(options.out, results.toml(build, f"{rate:g} frames per second, {command}"))
        console.print(f"{options.out}: build it with `auflow build --config {options.out}`", soft_wrap=True)
    write_json(options.json, results.summary(solution, request))
    if options.plot is not None:
        intervals = [round(solution.interval_cycles / share) for share in SWEEP]
        results.plot(search.sweep(request, intervals, tell), request, options.plot)
        console.print(f"{options.plot}: resources against frame rate", soft_wrap=True)
    return 0


COMMAND = Command(
    "fold",
    BUILD,
    "Choose the folding of every layer (PE, SIMD, memories) for a board, by a MILP.",
    _arguments,
    _run,
    (
        "auflow fold --preset w4a4 --board Pynq-Z2 --fps 678 --single-clock --out my.toml",
        "auflow fold --preset w2a2 --plot cost.png     # the highest rate that fits",
    ),
    "Takes the least of the scarcest resource at a frame rate, or finds the highest rate that fits. Prints rate,"
    " latency and resources; what does not fit is told with the resource that binds and the best that does.",
)
