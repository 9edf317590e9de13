# SPDX-License-Identifier: Apache-2.0
"""A build from checkpoint to verdict: its folder, its steps, and how an interrupted one goes on."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper
from rich.console import Console

from board.core.contract import Contract, InputRule, sha256
from board.core.graph import IntegerGraph
from board.deployment import BITFILE, HANDOFF
from hls_build import dataflow, estimate
from hls_build.build import console as tables
from hls_build.build import package
from hls_build.build_folder import BuildFolder
from hls_build.config import build_config as config
from hls_build.config.build_config import BuildConfig
from hls_build.finn_adapter import use_build_folder
from hls_build.lowering import lower_file
from hls_build.parity.executors import DataflowRung, IntegerRung, RtlRung
from hls_build.parity.ladder import Parity, compare
from hls_build.rtl import stitch
from hls_build.simulation import accelerator, verilator
from hls_build.vivado import bitstream, tools
from hls_build.vivado.tools import Tools
from hls_build.yosys import report as synthesis
from qnn.data.example import example_faces
from qnn.export import export
from qnn.export.executors import QonnxRung, ReferenceRung, Rung, TwinRung
from qnn.network import checkpoint as checkpoints

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


def export_step(job: Job) -> None:
    """Checkpoint to model.onnx and reference.onnx."""
    report = export.export(job.checkpoint, job.folder.root, job.config.preset)
    job.folder.write_report("export", asdict(report))
    checked = sum(check.values for check in report.nudges)
    job.console.print(f"  {checked} reachable sigmoid values checked, {report.nudged} sigmoids nudged")


def lower_step(job: Job) -> None:
    """model.onnx to integer.npz."""
    graph = lower_file(job.folder.root / export.MODEL)
    graph.save(job.folder.integer)
    job.console.print(f"  {len(graph.nodes)} integer layers")


def compile_step(job: Job) -> None:
    """Integer graph to FINN+ nodes, RTL, resource estimate and accelerator.json."""
    folder, build = job.folder, job.config
    use_build_folder(folder.root / "finn")
    graph = IntegerGraph.load(folder.integer)
    model = dataflow.build(graph, build)
    model.save(str(folder.dataflow))
    stitched = stitch.stitch(model, folder.rtl, build.board.part, build.clk_period_ns)
    estimated = estimate.estimate(model, build)
    folder.write_report("estimate", estimated.as_json())
    (folder.report / f"{synthesis.NAME}.json").unlink(missing_ok=True)  # which was of other RTL
    report = export.read_report(folder.root)
    height, width, channels = graph.tensors[graph.input].shape
    Contract(
        model_sha256=report.model_sha256,
        bitfile_sha256=None,
        input=InputRule((height, width, channels), "uint8", report.colour, report.crop_margin),
        action_units=report.action_units,
        accumulator=f"INT{stitched.output_stream.bits}",
        input_stream=stitched.input_stream,
        output_stream=stitched.output_stream,
        clock_mhz=build.clock_mhz,
        part=build.board.part,
        board=build.board.name,
        folding={name: _given(asdict(entry)) for name, entry in build.folding.items()},
        layers=tuple(node.name for node in model.graph.node),
        decoding=report.decoding,
    ).write(folder.contract)
    job.console.print(f"  {len(model.graph.node)} hardware nodes, {len(stitched.sources)} RTL files")


def verilate_step(job: Job) -> None:
    """RTL to a shared library, or out of the cache."""
    stitched = stitch.Stitched.load(job.folder.rtl)
    for line in verilator.differences([job.folder.rtl / name for name in stitched.sources]):
        job.console.print(f"  simulation reads {line}")
    library = accelerator.compile_rtl(job.folder.rtl)
    job.folder.sim.mkdir(exist_ok=True)
    shutil.copyfile(library, job.folder.library)


def simulate_step(job: Job) -> None:
    """Faces through every rung; a mismatch ends the build."""
    faces = example_faces(job.frames)
    with accelerator.open_rtl(job.folder.rtl, job.folder.library) as live:
        rtl = RtlRung(live)
        found = _compare(job.folder, job.checkpoint, faces, [(rtl, None)], job.console, dataflow_limit=1)
        job.folder.write_report("parity", found.as_json())
        if found.difference is not None:
            raise RuntimeError(f"parity failed: {found.difference}")
        figures = _figures(job.folder, rtl, mismatches=0)
    job.folder.write_report("simulation", figures)
    contract = Contract.read(job.folder.contract)
    job.console.print(tables.action_units(contract, rtl.runs[0].accumulators[:1]))
    job.console.print(tables.speed(figures, job.config.clock_mhz))
    job.console.print(tables.resources(json.loads((job.folder.report / "estimate.json").read_text()), job.config.board))


def bitstream_step(job: Job) -> None:
    """The Vivado project of the RTL, and its bitstream where Vivado is."""
    figures = bitstream.make(job.folder, job.config, job.vivado, lambda line: job.console.print(f"  {line}"))
    job.folder.write_report("bitstream", figures)
    for line in bitstream.sentences(figures, job.folder, job.config.board, job.config.clock_mhz):
        job.console.print(line)


def deploy_step(job: Job) -> None:
    """All that a board needs, as a folder and as one archive."""
    archive = package.write(job.folder, job.config, job.pack_simulation)
    job.console.print(f"  {archive} ({archive.stat().st_size / 2**20:.1f} MiB) and {job.folder.deploy}")


STEPS: dict[str, tuple[Callable[[Job], None], tuple[str, ...]]] = {
    "export": (export_step, (export.MODEL, export.REFERENCE, export.REPORT, "report/export.json")),
    "lower": (lower_step, ("integer.npz",)),
    "compile": (compile_step, ("dataflow.onnx", "rtl", "finn", "accelerator.json", "report/estimate.json")),
    "verilate": (verilate_step, ("sim",)),
    "simulate": (simulate_step, ("report/parity.json", "report/simulation.json", "report/timeline.npz")),
    "bitstream": (bitstream_step, ("report/bitstream.json", "report/vivado", BITFILE, HANDOFF)),
    "deploy": (deploy_step, ("deploy",)),
}
"""What a build does, in order: function, and the files that a failed one does not keep."""


def run(
    path: Path,
    board: str | None,
    out: Path | None,
    frames: int,
    stop_after: str | None,
    resume: bool,
    pack_simulation: bool,
    console: Console,
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

    Raises:
        ValueError: A configuration, checkpoint or option that cannot be.
        RuntimeError: A tool is missing or failed, or the forms of the network differ.
    """
    if stop_after is not None and stop_after not in STEPS:
        raise ValueError(f"stop-after must be one of {', '.join(STEPS)}, got {stop_after!r}")
    build = config.load(path)
    if board is not None:
        build = replace(build, board=config.board(board))
    checkpoint = path.parent / build.checkpoint if build.checkpoint else shipped_checkpoint(build.preset)
    folder = BuildFolder(out or Path("build") / build.name)
    vivado = tools.find() if stop_after in (None, "bitstream", "deploy") else None
    job = Job(folder, build, checkpoint, frames, pack_simulation, console, vivado)
    key = _fingerprint(path, build, checkpoint)
    done = _open(folder, key, checkpoint, resume)
    if vivado and "bitstream" in done and not bitstream.is_made(folder):
        done = {name: entry for name, entry in done.items() if name not in ("bitstream", "deploy")}
    with _logged(folder.log):
        for name, (step, leaves) in STEPS.items():
            if name in done:
                console.print(f"[bold]{name}[/]: done before")
                continue
            console.print(f"[bold]{name}[/]")
            start = time.monotonic()
            log.info("%s begins", name)
            try:
                step(job)
            except BaseException as error:
                log.error("%s failed: %s", name, " ".join(str(error).split()) or type(error).__name__)
                _remove(folder, leaves)
                raise
            seconds = time.monotonic() - start
            log.info("%s took %.1f s", name, seconds)
            done[name] = {"seconds": round(seconds, 1)}
            _write_state(folder, key, checkpoint, done)
            if name == stop_after:
                break


