# SPDX-License-Identifier: Apache-2.0
"""Proof of a build: faces through all its executors, compared by `==`, and through its RTL, cycle by cycle."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from board.core.contract import AcceleratorContract, Contract
from board.core.frames import load_frames
from board.core.graph import IntegerGraph
from board.core.plain_contract import read_contract
from board.executors.numpy_executor import NumpyExecutor
from board.executors.rtl_executor import RtlExecutor
from board.faces.load import load_faces
from board.parity import Level, Parity, compare
from board.progress import counter
from board.simulation.accelerator import Run
from hls_build.build import console as tables
from hls_build.build_folder import BuildFolder
from hls_build.parity import fast
from hls_build.parity.executors import software
from hls_build.simulation.open_rtl import open_rtl
from qnn.data.finder import finder
from qnn.network.presets import checkpoint_of

FREE = ("none", 1)
"""Stall pattern and seed of a run that nothing holds back."""


def prove(
    folder: BuildFolder,
    checkpoint: Path | None,
    faces: npt.NDArray[np.uint8],
    rtl_count: int | None = None,
    stalls: tuple[tuple[str, int], ...] = (FREE,),
    trusted: bool = False,
) -> tuple[Parity, list[Run]]:
    """Compare every executor of a build with the quantized network in torch, or a user's model in qonnx.

    Args:
        folder: Of a build that got as far as its verilated RTL.
        checkpoint: What it was made from; None of a user's own model.
        faces: uint8 of shape (N, 48, 48, 3), or frames of a user's model, N at least 1.
        rtl_count: Faces, at most, on the RTL; None for all, 0 leaves it out.
        stalls: Pattern and seed of every run of the RTL.
        trusted: Run it wherever it was built; otherwise only where that was here.

    Returns:
        What was found, and what each run of the RTL took.
    """
    levels = [Level.of(executor) for executor in software(folder, checkpoint)]
    with tables.ladder() as (progress, cycles), ExitStack() as opened:
        rtl = []
        for stall in stalls if rtl_count != 0 else ():
            live = opened.enter_context(open_rtl(folder.rtl, folder.library, trusted=trusted))
            rtl.append(RtlExecutor(live, *stall, cycles))
        levels += [Level.of(executor, rtl_count, batch=None) for executor in rtl]
        contract = read_contract(folder.contract)
        found = compare(levels, faces, contract.output_names, progress, _sample(contract))
    return found, [run for executor in rtl for run in executor.runs]


def parity(
    root: Path, path: Path, count: int, rtl_count: int, stalls: int | None, console: Console, trusted: bool = False
) -> Parity:
    """Compare every executor of a finished build over a person's faces.

    Args:
        root: Folder of the build.
        path: A picture, a folder of pictures or a numpy file, read as the build's contract says; of a user's model an
            .npy of its frames.
        count: How many faces of it.
        rtl_count: Faces, at most, on the RTL; 0 leaves it out.
        stalls: Seed of a second run of the RTL, which stalls at both ends; None for no such run.
        console: Where a person reads.
        trusted: Run a build wherever it was made; otherwise only one that was made here.

    Raises:
        ValueError: There is no such build, or the faces cannot be read.
        RuntimeError: The build was not made here and is not trusted.
    """
    folder = _finished(root, trusted)
    faces = _faces(folder, path, count)
    patterns = (FREE,) if stalls is None else (FREE, _stall(stalls))
    named = folder.read_state().checkpoint
    checkpoint = checkpoint_of(named, folder.root) if named else None
    found, _ = prove(folder, checkpoint, faces, rtl_count, patterns, trusted)
    console.print(tables.parity(found))
    console.print(found.verdict())
    return found


def simulate(
    root: Path,
    path: Path,
    count: int,
    stalls: int | None,
    trace: Path | None,
    console: Console,
    trusted: bool = False,
) -> dict[str, Any]:
    """Run a person's faces through a build's RTL and compare with its integer graph.

    Args:
        root: Folder of the build.
        path: A picture, a folder of pictures or a numpy file, read as the build's contract says; of a user's model an
            .npy of its frames.
        count: How many faces of it.
        stalls: Seed of random stalls at both ends; None for none.
        trace: Write waves to this .fst file.
        console: Where a person reads.
        trusted: Run a build wherever it was made; otherwise only one that was made here.

    Returns:
        Frames, mismatches, cycles, speed and the counters of every stream.

    Raises:
        ValueError: There is no such build, or the faces cannot be read.
        RuntimeError: The build was not made here and is not trusted.
    """
    folder = _finished(root, trusted)
    faces = _faces(folder, path, count)
    expected = NumpyExecutor(IntegerGraph.load(folder.integer)).accumulators(faces)
    library = None if trace else folder.library
    with open_rtl(folder.rtl, library, trace, trusted) as live, counter("simulating", "cycles") as progress:
        executor = RtlExecutor(live, *_stall(stalls), progress)
        answer = executor.accumulators(faces)
    contract = read_contract(folder.contract)
    result = figures(folder, executor.runs[0], int((answer != expected).any(axis=1).sum()))
    if isinstance(contract, Contract):
        console.print(tables.action_units(contract, answer[:1]))
    console.print(tables.speed(result, contract.clock_mhz))
    console.print(f"{result['mismatches']} of {len(faces)} {_sample(contract)}s differ from the integer graph")
    return result


def simulate_fast(root: Path, path: Path, count: int, console: Console) -> dict[str, Any]:
    """Run a person's faces through a build's FINN+ graph, beat by beat, and compare with its integer graph.

    Args:
        root: Folder of a build that got as far as its RTL, verilated or not.
        path: As `simulate` takes it.
        count: How many faces of it.
        console: Where a person reads.

    Returns:
        Frames, mismatches, and how many beats each stream carried.

    Raises:
        ValueError: There is no such build, the faces cannot be read, or a stream cannot carry what it is given.
    """
    folder = BuildFolder(root)
    folder.check_finished("compile")
    folder.check_unchanged("compile")
    faces = _faces(folder, path, count)
    expected = NumpyExecutor(IntegerGraph.load(folder.integer)).accumulators(faces)
    with counter("carrying", "frames") as progress:
        found = fast.run(folder.read_dataflow(), faces, progress)
    mismatches = int((found.accumulators != expected).any(axis=1).sum())
    busiest = max(found.beats, key=lambda name: found.beats[name])
    most, sample = found.beats[busiest] // len(faces), _sample(read_contract(folder.contract))
    console.print(f"{len(found.beats)} streams, {most:,} beats a frame at most ({busiest})")
    console.print(f"{mismatches} of {len(faces)} {sample}s differ from the integer graph")
    return {
        "frames": len(faces),
        "mismatches": mismatches,
        "streams": {name: {"beats": beats} for name, beats in found.beats.items()},
    }


def figures(folder: BuildFolder, run: Run, mismatches: int) -> dict[str, Any]:
    """What a person and a program want to know of one simulated run."""
    slowest = folder.read_report("estimate")["slowest_layer_cycles"]
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


def _finished(root: Path, trusted: bool) -> BuildFolder:
    """A build that got as far as its verilated RTL, which was made here unless it is trusted."""
    folder = BuildFolder(root)
    folder.check_finished("verilate")
    if not trusted:
        folder.check_made_here()
        folder.check_unchanged("compile", "verilate")
    return folder


def _faces(folder: BuildFolder, path: Path, count: int) -> npt.NDArray[np.uint8]:
    """Faces (count, 48, 48, 3) as a build's contract wants them cut and coloured, or frames of a user's model."""
    contract = read_contract(folder.contract)
    if not isinstance(contract, Contract):
        return load_frames(path, contract.shape, count)
    rule = contract.input
    return load_faces(path, finder().search_still, count, rule.colour, rule.crop_margin, rule.upright)


def _sample(contract: AcceleratorContract) -> str:
    """What a contract's frames are called."""
    return "face" if isinstance(contract, Contract) else "frame"


def _stall(seed: int | None) -> tuple[str, int]:
    return FREE if seed is None else ("both", seed)
