# SPDX-License-Identifier: Apache-2.0
"""The commands `auflow fold` and `auflow fifos`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

SWEEP = (1 / 8, 1 / 4, 1 / 2, 3 / 4, 1)
"""Shares of the chosen frame rate that the plot shows besides."""


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    for command in (fold, fifos):
        app.command()(command)


def fold(
    preset: Annotated[str, typer.Option(help="Widths of the network: w4a4, w3a3, w2a4, w2a2, tiny.")] = "w4a4",
    board: Annotated[str, typer.Option(help="PYNQ-Z1, Pynq-Z2, Ultra96, KV260 or ZCU104.")] = "Pynq-Z2",
    fps: Annotated[float | None, typer.Option(min=1e-3, help="Frames per second. [default: as many as fit]")] = None,
    clock_mhz: Annotated[float | None, typer.Option(min=1, help="Accelerator's clock. [default: the board's]")] = None,
    single_clock: Annotated[bool, typer.Option("--single-clock", help="No DSPs at twice the clock.")] = False,
    latency: Annotated[float, typer.Option(help="Most intervals from a frame's first pixel to its result.")] = 3.0,
    checkpoint: Annotated[Path | None, typer.Option(help="Weights. [default: the preset's in the repository]")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the build's TOML here.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw resources against frame rate into this PNG.")] = None,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the figures here.")] = None,
) -> None:
    """Choose the parallelism and the memories of every layer: optimal by a mixed-integer linear program (MILP).

    Prints rate, latency and resources, and writes the TOML file that `auflow build --config` reads.

    Example: auflow fold --preset w4a4 --board Pynq-Z2 --fps 678 --single-clock --out w4a4.toml
    """
    from board.core.graph import IntegerGraph
    from hls_build.build.flow import shipped_checkpoint
    from hls_build.build.shipped import software
    from hls_build.config.board import load_board
    from hls_build.config.build import BuildConfig
    from hls_build.folding import results, search

    chosen = load_board(board)
    graph = IntegerGraph.load(software(checkpoint or shipped_checkpoint(preset)) / "integer.npz")
    request = search.Request(graph, chosen, clock_mhz or chosen.clock_mhz, not single_clock, latency)
    console = Console()
    tell = console.print
    solution = search.fastest(request, tell) if fps is None else search.at_rate(request, fps, tell)
    console.print(results.table(solution, request))
    rate = round(request.rate(solution.interval_cycles)) if fps is None else fps
    if out is not None:
        name = f"{board.lower()}_{preset}_{rate:.0f}"
        weights = None if checkpoint is None else str(checkpoint.resolve())
        build = BuildConfig(name, preset, chosen, request.clock_mhz, weights, solution.folding)
        command = f"auflow fold --preset {preset} --board {board} --clock-mhz {request.clock_mhz:g} --fps {rate:g}"
        command += " --single-clock" * single_clock
        out.write_text(results.toml(build, f"{rate:g} frames per second, {command}"))
        console.print(f"{out}: build it with `auflow build --config {out}`", soft_wrap=True)
    if json_out is not None:
        json_out.write_text(json.dumps(results.summary(solution, request), indent=2) + "\n")
    if plot is not None:
        intervals = [round(solution.interval_cycles / share) for share in SWEEP]
        results.plot(search.sweep(request, intervals, tell), request, plot)
        console.print(f"{plot}: resources against frame rate", soft_wrap=True)


def fifos(
    config: Annotated[Path, typer.Option(help="Build whose FIFOs are to be sized.")],
    out: Annotated[Path, typer.Option(help="Write the build with its new depths here.")],
    frames: Annotated[int, typer.Option(min=3, help="Faces to simulate at full rate.")] = 5,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the figures here.")] = None,
) -> None:
    """Make FIFOs no deeper than the accelerator needs at full rate, found and confirmed by simulation.

    Simulates the build twice, cycle by cycle: with the depths that rules give and pixels coming at its own rate, then
    with what that showed, at full rate and with random stalls.
    """
    import tempfile
    from dataclasses import replace

    from board.core.graph import IntegerGraph
    from hls_build.build.flow import shipped_checkpoint
    from hls_build.build.shipped import software
    from hls_build.config.build import load_build
    from hls_build.folding import fifos as sizing
    from hls_build.folding import results
    from qnn.data.example import example_faces

    build = load_build(config)
    checkpoint = config.parent / build.checkpoint if build.checkpoint else shipped_checkpoint(build.preset)
    graph = IntegerGraph.load(software(checkpoint) / "integer.npz")
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        found = sizing.size(graph, build, example_faces(frames), Path(folder), console.print)
    console.print(results.fifo_table(found))
    comment = f"{config.name} with FIFOs of auflow fifos, {found.interval_cycles:,} cycles per frame at full rate"
    out.write_text(results.toml(replace(found.config, checkpoint=build.checkpoint), comment))
    if json_out is not None:
        json_out.write_text(json.dumps({**vars(found), "config": str(out)}, indent=2) + "\n")
