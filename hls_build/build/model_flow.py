# SPDX-License-Identifier: Apache-2.0
"""`auflow compile`: from anybody's QONNX model to a verdict and a deployment, by the steps that a build has too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from board.core.contract import StreamPacking
from board.core.files import sha256, write_bytes, write_text
from board.core.frames import load_frames, random_frames
from board.core.graph import IntegerGraph
from board.core.layers.conv import Conv
from board.core.plain_contract import Head, PlainContract, PlainInput, PlainOutput
from board.executors.executor import Executor
from board.executors.numpy_executor import NumpyExecutor
from board.executors.rtl_executor import RtlExecutor
from board.parity import Compared, Level, Parity, compare
from board.progress import counter
from hls_build.build import console as tables
from hls_build.build import package, proof
from hls_build.build.contract import Hardware, folding_of
from hls_build.build.hardware import make_bitstream, make_rtl, verilate
from hls_build.build.steps import Step, carry_out, check_stop, tell
from hls_build.build_folder import BuildFolder
from hls_build.compiler import lower_scaled_file, read_model
from hls_build.config.board import DEFAULT_BOARD, Board, load_board
from hls_build.config.build import MODEL_PRESET, BuildConfig, load_build
from hls_build.config.folding import DEFAULT_MULTIPLIER, LATENCY_INTERVALS
from hls_build.config.shells import default_shell
from hls_build.finn_adapter import use_build_folder
from hls_build.folding import results, search
from hls_build.parity.executors import software
from hls_build.report import facts, page
from hls_build.simulation.open_rtl import open_rtl
from hls_build.vivado import tools
from hls_build.vivado.tools import Tools

MODEL, CONFIG = "model.onnx", "build.toml"
"""The model as it was compiled, and the folding that was chosen, in the folder of a build."""


@dataclass(frozen=True)
class Wish:
    """What a user asks of a compilation.

    Attributes:
        board: Board to compile for.
        fps: Frames per second to reach; None for as many as fit.
        clock_mhz: Clock of the accelerator; None takes the board's.
        single_clock: No DSPs at twice the clock.
        latency: Most frame intervals from a frame's first pixel to its result.
        config: A folding of before, build.toml, instead of choosing one; None chooses.
        multiplier: What multiplies, one of MULTIPLIER_CHOICES.
        dram: Whether weights may come from DRAM.
        shell: One of hls_build.config.shells; None takes FINN's, or AUFlow's with dram.
    """

    board: Board
    fps: float | None = None
    clock_mhz: float | None = None
    single_clock: bool = False
    latency: float = LATENCY_INTERVALS
    config: Path | None = None
    multiplier: str = DEFAULT_MULTIPLIER
    dram: bool = False
    shell: str | None = None

    @property
    def key(self) -> str:
        """All of it, as text that is equal where it is."""
        folding = None if self.config is None else sha256(self.config)
        search = (self.board.name, self.fps, self.clock_mhz, self.single_clock, self.latency, self.multiplier)
        return repr((*search, self.dram, self.shell, folding))


def wish(
    board: str | None = None,
    fps: float | None = None,
    clock_mhz: float | None = None,
    single_clock: bool = False,
    latency: float = LATENCY_INTERVALS,
    config: Path | None = None,
    multiplier: str = DEFAULT_MULTIPLIER,
    dram: bool = False,
    shell: str | None = None,
) -> Wish:
    """What a user asks for, by a board's name; None takes DEFAULT_BOARD, or the configuration's.

    Raises:
        ValueError: There is no such board or configuration, or one contradicts the other.
    """
    if config is None:
        search = (single_clock, latency, None, multiplier, dram, shell)
        return Wish(load_board(board or DEFAULT_BOARD), fps, clock_mhz, *search)
    against = {
        "--board": board is not None,
        "--fps": fps is not None,
        "--clock-mhz": clock_mhz is not None,
        "--single-clock": single_clock,
        "--latency": latency != LATENCY_INTERVALS,
        "--multiplier": multiplier != DEFAULT_MULTIPLIER,
        "--dram": dram,
        "--shell": shell is not None,
    }
    if any(against.values()):
        named = ", ".join(flag for flag, given in against.items() if given)
        raise ValueError(f"{config} says board, folding and clock: leave it out, or {named}")
    return Wish(load_build(config).board, None, None, single_clock, latency, config)


@dataclass(frozen=True)
class ModelJob:
    """One compilation and what it works with.

    Attributes:
        folder: Where all is kept.
        model: The user's file.
        wish: What the user asks for.
        frames: Frames of noise through every executor.
        inputs: The user's own frames, uint8 (N, H, W, C); None for none.
        pack_simulation: Whether the deployment gets the simulated accelerator.
        console: Where a person reads.
        vivado: What makes bitstreams; None where it is not on PATH.
        accept_timing_failure: Whether a bitfile is packed whose timing Vivado did not meet.
    """

    folder: BuildFolder
    model: Path
    wish: Wish
    frames: int
    inputs: Path | npt.NDArray[np.uint8] | None
    pack_simulation: bool
    console: Console
    vivado: Tools | None
    accept_timing_failure: bool = False

    def tell(self, line: str, style: str = "") -> None:
        """Say something of the step at work."""
        tell(self, line, style)

    @property
    def config(self) -> BuildConfig:
        """The folding that was chosen."""
        return load_build(self.folder.root / CONFIG)

    @cached_property
    def samples(self) -> npt.NDArray[np.uint8]:
        """The user's frames, then noise, uint8 (N, H, W, C).

        Raises:
            ValueError: The user's have another type or shape.
        """
        graph = IntegerGraph.load(self.folder.integer)
        shape = graph.tensors[graph.input].shape
        noise = random_frames(self.frames, shape)
        if self.inputs is None:
            return noise
        given = load_frames(self.inputs, shape) if isinstance(self.inputs, Path) else self.inputs
        if given.dtype != np.uint8 or given.shape[1:] != shape:
            raise ValueError(f"inputs must be uint8 of shape (N, {shape}), got {given.dtype} {given.shape}")
        return np.concatenate([given, noise])


def lower_step(job: ModelJob) -> None:
    """The user's model to model.onnx and integer.npz."""
    folder = job.folder
    lowered = lower_scaled_file(job.model)
    write_bytes(folder.root / MODEL, read_model(job.model).SerializeToString())
    lowered.graph.save(folder.integer)
    remarks = list(lowered.remarks)
    worth = {"scale": lowered.scale.tolist(), "offset": lowered.offset.tolist()}
    heads = [{"name": name, "shape": shape} for name, shape in lowered.heads]
    report = {**worth, "heads": heads, "remarks": remarks}
    folder.write_report("lowering", report)
    _ = job.samples  # a user hears now that inputs do not fit
    graph = lowered.graph
    shapes = [" x ".join(map(str, graph.tensors[name].shape)) for name in (graph.input, graph.output)]
    job.tell(f"{len(graph.nodes)} layers, frames of {shapes[0]} to {shapes[1]} integers")
    for remark in remarks:
        job.tell(remark, "yellow")