def shipped_checkpoint(preset: str) -> Path:
    """The checkpoint in the repository for a preset."""
    return checkpoints.SHIPPED / f"{preset}.safetensors"


def simulate(root: Path, faces: np.ndarray, stalls: int | None, trace: Path | None, console: Console) -> dict[str, Any]:
    """Run faces through a build's RTL and compare with its integer graph.

    Returns:
        Frames, mismatches, cycles, speed and the counters of every stream.
    """
    folder = _finished(root, "verilate")
    expected = IntegerRung(IntegerGraph.load(folder.integer)).accumulators(faces)
    library = None if trace else folder.library
    with accelerator.open_rtl(folder.rtl, library, trace) as live, tables.cycles(console) as progress:
        rtl = RtlRung(live, *_stall(stalls), progress)
        answer = rtl.accumulators(faces)
    figures = _figures(folder, rtl, int((answer != expected).any(axis=1).sum()))
    contract = Contract.read(folder.contract)
    console.print(tables.action_units(contract, answer[:1]))
    console.print(tables.speed(figures, contract.clock_mhz))
    console.print(f"{figures['mismatches']} of {len(faces)} faces differ from the integer graph")
    return figures


def parity(root: Path, faces: np.ndarray, rtl_count: int, stalls: int | None, console: Console) -> dict[str, Any]:
    """Compare every rung of a build; see hls_build.parity.ladder."""
    folder = _finished(root, "verilate")
    state = json.loads(folder.state.read_text())
    with accelerator.open_rtl(folder.rtl, folder.library) as live:
        rungs: list[tuple[Rung, int | None]] = [(RtlRung(live), rtl_count)]
        if stalls is not None:
            rungs.append((RtlRung(live, *_stall(stalls)), rtl_count))
        found = _compare(folder, Path(state["checkpoint"]), faces, rungs if rtl_count else [], console, None)
    console.print(tables.parity(found))
    return found.as_json()


