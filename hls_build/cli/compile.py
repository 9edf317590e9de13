# SPDX-License-Identifier: Apache-2.0
"""`auflow compile`: from any QONNX model to an accelerator and what a board needs of it."""

from __future__ import annotations

import argparse
from pathlib import Path

from board.cli.command import BUILD, Command
from board.cli.options import integer
from hls_build.cli.options import add_accept_timing_failure, add_folding


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        type=Path,
        metavar="MODEL.onnx",
        help="QONNX: one input (1, C, H, W) of integers 0 to 255, one output or several; docs/compile.md says which"
        " layers",
    )
    add_folding(parser, open_board=True)
    parser.add_argument(
        "--config",
        type=Path,
        metavar="F.toml",
        help="take this folding with its board and clock, build.toml of a compilation before, instead of choosing one",
    )
    parser.add_argument(
        "--inputs",
        type=Path,
        metavar="F.npy",
        help="your own frames, uint8 (N, H, W, C): all of them through the software, the first through the RTL"
        " (default: noise alone)",
    )
    parser.add_argument(
        "--sim-frames",
        type=integer(1),
        default=2,
        metavar="N",
        help="frames through every executor, the simulated RTL too, beside test patterns",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the build (default: build/ and the model's name)"
    )
    parser.add_argument("--stop-after", metavar="STEP", help="last of the steps above to do (default: all)")
    parser.add_argument("--resume", action="store_true", help="go on after the last finished step")
    parser.add_argument(
        "--no-simulation", action="store_true", help="leave the simulated accelerator, executor rtl, out of deploy/"
    )
    add_accept_timing_failure(parser)


def _run(options: argparse.Namespace) -> int:
    from board.cli.console import PlainConsole
    from hls_build.build import console as tables
    from hls_build.build import model_flow
    from hls_build.build_folder import BuildFolder

    model: Path = options.model
    wish = model_flow.wish(
        options.board,
        options.fps,
        options.clock_mhz,
        options.single_clock,
        options.latency,
        options.config,
        options.multiplier,
        options.dram,
        options.shell,
    )
    folder = BuildFolder(options.out or Path("build") / model_flow.build_name(model))
    console = PlainConsole()
    packed = not options.no_simulation
    job = model_flow.ModelJob(
        folder, model, wish, options.sim_frames, options.inputs, packed, console, None, options.accept_timing_failure
    )
    done = model_flow.run(job, options.stop_after, options.resume)
    said = [folder.read_report("parity" if "simulate" in done else "check")["verdict"]] if "check" in done else []
    said.append(tables.after_compiling(folder) if "deploy" in done else tables.stopped(list(done)[-1], _again(options)))
    for paragraph in said:
        console.print(f"\n{paragraph}", markup=False, highlight=False, soft_wrap=True)
    return 0


def _again(options: argparse.Namespace) -> list[str]:
    """The command that goes on."""
    command = ["auflow", "compile", str(options.model), "--resume"]
    for flag in (
        "board",
        "fps",
        "clock_mhz",
        "latency",
        "multiplier",
        "shell",
        "config",
        "inputs",
        "sim_frames",
        "out",
    ):
        if (value := getattr(options, flag)) is not None:
            command += [f"--{flag.replace('_', '-')}", f"{value:g}" if isinstance(value, float) else str(value)]
    for flag in ("single_clock", "dram", "no_simulation", "accept_timing_failure"):
        command += [f"--{flag.replace('_', '-')}"] * getattr(options, flag)
    return command


COMMAND = Command(
    "compile",
    BUILD,
    "Compile any QONNX model to an accelerator, prove it equal, and pack it for a board.",
    _arguments,
    _run,
    (
        "auflow compile model.onnx",
        "auflow compile model.onnx --board Pynq-Z2 --fps 500 --inputs frames.npy --out build/mine",
        "auflow compile model.onnx --resume",
    ),
    "Steps: lower, fold, compile, check, verilate, simulate, report, bitstream, deploy. Every executor must give the"
    " integers of the model in qonnx, by ==; what cannot be computed exactly is refused in a sentence. The folder holds"
    " rtl/, sim/, report/index.html, build.log, deploy/ and deploy/ as one archive.",
    "the compilation goes on with --resume",
)