def fold_step(job: ModelJob) -> None:
    """Integer graph to build.toml: parallelism and memories of every layer."""
    wish, name = job.wish, build_name(job.model)
    if wish.config is not None:
        build = replace(load_build(wish.config), name=name, preset=MODEL_PRESET, board=wish.board, checkpoint=None)
        write_text(job.folder.root / CONFIG, results.toml(build, f"{job.model.name}, folded as {wish.config.name}"))
        return
    graph = IntegerGraph.load(job.folder.integer)
    if not any(type(node) is Conv for node in graph.nodes):
        raise ValueError(
            f"{job.model} must have a dense layer or a convolution other than depthwise, got none: nothing to fold"
        )
    use_build_folder(job.folder.finn)
    clock_mhz = wish.clock_mhz or wish.board.clock_mhz
    shell = wish.shell or default_shell(wish.dram)
    goal = (clock_mhz, not wish.single_clock, wish.latency, wish.multiplier, wish.dram, shell)
    request = search.Request(graph, wish.board, *goal)
    with counter("looking for a folding", "tries") as tried:
        count = 0

        def report(_: str) -> None:
            nonlocal count
            count += 1
            tried(count)

        solution = search.fastest(request, report) if wish.fps is None else search.at_rate(request, wish.fps, report)
    job.console.print(results.table(solution, request))
    build = BuildConfig(name, MODEL_PRESET, wish.board, clock_mhz, None, solution.folding, shell=shell)
    rate = request.rate(solution.interval_cycles)
    write_text(job.folder.root / CONFIG, results.toml(build, f"{job.model.name}, {rate:,.0f} frames per second"))


