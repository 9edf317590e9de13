# SPDX-License-Identifier: Apache-2.0
"""The whole accelerator, simulated cycle by cycle: pictures in, accumulators of the last layer out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from board.contract import StreamPacking
from hls_build.sim import harness, verilator
from hls_build.sim.packing import Lanes
from hls_build.stitch import MONITOR, Stitched


@dataclass
class Run:
    """What a run of some frames gave.

    Attributes:
        accumulators: Integers of shape (N, outputs).
        first_out_cycles: Cycles from the first pixel offered to the first accumulator accepted.
        interval_cycles: Cycles between the last accumulators of successive frames, of shape (N - 1,).
        cycles: Of the whole run.
        cycles_per_second: Simulated per second of wall time.
        streams: Counters of every stream, of the accelerator's own and of those inside it.
        fifo_fill: Highest fill of every FIFO since the start of the simulation, in beats.
    """

    accumulators: np.ndarray
    first_out_cycles: int
    interval_cycles: np.ndarray
    cycles: int
    cycles_per_second: float
    streams: dict[str, harness.Counters]
    fifo_fill: dict[str, int]


def compile_rtl(folder: Path, trace: bool = False) -> Path:
    """Verilate the RTL folder of a build, or find it in the cache; return the shared library."""
    stitched = Stitched.load(folder)
    sources = [folder / name for name in (*stitched.sources, stitched.monitor)]
    return verilator.build(sources, MONITOR, trace=trace)


class Accelerator:
    """A live simulation of a build's RTL.

    Args:
        rtl: RTL folder, which the memory files are read from.
        library: What compile_rtl made; None compiles.
        trace: FST file to write waves to.
    """

    def __init__(self, rtl: Path, library: Path | None = None, trace: Path | None = None) -> None:
        self.stitched = Stitched.load(rtl)
        self._input, self._output = _lanes(self.stitched.input_stream), _lanes(self.stitched.output_stream)
        self._simulation = harness.Simulation(
            library or compile_rtl(rtl, trace is not None),
            workdir=rtl,
            trace=trace,
            monitored=self.stitched.streams,
            fifos=self.stitched.fifos,
        )

    def close(self) -> None:
        """End the simulation and flush its waves."""
        self._simulation.close()

    def __enter__(self) -> Accelerator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self,
        faces: np.ndarray,
        stall: str = "none",
        seed: int = 1,
        progress: Callable[[int], None] | None = None,
    ) -> Run:
        """Stream pictures through, back to back.

        Args:
            faces: Of shape (N, H, W, 3), uint8.
            stall: Which ends hold back at random.
            seed: Of the stalls.
            progress: Called with the cycle count a few times a second.

        Raises:
            ValueError: A picture has another size.
            DeadlockError: The accelerator got stuck; the text names the stream.
        """
        stream = self.stitched.input_stream
        elements = stream.lanes * stream.beats_per_frame
        if faces.dtype != np.uint8 or faces.ndim != 4 or faces[0].size != elements:
            raise ValueError(f"need uint8 pictures of {elements} elements, got {faces.dtype} {faces.shape}")
        beats = self.stitched.output_stream.beats_per_frame
        result = self._simulation.run(
            {"in0": self._input.pack(faces)},
            {"out0": beats * len(faces)},
            stall=stall,
            seed=seed,
            progress=progress,
        )
        assert result.first_out_cycle is not None
        return Run(
            accumulators=self._output.unpack(result.outputs["out0"]).reshape(len(faces), -1),
            first_out_cycles=result.first_out_cycle,
            interval_cycles=np.diff(result.stamps["out0"][beats - 1 :: beats].astype(np.int64)),
            cycles=result.cycles,
            cycles_per_second=result.cycles / result.wall_s,
            streams={**result.streams, **result.internal},
            fifo_fill=result.fifo_fill,
        )


def _lanes(stream: StreamPacking) -> Lanes:
    return Lanes(stream.lanes, stream.bits, stream.signed)
