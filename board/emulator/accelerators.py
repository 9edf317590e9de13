# SPDX-License-Identifier: Apache-2.0
"""What stands behind the DMAs: the verilated accelerator, or the integer graph with the simulated timing."""

from __future__ import annotations

from collections import deque
from typing import Protocol

import numpy as np

from board.core.contract import AcceleratorContract
from board.core.graph import IntegerGraph
from board.simulation.harness import Simulation
from board.simulation.streams import DeadlockError

IN, OUT = "in0", "out0"
QUIET_CYCLES, BLIND_QUIET_CYCLES = 100_000, 2_000_000
"""Cycles without a beat anywhere after which none will come; more where streams inside the accelerator are not seen."""


class Accelerator(Protocol):
    """Bytes of frames in, bytes of frames out, as cycles pass."""

    def reset(self) -> None:
        """Forget all frames under way."""

    def feed(self, frame: np.ndarray) -> None:
        """Offer one more frame, uint8 (input_stream.frame_bytes,)."""

    def waiting(self) -> int:
        """Frames offered and not wholly accepted."""

    def allow(self, frames: int) -> None:
        """Let so many frames out, from now on; without that none leaves."""

    def take(self) -> np.ndarray:
        """Bytes that left since the last call, uint8."""

    def step(self, cycles: int) -> None:
        """Let time pass."""


class TimedAccelerator:
    """Computes with the integer graph; results leave when the hardware's would.

    Args:
        graph: What to compute.
        contract: Packing of both streams.
        first_out_cycles: From a frame's first pixel to its result.
        interval_cycles: Between successive frames at full rate.
    """

    def __init__(
        self, graph: IntegerGraph, contract: AcceleratorContract, first_out_cycles: int, interval_cycles: int
    ) -> None:
        if not 1 <= interval_cycles <= first_out_cycles:
            raise ValueError(
                f"need 1 <= interval_cycles <= first_out_cycles, got {interval_cycles} and {first_out_cycles}"
            )
        self._graph, self._contract = graph, contract
        self._latency, self._interval = first_out_cycles, interval_cycles
        self._capacity = -(-first_out_cycles // interval_cycles) + 1
        self._now = 0
        self.reset()

    def reset(self) -> None:
        """Forget all frames under way."""
        self._offered: deque[np.ndarray] = deque()
        self._inside: deque[tuple[int, np.ndarray]] = deque()  # when a result is ready, and its bytes
        self._free = self._now  # when the next frame can enter
        self._allowed = 0
        self._out: list[np.ndarray] = []

    def feed(self, frame: np.ndarray) -> None:
        """Offer one more frame."""
        self._free = max(self._free, self._now) if not self._offered else self._free
        self._offered.append(frame)

    def waiting(self) -> int:
        """Frames offered and not wholly accepted."""
        return len(self._offered) + (self._free > self._now)

    def allow(self, frames: int) -> None:
        """Let so many frames out, from now on."""
        self._allowed = frames

    def take(self) -> np.ndarray:
        """Bytes that left since the last call."""
        out = np.concatenate([np.empty(0, np.uint8), *self._out])
        self._out.clear()
        return out

    def step(self, cycles: int) -> None:
        """Let time pass."""
        end = self._now + cycles
        while True:
            leaves = self._inside[0][0] if self._inside and self._allowed else end + 1
            enters = self._free if self._offered and len(self._inside) < self._capacity else end + 1
            if min(leaves, enters) > end:
                break
            self._now = max(self._now, min(leaves, enters))
            if leaves <= enters:
                self._out.append(self._inside.popleft()[1])
                self._allowed -= 1
            else:
                self._inside.append((self._now + self._latency, self._compute(self._offered.popleft())))
                self._free = self._now + self._interval
        self._now = end

    def _compute(self, frame: np.ndarray) -> np.ndarray:
        stream = self._contract.input_stream
        pixels = stream.lane_rule.unpack(frame.reshape(-1, stream.bytes_per_beat))
        results = self._graph.run(pixels.reshape(1, *self._contract.shape))
        return self._contract.output_stream.lane_rule.pack(results).ravel()


class VerilatedAccelerator:
    """Drives the simulated RTL; once nothing moves in it, it is not simulated until something new is offered.

    Args:
        simulation: Of the whole accelerator; closed by its owner.
        contract: Packing of both streams.
    """

    def __init__(self, simulation: Simulation, contract: AcceleratorContract) -> None:
        self._simulation = simulation
        self._limit = QUIET_CYCLES if simulation.monitored else BLIND_QUIET_CYCLES
        self._input = contract.input_stream
        self._beats_out = contract.output_stream.beats_per_frame
        self.reset()

    def reset(self) -> None:
        """Forget all frames under way."""
        self._simulation.reset()
        self._queued = self._taken = 0
        self._simulation.feed(IN, np.empty((0, self._input.bytes_per_beat), np.uint8))
        self._simulation.expect(OUT, 0)
        self._idle_cycles = 0

    def feed(self, frame: np.ndarray) -> None:
        """Offer one more frame."""
        left = self._left()
        self._simulation.feed(IN, frame.reshape(-1, self._input.bytes_per_beat))
        self._queued = left + self._input.beats_per_frame
        self._idle_cycles = 0

    def waiting(self) -> int:
        """Frames offered and not wholly accepted."""
        return -(-self._left() // self._input.beats_per_frame)

    def allow(self, frames: int) -> None:
        """Let so many frames out, from now on."""
        self._simulation.expect(OUT, frames * self._beats_out)
        self._taken = self._idle_cycles = 0

    def take(self) -> np.ndarray:
        """Bytes that left since the last call."""
        beats = self._simulation.take(OUT)[0][self._taken :]
        self._taken += len(beats)
        return beats.ravel().copy()

    def step(self, cycles: int) -> None:
        """Let time pass."""
        if self._idle_cycles >= self._limit:
            return
        began = self._simulation.cycle
        try:
            self._simulation.step(cycles, self._limit)
        except DeadlockError:  # as it is meant to be behind a DMA that does not end
            self._idle_cycles = self._limit
            return
        left = cycles - (self._simulation.cycle - began)  # it returns as soon as all is through
        if left:
            self._simulation.idle(left)
            self._idle_cycles += left

    def _left(self) -> int:
        """Beats offered and not accepted."""
        return self._queued - len(self._simulation.take(IN)[0])
