# SPDX-License-Identifier: Apache-2.0
"""The whole accelerator, simulated cycle by cycle: pictures in, accumulators of the last layer out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from board.core.contract import StreamPacking
from board.core.weights import Weights
from board.simulation.harness import Simulation
from board.simulation.streams import Counters


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
    streams: dict[str, Counters]
    fifo_fill: dict[str, int]


def feed_weights(simulation: Simulation, weights: Weights, path: Path) -> None:
    """Offer a simulated accelerator the weights that it takes in as streams, frame after frame, as a shell does.

    Raises:
        ValueError: The file is missing, or another build's.
    """
    for stream, beats in weights.beats(weights.read(path)):
        simulation.feed_endlessly(stream, beats)


class SimulatedAccelerator:
    """A live simulation.

    Args:
        simulation: Of the verilated accelerator; `close` ends it.
        input_stream: Packing of its input.
        output_stream: Packing of its output.
    """

    def __init__(self, simulation: Simulation, input_stream: StreamPacking, output_stream: StreamPacking) -> None:
        self.input_stream, self.output_stream = input_stream, output_stream
        self.simulation = simulation

    def close(self) -> None:
        """End the simulation and flush its waves."""
        self.simulation.close()

    def __enter__(self) -> SimulatedAccelerator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self,
        faces: np.ndarray,
        stall: str = "none",
        seed: int = 1,
        progress: Callable[[int], None] | None = None,
        pace_cycles: int | None = None,
    ) -> Run:
        """Stream pictures through, back to back.

        Args:
            faces: Of shape (N, H, W, 3), uint8.
            stall: Which ends hold back at random.
            seed: Of the stalls.
            progress: Called with the cycle count a few times a second.
            pace_cycles: Cycles over which the beats of a frame are offered evenly; None offers them at once.

        Raises:
            ValueError: A picture has another size.
            DeadlockError: The accelerator got stuck; the text names the stream.
        """
        elements = self.input_stream.elements
        if faces.dtype != np.uint8 or faces.ndim != 4 or faces[0].size != elements:
            raise ValueError(f"need uint8 pictures of {elements} elements, got {faces.dtype} {faces.shape}")
        beats = self.output_stream.beats_per_frame
        result = self.simulation.run(
            {"in0": self.input_stream.lane_rule.pack(faces)},
            {"out0": beats * len(faces)},
            stall=stall,
            seed=seed,
            progress=progress,
            pace={"in0": pace_cycles / self.input_stream.beats_per_frame} if pace_cycles else {},
        )
        assert result.first_out_cycle is not None
        return Run(
            accumulators=self.output_stream.lane_rule.unpack(result.outputs["out0"]).reshape(len(faces), -1),
            first_out_cycles=result.first_out_cycle,
            interval_cycles=np.diff(result.stamps["out0"][beats - 1 :: beats].astype(np.int64)),
            cycles=result.cycles,
            cycles_per_second=result.cycles / result.wall_s,
            streams={**result.streams, **result.internal},
            fifo_fill=result.fifo_fill,
        )
