# SPDX-License-Identifier: Apache-2.0
"""A build from checkpoint to verdict: its steps, and what its sentences say."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console

from board.core.contract import Contract
from board.core.files import sha256
from board.core.graph import IntegerGraph
from hls_build.build import console as tables
from hls_build.build import package, proof
from hls_build.build.contract import make_contract
from hls_build.build.hardware import make_bitstream, make_rtl, verilate
from hls_build.build.shipped import checkpoint_of
from hls_build.build.steps import Step, carry_out, check_stop, tell
from hls_build.build_folder import BuildFolder
from hls_build.compiler import lower_file
from hls_build.config.board import load_board
from hls_build.config.build import BuildConfig, load_build
from hls_build.config.shells import FINN_SHELL
from hls_build.vivado import bitstream, tools
from hls_build.vivado.tools import Tools
from qnn.data.example import example_faces
from qnn.export import export
from qnn.network.presets import text_of


@dataclass(frozen=True)
class Job:
    """One build and what it works with."""

    folder: BuildFolder
    config: BuildConfig
    checkpoint: Path
    frames: int
    pack_simulation: bool
    console: Console
    vivado: Tools | None
    accept_timing_failure: bool = False

    def tell(self, line: str, style: str = "") -> None:
        """Say something of the step at work."""
        tell(self, line, style)


def export_step(job: Job) -> None:
    """Checkpoint to model.onnx and standard.onnx."""
    report = export.export(job.checkpoint, job.folder.root, job.config.preset, job.config.attention)
    job.folder.write_report("export", asdict(report))
    checked = sum(check.values for check in report.sigmoids)
    job.tell(f"{report.corrected} of {len(report.sigmoids)} sigmoids corrected, {checked:,} reachable values checked")


def lower_step(job: Job) -> None:
    """model.onnx to integer.npz."""
    graph = lower_file(job.folder.root / export.MODEL)
    graph.save(job.folder.integer)
    job.tell(f"{len(graph.nodes)} layers")


def compile_step(job: Job) -> None:
    """Integer graph to FINN+ nodes, RTL, resource estimate and accelerator.json."""
    folder = job.folder
    graph = IntegerGraph.load(folder.integer)
    hardware = make_rtl(folder, job.config, graph)
    make_contract(export.read_report(folder.root), graph, hardware).write(folder.contract)
    job.tell(f"{len(hardware.nodes)} hardware nodes, {len(hardware.stitched.sources)} RTL files in {folder.rtl}")


def verilate_step(job: Job) -> None:
    """RTL to a shared library, or out of the cache."""
    verilate(job.folder, job.tell)


def simulate_step(job: Job) -> None:
    """Faces and test patterns through every executor; a difference ends the build."""
    contract = Contract.read(job.folder.contract)
    faces = example_faces(job.frames, colour=contract.input.colour, margin=contract.input.crop_margin)
    found, (run,) = proof.prove(job.folder, job.checkpoint, faces)
    job.folder.write_report("parity", found.as_json())
    if found.difference is not None:
        job.console.print(tables.parity(found))
        raise RuntimeError(f"parity failed: {found.difference}")
    figures = proof.figures(job.folder, run, mismatches=0)
    job.folder.write_report("simulation", figures)
    job.console.print(tables.action_units(contract, run.accumulators[:1]))
    job.console.print(tables.speed(figures, job.config.clock_mhz))
    job.console.print(tables.resources(job.folder.read_report("estimate"), job.config.board))


def bitstream_step(job: Job) -> None:
    """The Vivado project of the RTL, and its bitstream where Vivado is."""
    make_bitstream(job.folder, job.config, job.vivado, job.tell, job.accept_timing_failure)


def deploy_step(job: Job) -> None:
    """All that a board needs, as a folder and as one archive."""
    archive = package.write(job.folder, job.config, job.pack_simulation)
    job.tell(f"{archive} ({archive.stat().st_size / 2**20:.1f} MiB) and {job.folder.deploy}")


STEPS: dict[str, Step[Job]] = {
    "export": Step(
        "the checkpoint as QONNX, model.onnx, and as standard ONNX, standard.onnx",
        export_step,
        lambda folder: (*export.files(folder.root), folder.report_file("export")),
    ),
    "lower": Step("model.onnx as exact integers, integer.npz", lower_step, lambda folder: (folder.integer,)),
    "compile": Step(
        "the integers as FINN+ hardware nodes, and those as RTL",
        compile_step,
        lambda folder: (folder.dataflow, folder.rtl, folder.finn, folder.contract, folder.report_file("estimate")),
    ),
    "verilate": Step("the RTL as a program that simulates it", verilate_step, lambda folder: (folder.sim,)),
    "simulate": Step(
        "faces and test patterns through every executor, compared by ==",
        simulate_step,
        lambda folder: (folder.report_file("parity"), folder.report_file("simulation"), folder.timeline),
    ),
    "bitstream": Step(
        "the Vivado project, and its bitstream where Vivado is",
        bitstream_step,
        lambda folder: (
            folder.report_file("bitstream"),
            folder.vivado_reports,
            folder.bitfile,
            folder.handoff,
            folder.shell,
        ),
    ),
    "deploy": Step(
        "all that a board needs, as a folder and as one archive",
        deploy_step,
        lambda folder: (folder.deploy, folder.archive),
    ),
}
"""What a build does, in order."""


def run(
    path: Path,
    board: str | None,
    out: Path | None,
    frames: int,
    stop_after: str | None,
    resume: bool,
    pack_simulation: bool,
    console: Console,
    attention: bool = False,
    accept_timing_failure: bool = False,
) -> None:
    """Do all steps, or those that an interrupted build left.

    Args:
        path: Configuration (TOML).
        board: Board instead of the configuration's.
        out: Folder; None takes build/<name>.
        frames: Faces to simulate.
        stop_after: Last step, None for all.
        resume: Keep finished steps.
        pack_simulation: Put the simulation library into the deployment package.
        console: Where a person reads.
        attention: Put the first spatial gate into the output, whatever the configuration says.
        accept_timing_failure: Pack a bitfile whose timing Vivado did not meet.

    Raises:
        ValueError: A configuration, checkpoint or option that cannot be.
        RuntimeError: A tool is missing or failed, or the executors differ.
    """
    check_stop(STEPS, stop_after)
    build = load_build(path)
    if board is not None:
        build = replace(build, board=load_board(board))
    if attention:
        build = replace(build, attention=True)
    checkpoint = checkpoint_of(path, build)
    folder = BuildFolder(out or Path("build") / build.name)
    makes_bitstream = stop_after in (None, "bitstream", "deploy")
    vivado = tools.find(needs_hls=build.shell == FINN_SHELL) if makes_bitstream else None
    job = Job(folder, build, checkpoint, frames, pack_simulation, console, vivado, accept_timing_failure)
    key = _fingerprint(path, build, checkpoint)
    source = text_of(checkpoint, folder.root)
    done = carry_out(job, STEPS, key, source, stop_after, resume)
    said = [folder.read_report("parity")["verdict"]] if "simulate" in done else []
    command = ["auflow", "build", "--config", str(path), "--out", str(folder.root), "--resume"]
    command += ["--board", board] if board else []
    command += ["--attention"] if attention else []
    command += ["--sim-frames", str(frames)] if "simulate" not in done else []
    command += [] if pack_simulation else ["--no-simulation"]
    command += [bitstream.ACCEPT] if accept_timing_failure and "bitstream" not in done else []
    said.append(tables.next_steps(folder) if "deploy" in done else tables.stopped(list(done)[-1], command))
    for paragraph in said:
        console.print(f"\n{paragraph}", markup=False, highlight=False, soft_wrap=True)


def _fingerprint(path: Path, build: BuildConfig, checkpoint: Path) -> str:
    """Digest of all that the steps are made from."""
    weights = sha256(checkpoint) if checkpoint.is_file() else "none"
    output = " attention" if build.attention else ""
    return sha256(f"{sha256(path)} {build.board.name} {weights}{output}".encode())
