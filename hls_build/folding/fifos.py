# SPDX-License-Identifier: Apache-2.0
"""Size FIFOs by simulation: as deep as they get while pixels come at the accelerator's own rate.

A build's rules give every FIFO room for the worst case. With pixels offered evenly over an interval, a FIFO holds no
more than the schedule needs; and a network whose FIFOs hold what some schedule needs is never slower than that
schedule, however its input comes. What bursts out behind an attention gate fills its FIFO whatever its depth: those
keep their rule's depth where it is smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from board.core.graph import IntegerGraph
from board.simulation.accelerator import Run
from hls_build import dataflow
from hls_build.config.build import BuildConfig
from hls_build.config.folding import Folding
from hls_build.dataflow import rules
from hls_build.estimate import Estimate, estimate
from hls_build.finn_adapter import operator
from hls_build.rtl import stitch
from hls_build.simulation.accelerator import open_rtl

GAP = 1.002
"""Most that an interval may be above the slowest layer's cycles."""
LATENCY_BEATS = 4
"""A FIFO that never holds more is but a register on the way."""
STALL_SEED = 7


@dataclass(frozen=True)
class Sizing:
    """What a sizing found.

    Attributes:
        config: The build with its new depths.
        depths: Beats of every FIFO before and after, 0 where it is gone.
        bits: Of all FIFOs together, before and after.
        interval_cycles: At full rate with the new depths.
        slowest_layer_cycles: What the interval is compared with.
    """

    config: BuildConfig
    depths: Mapping[str, tuple[int, int]]
    bits: tuple[int, int]
    interval_cycles: int
    slowest_layer_cycles: int


def size(
    graph: IntegerGraph,
    build: BuildConfig,
    faces: npt.NDArray[np.uint8],
    folder: Path,
    report: Callable[[str], None] = print,
) -> Sizing:
    """Simulate with the rules' depths and paced input, shrink, and confirm at full rate and with random stalls.

    Args:
        graph: Network.
        build: Its folding; depths in it are the most that a FIFO may get.
        faces: At least three, of shape (N, H, W, 3), uint8.
        folder: Where RTL is written.
        report: Told what begins.

    Raises:
        ValueError: Fewer than three faces.
        RuntimeError: With the new depths the accelerator is slower, or its results differ.
    """
    if len(faces) < 3:
        raise ValueError(f"need at least 3 faces to see a steady rate, got {len(faces)}")
    report("with the rules' depths, pixels at the accelerator's rate")
    before, estimated = _compile(graph, build, folder / "rules")
    slowest = estimated.slowest_layer_cycles
    paced = _run(folder / "rules", faces, pace_cycles=round(slowest * (1 + GAP) / 2))
    depths = {name: _needed(name, depth, paced.fifo_fill) for name, (depth, _) in before.items()}
    sized = replace(build, folding=_with_depths(graph, build, depths))
    report("with the sized depths, at full rate and with random stalls")
    after, _ = _compile(graph, sized, folder / "sized")
    expected = graph.run(faces.astype(np.int64)).reshape(len(faces), -1)
    full = _run(folder / "sized", faces)
    _check(full, expected, max(GAP * slowest, float(np.median(paced.interval_cycles))))
    stalled = _run(folder / "sized", faces[:2], stall="both")
    _check(stalled, expected[:2], None)
    pairs = {name: (depth, after.get(name, (0, 0))[0]) for name, (depth, _) in before.items()}
    bits = (_bits(before), _bits(after))
    return Sizing(sized, pairs, bits, int(np.median(full.interval_cycles)), slowest)


def _compile(graph: IntegerGraph, build: BuildConfig, rtl: Path) -> tuple[dict[str, tuple[int, int]], Estimate]:
    """RTL of a build; depth and width in bits of its FIFOs, and its estimate."""
    model = dataflow.build(graph, build)
    stitch.stitch(model, rtl, build.board.part, build.clk_period_ns)
    fifos = [node for node in model.graph.node if node.op_type == "StreamingFIFO_rtl"]
    found = {node.name: (operator(node).get_nodeattr("depth"), operator(node).get_instream_width()) for node in fifos}
    return found, estimate(model, build)


def _run(rtl: Path, faces: npt.NDArray[np.uint8], stall: str = "none", pace_cycles: int | None = None) -> Run:
    with open_rtl(rtl) as live:
        return live.run(faces, stall, STALL_SEED, pace_cycles=pace_cycles)


def _needed(name: str, depth: int, fill: Mapping[str, int]) -> int:
    """Depth that a FIFO gets: its fill, rounded up to what its memory holds anyway; never above the rule's."""
    if fill[name] <= LATENCY_BEATS:
        return 0
    return min(depth, rules.whole_memory_depth(fill[name]))


def _with_depths(graph: IntegerGraph, build: BuildConfig, depths: Mapping[str, int]) -> dict[str, Folding]:
    """The folding with every FIFO's depth said."""
    result = {}
    for node in graph.nodes:
        inputs = tuple(depths.get(f"{node.name}_in{index}_fifo", 0) for index in range(len(node.inputs)))
        window = depths.get(f"{node.name}_window_fifo")
        folding = build.folding.get(node.name, Folding())
        if window is not None:
            folding = replace(folding, window_fifo_depth=window)
        if any(f"{node.name}_in{index}_fifo" in depths for index in range(len(node.inputs))):
            folding = replace(folding, fifo_depths=inputs)
        if folding != Folding():
            result[node.name] = folding
    return result


def _check(run: Run, expected: npt.NDArray[np.integer[Any]], most_cycles: float | None) -> None:
    """Hold a run to its results and its rate."""
    if (run.accumulators != expected).any():
        raise RuntimeError("the accelerator with sized FIFOs gives other results than the integer graph")
    interval = np.median(run.interval_cycles)
    if most_cycles is not None and interval > most_cycles:
        raise RuntimeError(f"with sized FIFOs a frame takes {interval:,.0f} cycles, need at most {most_cycles:,.0f}")


def _bits(fifos: Mapping[str, tuple[int, int]]) -> int:
    return sum(depth * width for depth, width in fifos.values())
