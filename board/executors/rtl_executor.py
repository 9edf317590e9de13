# SPDX-License-Identifier: Apache-2.0
"""The verilated RTL: the accelerator cycle by cycle, seconds per face."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from board.simulation.accelerator import Run, SimulatedAccelerator

if TYPE_CHECKING:  # its import takes a board's time
    import numpy.typing as npt


class RtlExecutor:
    """Streams faces through a live simulation of the whole accelerator, back to back.

    It shows no layers: the values of the streams inside never leave the simulation, which counts their beats only.

    Args:
        accelerator: The simulation, which `close` ends.
        stall: Which ends of the accelerator hold back at random, one of board.simulation.streams.STALLS.
        seed: Of the stalls.
        progress: Called with the cycles of the run so far, a few times a second.

    Attributes:
        runs: What each call of `accumulators` took in cycles, with the counters of every stream; kept after `close`.
    """

    description = "verilated RTL, cycle by cycle"
    output = "stream out0"

    def __init__(
        self,
        accelerator: SimulatedAccelerator,
        stall: str = "none",
        seed: int = 1,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self.name = "rtl" if stall == "none" else f"rtl, {stall} stalling"
        self.runs: list[Run] = []
        self._accelerator = accelerator
        self._stall, self._seed, self._progress = stall, seed, progress

    def accumulators(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Faces, uint8 (N, 48, 48, 3), to integers, int64 (N, AUs), in one run.

        Raises:
            ValueError: Faces have another type or shape.
            DeadlockError: The accelerator got stuck; the text names the stream.
        """
        self.runs.append(self._accelerator.run(faces, self._stall, self._seed, self._progress))
        return self.runs[-1].accumulators

    def close(self) -> None:
        """End the simulation and flush its waves."""
        self._accelerator.close()
