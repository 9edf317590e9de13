# SPDX-License-Identifier: Apache-2.0
"""Verilate a build's RTL and open the result as a live accelerator."""

from __future__ import annotations

from pathlib import Path

from board.core.weights import FILE as WEIGHTS
from board.simulation.accelerator import SimulatedAccelerator, feed_weights
from board.simulation.harness import Simulation
from hls_build.rtl.stitch import MONITOR, Stitched
from hls_build.simulation import verilator


def compile_rtl(folder: Path, trace: bool = False, primitives: bool = False) -> Path:
    """Verilate the RTL folder of a build, or find it in the cache; return the shared library.

    Args:
        folder: RTL folder.
        trace: Whether it may write waves.
        primitives: Whether multipliers are read as they are synthesized, see `verilator.build`.
    """
    stitched = Stitched.load(folder)
    sources = [folder / name for name in (*stitched.sources, stitched.monitor)]
    return verilator.build(sources, MONITOR, trace=trace, primitives=primitives)


def open_rtl(
    rtl: Path, library: Path | None = None, trace: Path | None = None, trusted: bool = False
) -> SimulatedAccelerator:
    """A live simulation of a build's RTL.

    Args:
        rtl: RTL folder, which the memory files are read from.
        library: What compile_rtl made; None compiles.
        trace: FST file to write waves to.
        trusted: Run the library wherever it comes from; otherwise only where it was built here.
    """
    stitched = Stitched.load(rtl)
    simulation = Simulation(
        library or compile_rtl(rtl, trace is not None),
        workdir=rtl,
        trace=trace,
        monitored=stitched.streams,
        fifos=stitched.fifos,
        trusted=trusted,
    )
    if stitched.weights is not None:
        feed_weights(simulation, stitched.weights, rtl / WEIGHTS)
    return SimulatedAccelerator(simulation, stitched.input_stream, stitched.output_stream)
