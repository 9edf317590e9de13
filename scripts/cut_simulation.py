#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What cutting a simulation at a FIFO into two processes could gain: CPU time of the whole and of each part.

    scripts/cut_simulation.py hls_build/config/builds/pynq-z2_tiny.toml                       FIFOs that join two parts
    scripts/cut_simulation.py hls_build/config/builds/pynq-z2_tiny.toml --at conv4_in0_fifo   one of them measured

Each part is simulated by itself, its input at the pace of the whole, so that both live through the same cycles. Two
processes are then at best as fast as the slower part, if they cost nothing to keep in step; two processes with half of
the frames each need no keeping in step.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from qonnx.core.modelwrapper import ModelWrapper

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from hls_build.build.shipped import integer_graph
from hls_build.compiler import compile_graph
from hls_build.config.build import BuildConfig, load_build
from hls_build.finn_adapter import execute, operator
from hls_build.rtl.stitch import stitch, wires_of
from hls_build.rtl.streams import streams_of
from hls_build.simulation.open_rtl import open_rtl
from qnn.data.example import example_faces
from qnn.network.presets import shipped_checkpoint

Beats = npt.NDArray[np.uint8]


def cuts(model: ModelWrapper) -> Iterator[tuple[str, int, int]]:
    """FIFOs, their depths, and how many streams lead from what is before them to what is behind."""
    place = {node.name: number for number, node in enumerate(model.graph.node)}
    inner = [wire for wire in wires_of(model).values() if wire.is_inner]
    for number, node in enumerate(model.graph.node):
        if node.op_type == "StreamingFIFO_rtl":
            crossing = sum(place[wire.source] <= number < place[wire.sink] for wire in inner)
            yield node.name, operator(node).get_nodeattr("depth"), crossing


def part(model: ModelWrapper, first: int, end: int) -> ModelWrapper:
    """Some nodes of a chain as a graph of their own."""
    cut = ModelWrapper(model.model, make_deepcopy=True)
    nodes = list(cut.graph.node)
    ends = (cut.graph.input, nodes[first].input[0]), (cut.graph.output, nodes[end - 1].output[0])
    known = {info.name: info for info in (*cut.graph.input, *cut.graph.output, *cut.graph.value_info)}
    for node in (*nodes[:first], *nodes[end:]):
        cut.graph.node.remove(node)
    for listed, name in ends:
        info = known[name]
        if info in cut.graph.value_info:
            cut.graph.value_info.remove(info)
        del listed[:]
        listed.append(info)
    return cut


def fed(model: ModelWrapper, tensor: str, frames: npt.NDArray[np.uint8]) -> Beats:
    """What a stream carries while frames pass."""
    packing = next(stream.packing for stream in streams_of(model) if stream.tensor == tensor)
    values: list[npt.NDArray[np.int64]] = []

    def keep(name: str, value: npt.NDArray[np.generic]) -> None:
        if name == tensor:
            values.append(value.astype(np.int64).ravel())

    execute(model, frames, keep)
    return packing.lane_rule.pack(np.concatenate(values or [frames.astype(np.int64).ravel()]))


def measured(model: ModelWrapper, beats: Beats, expected: Beats, build: BuildConfig, pace: float) -> tuple[int, float]:
    """Cycles of a run of a part, whose answer must be right, and the CPU seconds that they took."""
    with tempfile.TemporaryDirectory() as folder:
        stitch(model, Path(folder) / "rtl", build.board.part, build.clk_period_ns)
        with open_rtl(Path(folder) / "rtl") as live:
            begun = time.process_time()
            ran = live.simulation.run({"in0": beats}, {"out0": len(expected)}, pace={"in0": pace})
            taken_s = time.process_time() - begun
            np.testing.assert_array_equal(ran.outputs["out0"], expected)
            return ran.cycles, taken_s


def main() -> None:
    """List the FIFOs, or measure a cut."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="a build's TOML file, of a network in the repository")
    parser.add_argument("--at", metavar="FIFO", help="where to cut")
    parser.add_argument("--frames", type=int, default=3, help="faces that pass")
    options = parser.parse_args()
    build = load_build(options.config)
    model = compile_graph(integer_graph(shipped_checkpoint(build.preset)), build)
    nodes = list(model.graph.node)
    names = [node.name for node in nodes]
    if options.at is None:
        for name, depth, crossing in cuts(model):
            print(f"{name}: {depth} beats, {crossing} streams cross, node {names.index(name) + 1} of {len(names)}")
        return
    if options.at not in {name for name, _, crossing in cuts(model) if crossing == 1}:
        parser.error(f"--at must name a FIFO that alone joins two parts, got {options.at}")
    at, faces = names.index(options.at) + 1, example_faces(options.frames)
    pixels = fed(model, model.graph.input[0].name, faces)
    sums = fed(model, model.graph.output[0].name, faces)
    cycles, whole_s = measured(model, pixels, sums, build, 0.0)
    per_cycle = {"whole": whole_s / cycles}
    for name, first, end in (("before", 0, at), ("behind", at, len(names))):
        beats, answer = (fed(model, t, faces) for t in (nodes[first].input[0], nodes[end - 1].output[0]))
        lived, cpu_s = measured(part(model, first, end), beats, answer, build, cycles / len(beats))
        per_cycle[name] = cpu_s / lived
    for name, seconds in per_cycle.items():
        print(f"{name}: {seconds * 1e6:.2f} us of CPU a cycle, {seconds / per_cycle['whole']:.0%}")
    print(f"at best {per_cycle['whole'] / max(per_cycle['before'], per_cycle['behind']):.2f} times as fast")


if __name__ == "__main__":
    main()
