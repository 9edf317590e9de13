# SPDX-License-Identifier: Apache-2.0
"""When each stream inside an accelerator passed which frame, seen in a simulation at full rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from board.core.files import write_npz
from board.core.reading import parsing, read_arrays
from board.simulation.accelerator import SimulatedAccelerator

SAMPLES_PER_INTERVAL = 400
IDLE_CYCLES = 100_000
"""Cycles without a handshake that count as a deadlock."""


@dataclass(frozen=True)
class Timeline:
    """Samples of a run that began with an empty accelerator and ended with the last result.

    Attributes:
        frames: That went through.
        cycles: Of each sample since the first pixel was offered, of shape (T,).
        beats: That each stream had passed by then, of shape (T,).
    """

    frames: int
    cycles: np.ndarray
    beats: Mapping[str, np.ndarray]

    def begin(self, stream: str, frame: int) -> int:
        """Cycle by which the first beat of a frame had passed."""
        return self._passed(stream, self._per_frame(stream) * frame + 1)

    def end(self, stream: str, frame: int) -> int:
        """Cycle by which the last beat of a frame had passed."""
        return self._passed(stream, self._per_frame(stream) * (frame + 1))

    def save(self, path: Path) -> None:
        """Write an .npz."""
        names = list(self.beats)
        table = np.stack([self.beats[name] for name in names])
        write_npz(
            path, {"frames": np.array(self.frames), "cycles": self.cycles, "names": np.array(names), "beats": table}
        )

    @classmethod
    def load(cls, path: Path) -> Timeline:
        """Read what `save` wrote.

        Raises:
            ValueError: It is missing or broken.
        """
        what, remedy = "the timeline of a build", "delete it, and `auflow report` records another"
        arrays = read_arrays(path, what, remedy)
        with parsing(path, what, remedy):
            names, table, cycles = arrays["names"], arrays["beats"], arrays["cycles"]
            if table.shape != (*names.shape, *cycles.shape):
                raise ValueError(
                    f"{what} must have a row for each name and a column for each cycle, got {table.shape} for"
                    f" {names.shape} and {cycles.shape}"
                )
            return cls(int(arrays["frames"]), cycles, dict(zip(names.tolist(), table, strict=True)))

    def _per_frame(self, stream: str) -> int:
        return int(self.beats[stream][-1]) // self.frames

    def _passed(self, stream: str, beats: int) -> int:
        return int(self.cycles[np.searchsorted(self.beats[stream], beats)])


def record(
    live: SimulatedAccelerator, faces: np.ndarray, interval_cycles: int, progress: Callable[[int], None] | None = None
) -> Timeline:
    """Stream faces through back to back and look at all streams a few hundred times per interval.

    Args:
        live: Just opened.
        faces: Of shape (N, H, W, 3), uint8.
        interval_cycles: What the accelerator takes per frame, about.
        progress: Called with the cycle count.

    Raises:
        DeadlockError: The accelerator got stuck.
    """
    simulation = live.simulation
    simulation.feed("in0", live.input_stream.lane_rule.pack(faces))
    simulation.expect("out0", live.output_stream.beats_per_frame * len(faces))
    every = max(1, interval_cycles // SAMPLES_PER_INTERVAL)
    start, cycles, rows, done = simulation.cycle, [], [], False
    while not done:
        done = simulation.step(every, IDLE_CYCLES)
        counters = simulation.counters()
        cycles.append(simulation.cycle - start)
        rows.append([counter.beats for counter in counters.values()])
        if progress is not None:
            progress(cycles[-1])
    columns = np.array(rows, np.int64).T
    return Timeline(len(faces), np.array(cycles), dict(zip(counters, columns, strict=True)))