def compile_step(job: ModelJob) -> None:
    """Integer graph to FINN+ nodes, RTL, resource estimate and accelerator.json."""
    folder = job.folder
    graph = IntegerGraph.load(folder.integer)
    hardware = make_rtl(folder, job.config, graph)
    make_plain_contract(folder, graph, hardware).write(folder.contract)
    job.tell(f"{len(hardware.nodes)} hardware nodes, {len(hardware.stitched.sources)} RTL files in {folder.rtl}")
    for name in folder.read_report("estimate")["over_budget"]:
        job.tell(f"{job.wish.board.name} has too few {name} by the estimate", "bold red")


def check_step(job: ModelJob) -> None:
    """Frames and test patterns through all that computes in software; a difference ends the compilation."""
    found = _compared(job, software(job.folder))
    job.folder.write_report("check", found.as_json())
    _demand_equality(job, found)
    job.tell(found.verdict())


def simulate_step(job: ModelJob) -> None:
    """Frames and test patterns through the simulated RTL; a difference ends the compilation."""
    folder = job.folder
    numpy = NumpyExecutor(IntegerGraph.load(folder.integer))
    with tables.ladder() as (progress, cycles), open_rtl(folder.rtl, folder.library) as live:
        rtl = RtlExecutor(live, progress=cycles)
        levels = [Level.of(numpy), Level.of(rtl, job.frames, batch=None)]
        simulated = compare(levels, job.samples, PlainContract.load(folder.contract).output_names, progress, "frame")
    checked = [Compared(**entry | {"difference": None}) for entry in folder.read_report("check")["executors"]]
    found = replace(simulated, executors=(*checked, *simulated.executors[1:]))
    folder.write_report("parity", found.as_json())
    _demand_equality(job, found)
    figures = proof.figures(folder, rtl.runs[0], mismatches=0)
    folder.write_report("simulation", figures)
    job.console.print(tables.speed(figures, job.config.clock_mhz))
    job.console.print(tables.resources(folder.read_report("estimate"), job.wish.board))


def report_step(job: ModelJob) -> None:
    """One page about the accelerator."""
    with counter("simulating", "cycles") as progress:
        written = page.write(facts.read(job.folder.root), None, job.folder.report, progress)
    job.tell(f"{written[0]}")


def bitstream_step(job: ModelJob) -> None:
    """The Vivado project of the RTL, and its bitstream where Vivado is."""
    make_bitstream(job.folder, job.config, job.vivado, job.tell, job.accept_timing_failure)


def deploy_step(job: ModelJob) -> None:
    """All that a board needs, as a folder and as one archive."""
    archive = package.write(job.folder, job.config, job.pack_simulation)
    job.tell(f"{archive} ({archive.stat().st_size / 2**20:.1f} MiB) and {job.folder.deploy}")