def _compare(
    folder: BuildFolder,
    checkpoint: Path,
    faces: np.ndarray,
    rtl: list[tuple[Rung, int | None]],
    console: Console,
    dataflow_limit: int | None,
) -> Parity:
    """Every software rung, then the given RTL rungs."""
    graph = IntegerGraph.load(folder.integer)
    twin, _, _ = export.frozen_twin(checkpoint)
    rungs: list[tuple[Rung, int | None]] = [
        (TwinRung(twin), None),
        (QonnxRung(folder.root / export.MODEL), None),
        (ReferenceRung(folder.root / export.REFERENCE), None),
        (IntegerRung(graph), None),
        (DataflowRung(ModelWrapper(str(folder.dataflow))), dataflow_limit),
        *rtl,
    ]
    order = [name for node in graph.nodes for name in node.outputs]
    with tables.rungs(console, len(faces)) as progress:
        return compare(rungs, faces, order, progress)


def _figures(folder: BuildFolder, rung: RtlRung, mismatches: int) -> dict[str, Any]:
    """What a person and a program want to know of one simulated run."""
    (run,) = rung.runs
    slowest = json.loads((folder.report / "estimate.json").read_text())["slowest_layer_cycles"]
    interval = int(np.median(run.interval_cycles)) if len(run.interval_cycles) else None
    return {
        "frames": len(run.accumulators),
        "mismatches": mismatches,
        "first_out_cycles": run.first_out_cycles,
        "interval_cycles": interval,
        "slowest_layer_cycles": slowest,
        "cycles": run.cycles,
        "sim_cycles_per_second": round(run.cycles_per_second),
        "seconds_per_frame": round(run.cycles / run.cycles_per_second / len(run.accumulators), 2),
        "streams": {name: asdict(counters) for name, counters in run.streams.items()},
        "fifo_fill": run.fifo_fill,
    }


def _stall(seed: int | None) -> tuple[str, int]:
    return ("none", 1) if seed is None else ("both", seed)


def _given(entry: dict[str, Any]) -> dict[str, int | str]:
    """A folding entry without what was left open."""
    return {key: value for key, value in entry.items() if isinstance(value, int | str)}


def _fingerprint(path: Path, build: BuildConfig, checkpoint: Path) -> str:
    """Digest of all that the steps are made from."""
    weights = sha256(checkpoint) if checkpoint.is_file() else "none"
    return hashlib.sha256(f"{sha256(path)} {build.board.name} {weights}".encode()).hexdigest()


def _open(folder: BuildFolder, key: str, checkpoint: Path, resume: bool) -> dict[str, Any]:
    """Prepare the folder; the finished steps to keep."""
    if folder.root.exists() and not folder.root.is_dir():
        raise ValueError(f"a build needs a folder, got the file {folder.root}: give another --out")
    if folder.root.exists() and any(folder.root.iterdir()) and not folder.state.exists():
        raise ValueError(f"{folder.root} holds files but no build: give another --out or empty it")
    state: dict[str, Any] = {"key": key, "steps": {}}
    if folder.state.exists():
        state = json.loads(folder.state.read_text())
    if resume and state["key"] != key:
        raise ValueError(
            f"the build in {folder.root} was begun from another configuration, board or checkpoint: "
            "build without --resume"
        )
    if resume:
        return dict(state["steps"])
    folder.root.mkdir(parents=True, exist_ok=True)
    _write_state(folder, key, checkpoint, {})
    for _, leaves in STEPS.values():
        _remove(folder, leaves)
    _remove(folder, (bitstream.FOLDER,))
    folder.archive.unlink(missing_ok=True)
    return {}


def _finished(root: Path, step: str) -> BuildFolder:
    """The folder of a build that got as far as a step."""
    folder = BuildFolder(root)
    if not folder.state.is_file():
        raise ValueError(f"no build in {root}: run `auflow build --out {root}` first")
    if step not in json.loads(folder.state.read_text())["steps"]:
        raise ValueError(f"the build in {root} has not finished step {step}: run `auflow build --out {root} --resume`")
    return folder


def _write_state(folder: BuildFolder, key: str, checkpoint: Path, done: dict[str, Any]) -> None:
    partial = folder.state.with_suffix(".partial")
    partial.write_text(
        json.dumps({"key": key, "checkpoint": str(checkpoint.resolve()), "steps": done}, indent=2) + "\n"
    )
    partial.replace(folder.state)


def _remove(folder: BuildFolder, leaves: tuple[str, ...]) -> None:
    """Delete a step's files, so that none is left half done."""
    for name in leaves:
        path = folder.root / name
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
