# SPDX-License-Identifier: Apache-2.0
"""The `auflow` command."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import board.cli.main
import qnn.cli.data
import qnn.cli.evaluate
import qnn.cli.export
import qnn.cli.train
from board.faces.load import load_faces
from hls_build.build import shipped
from hls_build.cli import fold, report, synth
from hls_build.config.build_config import CONFIGS

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Facial action units on a small FPGA: train, export, build, simulate and compare.",
)
qnn.cli.export.register(app)
qnn.cli.data.register(app)
qnn.cli.evaluate.register(app)
qnn.cli.train.register(app)
fold.register(app)
report.register(app)
synth.register(app)

THROUGH = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""Settings of a command whose options another parser reads."""


def _forward(name: str, about: str) -> None:
    """Add one of the board's commands, which read their own options: they run where typer is not installed too."""

    @app.command(name, help=about, context_settings=THROUGH, add_help_option=False)
    def forwarded(context: typer.Context) -> None:
        status = board.cli.main.run([name, *context.args], shipped.software)
        if status:
            raise typer.Exit(status)


for _name, _function in board.cli.main.COMMANDS.items():
    if _name != "parity":  # which is more here
        _forward(_name, str(_function.__doc__))

FACES_HELP = "A picture, a folder of pictures, or an .npy/.npz of (N,48,48) or (N,48,48,3) uint8."
INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


@app.command()
def build(
    config: Annotated[Path, typer.Option(help="What to build.")] = CONFIGS / "pynq-z2_w4a4.toml",
    board: Annotated[str | None, typer.Option(help="Board to build for instead of the configuration's.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the build. [default: build/<name>]")] = None,
    sim_frames: Annotated[int, typer.Option(min=1, help="Faces to run through the accelerator.")] = 4,
    stop_after: Annotated[str | None, typer.Option(help="Last step to do.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on after the last finished step.")] = False,
    pack_simulation: Annotated[
        bool, typer.Option("--pack-simulation/--no-simulation", help="Put the simulation library into deploy/.")
    ] = True,
) -> None:
    """Build an accelerator from a checkpoint, prove it equal to the model and pack it for the board.

    Steps: export, lower, compile, verilate, simulate, bitstream, deploy. The folder holds model.onnx, accelerator.json,
    rtl/, sim/, report/*.json, build.log, deploy/ and the same as one archive to copy to the board.
    """
    from hls_build.build import flow

    try:
        flow.run(config, board, out, sim_frames, stop_after, resume, pack_simulation, Console())
    except KeyboardInterrupt:
        print("auflow: interrupted; the build goes on with --resume", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None


@app.command()
def simulate(
    build: Annotated[Path, typer.Option(help="Folder that `auflow build` left.")],
    faces: Annotated[Path, typer.Option(help=FACES_HELP)],
    frames: Annotated[int, typer.Option(min=1, help="How many of the faces.")] = 4,
    stalls: Annotated[int | None, typer.Option(help="Seed of random stalls at both ends.")] = None,
    trace: Annotated[Path | None, typer.Option(help="Write waves to this .fst file.")] = None,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
) -> None:
    """Run faces through the verilated accelerator, cycle by cycle, and compare with the integer model."""
    from hls_build.build import flow

    result = flow.simulate(build, load_faces(faces, frames), stalls, trace, Console())
    write_json(json_out, result)
    if result["mismatches"]:
        raise typer.Exit(1)


@app.command()
def parity(
    build: Annotated[Path | None, typer.Option(help="Folder that `auflow build` left: every form of it.")] = None,
    deploy: Annotated[
        Path | None, typer.Option(help="Deployment, folder or archive: every executor that runs on this machine.")
    ] = None,
    faces: Annotated[Path | None, typer.Option(help=FACES_HELP + " A deployment also takes noise.")] = None,
    count: Annotated[int, typer.Option(min=1, help="Faces in software.")] = 100,
    rtl_count: Annotated[int, typer.Option(min=0, help="Faces, at most, on the stitched RTL.")] = 4,
    stalls: Annotated[int | None, typer.Option(help="With --build: seed of random stalls on the RTL.")] = None,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
) -> None:
    """Compare all forms of a build, or all executors of a deployment, and name the first difference."""
    from hls_build.build import flow

    if deploy is not None and build is None and stalls is None:
        given = {"--faces": faces, "--json": json_out}
        options = [str(part) for key, value in given.items() if value is not None for part in (key, value)]
        arguments = ["--deploy", str(deploy), "--count", str(count), "--rtl-count", str(rtl_count), *options]
        raise typer.Exit(board.cli.main.run(["parity", *arguments]))
    if build is None or deploy is not None or faces is None:
        raise ValueError("parity needs --build with --faces, or --deploy alone: see auflow parity --help")

    result = flow.parity(build, load_faces(faces, count), rtl_count, stalls, Console())
    write_json(json_out, result)
    if result["difference"]:
        raise typer.Exit(1)


def write_json(path: Path | None, content: dict[str, Any]) -> None:
    """Write a result for programs, if they asked."""
    if path is not None:
        path.write_text(json.dumps(content, indent=2) + "\n")


def main() -> None:
    """Run the command; what goes wrong is one sentence and a non-zero status."""
    warnings.filterwarnings("ignore", message="fast_hadamard_transform")  # Brevitas wants it; nothing here does
    try:
        app(prog_name="auflow")
    except (ValueError, RuntimeError, OSError) as error:
        sys.exit(f"auflow: {' '.join(str(error).split())}")


if __name__ == "__main__":
    main()
