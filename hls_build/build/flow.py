# SPDX-License-Identifier: Apache-2.0
"""A build from checkpoint to verdict: its folder, its steps, and how an interrupted one goes on."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from board.core.contract import Contract
from board.core.files import sha256
from board.core.graph import IntegerGraph
from board.core.lock import lock_name, locked
from board.core.timing import UNMET
from hls_build import estimate
from hls_build.build import console as tables
from hls_build.build import package, proof
from hls_build.build.contract import Hardware, make_contract
from hls_build.build.shipped import checkpoint_of
from hls_build.build_folder import BuildFolder, State, files_of
from hls_build.compiler import compile_graph, lower_file
from hls_build.config.board import load_board
from hls_build.config.build import BuildConfig, load_build
from hls_build.finn_adapter import use_build_folder
from hls_build.rtl import stitch
from hls_build.simulation import verilator
from hls_build.simulation.open_rtl import compile_rtl
from hls_build.vivado import bitstream, tools
from hls_build.vivado.tools import Tools
from qnn.data.example import example_faces
from qnn.export import export
from qnn.network.presets import text_of

log = logging.getLogger("auflow.build")


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
        self.console.print(f"  {line}", style=style, markup=False, highlight=False, soft_wrap=True)


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
    folder, build = job.folder, job.config
    use_build_folder(folder.finn)
    graph = IntegerGraph.load(folder.integer)
    model = compile_graph(graph, build)
    model.save(str(folder.dataflow))
    stitched = stitch.stitch(model, folder.rtl, build.board.part, build.clk_period_ns)
    estimated = estimate.estimate(model, build)
    folder.write_report("estimate", estimated.as_json())
    folder.report_file("synthesis").unlink(missing_ok=True)  # which was of other RTL
    hardware = Hardware(build, stitched, tuple(node.name for node in model.graph.node))
    make_contract(export.read_report(folder.root), graph, hardware).write(folder.contract)
    job.tell(f"{len(model.graph.node)} hardware nodes, {len(stitched.sources)} RTL files in {folder.rtl}")


def verilate_step(job: Job) -> None:
    """RTL to a shared library, or out of the cache."""
    stitched = stitch.Stitched.load(job.folder.rtl)
    differences = verilator.differences([job.folder.rtl / name for name in stitched.sources])
    if differences:
        job.tell("it is the RTL that Vivado gets, but in these files Verilator reads something else:")
    for line in differences:
        job.tell(f"  {line}")
    library = compile_rtl(job.folder.rtl)
    job.folder.sim.mkdir(exist_ok=True)
    shutil.copyfile(library, job.folder.library)


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
    figures = bitstream.make(job.folder, job.config, job.vivado, job.tell, job.accept_timing_failure)
    job.folder.write_report("bitstream", figures)
    for line in bitstream.sentences(figures, job.folder, job.config.board, job.config.clock_mhz):
        job.tell(line, "bold red" if line.startswith(UNMET) else "")


def deploy_step(job: Job) -> None:
    """All that a board needs, as a folder and as one archive."""
    archive = package.write(job.folder, job.config, job.pack_simulation)
    job.tell(f"{archive} ({archive.stat().st_size / 2**20:.1f} MiB) and {job.folder.deploy}")


@dataclass(frozen=True)
class Step:
    """One step of a build.

    Attributes:
        about: What it does, for a person.
        do: Does it.
        leaves: The files that it makes, of which a failed one keeps none.
    """

    about: str
    do: Callable[[Job], None]
    leaves: Callable[[BuildFolder], tuple[Path, ...]]

    def digests(self, folder: BuildFolder) -> dict[str, str]:
        """Digest of every file that it made and that is still there, by its path in the build."""
        made = (path for path in self.leaves(folder) if path != folder.finn)  # which nothing reads again
        files = [file for path in made for file in (files_of(path) if path.is_dir() else [path]) if file.is_file()]
        return {file.relative_to(folder.root).as_posix(): sha256(file) for file in files}


STEPS: dict[str, Step] = {
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
        lambda folder: (folder.report_file("bitstream"), folder.vivado_reports, folder.bitfile, folder.handoff),
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
    if stop_after is not None and stop_after not in STEPS:
        raise ValueError(f"stop-after must be one of {', '.join(STEPS)}, got {stop_after!r}")
    build = load_build(path)
    if board is not None:
        build = replace(build, board=load_board(board))
    if attention:
        build = replace(build, attention=True)
    checkpoint = checkpoint_of(path, build)
    folder = BuildFolder(out or Path("build") / build.name)
    vivado = tools.find() if stop_after in (None, "bitstream", "deploy") else None
    job = Job(folder, build, checkpoint, frames, pack_simulation, console, vivado, accept_timing_failure)
    key = _fingerprint(path, build, checkpoint)
    with locked(lock_name(folder.root.resolve()), f"the build {folder.root}"):
        done = _open(folder, key, checkpoint, resume, console)
        if vivado and "bitstream" in done and not bitstream.is_made(folder):
            done = {name: entry for name, entry in done.items() if name not in ("bitstream", "deploy")}
        with _logged(folder.log):
            for name, step in STEPS.items():
                if name in done:
                    console.print(f"[bold]{name}[/]: done before", markup=True)
                    continue
                console.print(f"[bold]{name}[/]: {step.about}", markup=True, highlight=False, soft_wrap=True)
                start = time.monotonic()
                log.info("%s begins", name)
                try:
                    step.do(job)
                except BaseException as error:
                    log.error("%s failed: %s", name, " ".join(str(error).split()) or type(error).__name__)
                    _remove(*step.leaves(folder))
                    raise
                seconds = time.monotonic() - start
                log.info("%s took %.1f s", name, seconds)
                done[name] = {"seconds": round(seconds, 1), "files": step.digests(folder)}
                if name == "bitstream":  # which binds the contract that step compile made to the bitfile
                    done["compile"]["files"] = STEPS["compile"].digests(folder)
                folder.write_state(State(key, text_of(checkpoint, folder.root), done))
                if name == stop_after:
                    break
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


def _open(folder: BuildFolder, key: str, checkpoint: Path, resume: bool, console: Console) -> dict[str, Any]:
    """Prepare the folder; the finished steps to keep."""
    if folder.root.exists() and not folder.root.is_dir():
        raise ValueError(f"a build needs a folder, got the file {folder.root}: give another --out")
    if folder.root.exists() and any(folder.root.iterdir()) and not folder.state.exists():
        raise ValueError(f"{folder.root} holds files but no build: give another --out or empty it")
    if resume and folder.state.exists():
        before = folder.read_state()
        if before.key != key:
            raise ValueError(
                f"the build in {folder.root} was begun from another configuration, board, output or checkpoint: "
                "build without --resume"
            )
        try:
            folder.check_made_here()
        except RuntimeError as error:
            raise RuntimeError(f"{error}; or build without --resume") from None
        return _unchanged(folder, before.steps, console)
    folder.root.mkdir(parents=True, exist_ok=True)
    folder.write_state(State(key, text_of(checkpoint, folder.root), {}))
    _remove(folder.vivado, *(path for step in STEPS.values() for path in step.leaves(folder)))
    return {}


def _unchanged(folder: BuildFolder, steps: Mapping[str, Any], console: Console) -> dict[str, Any]:
    """The finished steps up to the first whose files are no longer what it made; what later ones made is deleted."""
    kept: dict[str, Any] = {}
    for name in STEPS:
        if name not in steps:
            break
        there = STEPS[name].digests(folder)
        made = steps[name]["files"]
        if changed := next((file for file, digest in made.items() if there.get(file) != digest), None):
            said = f"{changed} is not what step {name} made: the build goes on from there"
            console.print(said, markup=False, highlight=False, soft_wrap=True)
            break
        kept[name] = steps[name]
    _remove(*(path for name in STEPS if name not in kept for path in STEPS[name].leaves(folder)))
    return kept


def _remove(*paths: Path) -> None:
    """Delete a step's files and folders, so that none is left half done."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Append to a build's log meanwhile."""
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False  # an error ends in the program's own sentence
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()