STEPS: dict[str, Step[ModelJob]] = {
    "lower": Step(
        "the model as exact integers, integer.npz",
        lower_step,
        lambda folder: (folder.root / MODEL, folder.integer, folder.report_file("lowering")),
    ),
    "fold": Step(
        "parallelism and memories of every layer, build.toml", fold_step, lambda folder: (folder.root / CONFIG,)
    ),
    "compile": Step(
        "the integers as FINN+ hardware nodes, and those as RTL",
        compile_step,
        lambda folder: (folder.dataflow, folder.rtl, folder.finn, folder.contract, folder.report_file("estimate")),
    ),
    "check": Step(
        "frames and test patterns through qonnx, the integers and FINN+'s nodes, compared by ==",
        check_step,
        lambda folder: (folder.report_file("check"),),
    ),
    "verilate": Step(
        "the RTL as a program that simulates it",
        lambda job: verilate(job.folder, job.tell),
        lambda folder: (folder.sim,),
    ),
    "simulate": Step(
        "frames and test patterns through the RTL, compared by ==",
        simulate_step,
        lambda folder: (folder.report_file("parity"), folder.report_file("simulation")),
    ),
    "report": Step(
        "one page about the accelerator",
        report_step,
        lambda folder: (folder.timeline, folder.report / "index.html"),
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
"""What a compilation does, in order."""


def run(job: ModelJob, stop_after: str | None, resume: bool) -> dict[str, Any]:
    """Do all steps, or those that an interrupted compilation left.

    Args:
        job: What to do.
        stop_after: Last step, None for all.
        resume: Keep finished steps.

    Returns:
        The finished steps, with what each took.

    Raises:
        ValueError: The model, folding or an option cannot be.
        RuntimeError: A tool is missing or failed, or the executors differ.
    """
    check_stop(STEPS, stop_after)
    if not job.model.is_file():
        raise ValueError(f"a model must be an .onnx file, got none at {job.model}")
    if stop_after in (None, "bitstream", "deploy") and job.vivado is None:
        job = replace(job, vivado=tools.find())
    key = sha256(f"{sha256(job.model)} {job.wish.key}".encode())
    return carry_out(job, STEPS, key, "", stop_after, resume)


def build_name(model: Path) -> str:
    """What a build of a model is called: as its file, in letters that every tool takes."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", model.stem).strip("_") or "model"


def make_plain_contract(folder: BuildFolder, graph: IntegerGraph, hardware: Hardware) -> PlainContract:
    """The contract of a compiled model, by what its lowering found."""
    lowered = folder.read_report("lowering")
    streams: Sequence[StreamPacking] = (hardware.stitched.input_stream, hardware.stitched.output_stream)
    return PlainContract(
        model_sha256=sha256(folder.root / MODEL),
        bitfile_sha256=None,  # until there is one
        input=PlainInput(graph.tensors[graph.input].shape),
        output=PlainOutput(
            graph.tensors[graph.output].shape,
            tuple(lowered["scale"]),
            tuple(lowered["offset"]),
            tuple(Head(head["name"], tuple(head["shape"])) for head in lowered["heads"]),
        ),
        input_stream=streams[0],
        output_stream=streams[1],
        clock_mhz=hardware.build.clock_mhz,
        part=hardware.build.board.part,
        board=hardware.build.board.name,
        folding=folding_of(hardware.build),
        layers=hardware.nodes,
        weights=hardware.stitched.weights,
    )


def _compared(job: ModelJob, executors: Sequence[Executor]) -> Parity:
    names = PlainContract.load(job.folder.contract).output_names
    with tables.ladder() as (progress, _):
        return compare([Level.of(executor) for executor in executors], job.samples, names, progress, "frame")


def _demand_equality(job: ModelJob, found: Parity) -> None:
    """End where an executor differs.

    Raises:
        RuntimeError: One does.
    """
    if found.difference is not None:
        job.console.print(tables.parity(found))
        remarks = job.folder.read_report("lowering")["remarks"]
        raise RuntimeError(f"parity failed: {'; '.join([str(found.difference), *remarks])}")
