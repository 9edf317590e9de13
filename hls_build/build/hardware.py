# SPDX-License-Identifier: Apache-2.0
"""From an integer graph to RTL, its simulation and its bitstream: the steps that every network has in common."""

from __future__ import annotations

import shutil
from typing import Protocol

from board.core.graph import IntegerGraph
from board.core.timing import UNMET
from hls_build import estimate
from hls_build.build.contract import Hardware
from hls_build.build_folder import BuildFolder
from hls_build.compiler import compile_graph
from hls_build.config.build import BuildConfig
from hls_build.finn_adapter import use_build_folder
from hls_build.rtl import stitch
from hls_build.simulation import verilator
from hls_build.simulation.open_rtl import compile_rtl
from hls_build.vivado import bitstream
from hls_build.vivado.tools import Tools


class Tell(Protocol):
    """Says a line of the step at work, in a style of rich."""

    def __call__(self, line: str, style: str = "") -> None:
        """Say it."""


def make_rtl(folder: BuildFolder, build: BuildConfig, graph: IntegerGraph) -> Hardware:
    """Write the FINN+ nodes of an integer graph, their RTL, and the estimate of what they take.

    Raises:
        ValueError: The folding is illegal, or FINN+ has no hardware for a layer.
    """
    use_build_folder(folder.finn)
    model = compile_graph(graph, build)
    model.save(str(folder.dataflow))
    stitched = stitch.stitch(model, folder.rtl, build.board.part, build.clk_period_ns)
    estimated = estimate.estimate(model, build)
    folder.write_report("estimate", estimated.as_json())
    for stale in (folder.report_file("synthesis"), folder.report_file("timing"), folder.timing_rows):
        stale.unlink(missing_ok=True)  # which was of other RTL
    return Hardware(build, stitched, tuple(node.name for node in model.graph.node))


def verilate(folder: BuildFolder, tell: Tell) -> None:
    """Compile the RTL to a shared library, or take it from the cache."""
    stitched = stitch.Stitched.load(folder.rtl)
    differences = verilator.differences([folder.rtl / name for name in stitched.sources])
    if differences:
        tell("it is the RTL that Vivado gets, but in these files Verilator reads something else:")
    for line in differences:
        tell(f"  {line}")
    library = compile_rtl(folder.rtl)
    folder.sim.mkdir(exist_ok=True)
    shutil.copyfile(library, folder.library)


def make_bitstream(
    folder: BuildFolder, build: BuildConfig, vivado: Tools | None, tell: Tell, accept_timing_failure: bool = False
) -> None:
    """Write the Vivado project, and make its bitstream where Vivado is, though its timing may not be met."""
    figures = bitstream.make(folder, build, vivado, tell, accept_timing_failure)
    folder.write_report("bitstream", figures)
    for line in bitstream.sentences(figures, folder, build.board, build.clock_mhz):
        tell(line, "bold red" if line.startswith(UNMET) else "")
