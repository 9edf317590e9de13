# SPDX-License-Identifier: Apache-2.0
"""The RTL of a shell as a board that the driver's parts run on: fabric, memory and time."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from shells import BEATS, LANES

from board.driver.debug import DebugBlock
from board.driver.faults import Cause
from board.driver.iodma import Iodma
from board.driver.shell import DEBUG_BASE, IDMA_BASE, ODMA_BASE, Window
from board.driver.transfer import UNKNOWN_PACE, Slot, Transfer
from board.driver.watermark import Watermark
from board.emulator.memory import Memory
from board.emulator.shell import CHUNK_CYCLES, OKAY, RtlFabric
from hls_build.shell.spec import ShellSpec

FRAMES, TIMEOUT_S, CLOCK_HZ = 4, 1e-3, 100e6
"""Of a batch, until a transfer counts as hung, of the accelerator."""
FRAME_BYTES = BEATS * LANES
"""Of the stand-in's input."""


class Buffer(np.ndarray):
    """What pynq.allocate gives, without a cache."""

    device_address = 0

    def flush(self) -> None:
        """Nothing to do."""

    def invalidate(self) -> None:
        """Nothing to do."""


class FaultyFabric(RtlFabric):
    """The programmable logic with a memory, or somebody else, who does wrong at a frame: one of FAULTS.

    Frames are counted by those that reached memory, so one that must be tried again keeps its number.
    """

    kind, at, again = "", 0, False
    _written, _read, _struck = 0, 0, False

    def plan(self, kind: str, at: int, again: bool = False) -> None:
        """Let it happen at a frame from now, once or with every attempt."""
        self.kind, self.at, self.again = kind, at, again
        self._written = self._read = 0

    def reset(self) -> None:
        super().reset()
        if self._struck:
            self.silent = self.refuses = self._struck = False
        self._read = self._written * FRAME_BYTES

    def _write(self, address: int, words: np.ndarray) -> None:
        kind = self._due("write", self._written)
        if kind == "resets in mid-frame":
            self.reset()
        elif kind == "forgets a write":
            self._simulation.feed("s_axis_b", np.array([[OKAY]], np.uint8))
        elif not self.silent:
            super()._write(address, words)
            self._written += not self._struck

    def _bursts(self, stream: str) -> list[tuple[int, int]]:
        found = super()._bursts(stream)
        if stream == "m_axis_ar" and found:
            self._due("read", self._read // FRAME_BYTES)
            self._read += sum(words * self._word for _, words in found)
        return [] if self.silent else found

    def _due(self, way: str, frame: int) -> str:
        """The kind of wrong that happens now, if any."""
        if self._struck:
            self.refuses = False
        if self._struck or not self.kind or FAULTS[self.kind][0] != way or frame != self.at:
            return ""
        kind, self._struck = self.kind, True
        self.silent, self.refuses = kind.startswith("never"), kind.startswith("refuses")
        self.kind = kind if self.again else ""
        return kind


FAULTS = {
    "never answers a write": ("write", Cause.HANG, "did not end, no frame for 0.001 s"),
    "never answers a read": ("read", Cause.HANG, "did not end, no frame for 0.001 s"),
    "forgets a write": ("write", Cause.SHORT, "odma0 ended short"),
    "refuses a write": ("write", Cause.ERROR, "odma0 reports an error"),
    "refuses a read": ("read", Cause.ERROR, "idma0 reports an error"),
    "resets in mid-frame": ("write", Cause.STOPPED, "went idle before its end, as after a reset in mid-frame"),
}
"""What may go wrong: by what it happens, what the driver takes it for, and what it says."""


@dataclass
class Board:
    """A fabric of RTL with memory, time, both DMAs, the debug block and the interrupt line to the processor.

    Attributes:
        line_is: What the line shows instead of the shell's interrupt, None for that.
        naps: How often somebody slept.
        waits: How often somebody waited for the line.
    """

    spec: ShellSpec
    fabric: RtlFabric
    memory: Memory
    cycles: int = 0
    line_is: bool | None = None
    naps: int = 0
    waits: int = 0

    def __post_init__(self) -> None:
        idma, odma, debug = (Window(self.fabric.registers, base) for base in (IDMA_BASE, ODMA_BASE, DEBUG_BASE))
        self.dmas = Iodma(idma, "idma0"), Iodma(odma, "odma0")
        self.debug = DebugBlock(debug, self.spec.streams, self)
        streams = self.spec.input_stream, self.spec.output_stream
        buffers = [self.allocate(stream.frame_bytes) for stream in streams * 2]
        self.slots = Slot(*buffers[:2]), Slot(*buffers[2:])

    def monotonic(self) -> float:
        return self.cycles / CLOCK_HZ

    def sleep(self, seconds: float, /) -> None:
        self.naps += 1
        self._advance(max(1, round(seconds * CLOCK_HZ)))

    def wait(self, timeout_s: float) -> bool:
        self.waits += 1
        end = self.monotonic() + timeout_s
        while not self._line and self.monotonic() < end:
            self._advance(CHUNK_CYCLES)
        return self._line

    def close(self) -> None:
        """Nothing to do."""

    @property
    def _line(self) -> bool:
        return self.fabric.interrupts if self.line_is is None else self.line_is

    def _advance(self, cycles: int) -> None:
        self.fabric.step(cycles)
        self.cycles += cycles

    def allocate(self, size: int) -> Buffer:
        block = self.memory.allocate(FRAMES * size, cacheable=False)
        rows = self.memory.dram[block.start : block.start + FRAMES * size].reshape(FRAMES, size).view(Buffer)
        rows.device_address = self.memory.base + block.start
        return rows

    def transfer(self, faces: np.ndarray) -> np.ndarray:
        """Outputs of faces uint8 (N, H, W, C), int64 (N, elements), by the driver's own transfer."""
        contract: Any = SimpleNamespace(input_stream=self.spec.input_stream, output_stream=self.spec.output_stream)
        results = np.zeros((len(faces), self.spec.output_stream.elements), np.int64)
        mark = Watermark(self.spec.output_stream, high=True)
        Transfer(self.dmas, self.slots, contract, self, TIMEOUT_S, UNKNOWN_PACE, mark).run(faces, results)
        return results
