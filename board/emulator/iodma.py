# SPDX-License-Identifier: Apache-2.0
"""FINN's IODMA as a register model, and the pair of them round an accelerator."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from board.core.contract import AcceleratorContract
from board.driver.iodma import Control, Register
from board.driver.overlay import IDMA, ODMA
from board.emulator.accelerators import Accelerator
from board.emulator.faults import EndsShort, Fault, NeverEnds, ReportsError, ResetsMidFrame, Stalls
from board.emulator.memory import Memory

LOG = logging.getLogger("auflow.emulator")
AHEAD_FRAMES = 2
"""Frames that the input DMA has read and the accelerator has not taken: real ones read ahead, but not far."""
UNLOCKED_CYCLES = 10_000
"""After a change of the clock, until the clock generator (MMCM) locks to it: 100 us at 100 MHz, the most by DS187."""
STEP_CYCLES = 2000
"""Longest time between looks at the accelerator."""


class IodmaModel:
    """Registers of one DMA."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.locked = True
        """Whether it has a clock; without one its registers read as 0 and take nothing."""
        self.reset()

    def reset(self) -> None:
        """As after loading a bitfile."""
        self._registers = {Register.ADDRESS_LOW: 0, Register.ADDRESS_HIGH: 0, Register.FRAMES: 0}
        self.running = False
        self.stuck = False
        self.stalled_until = 0
        self.address = self.left = 0
        self._ended = 0  # bits that reading clears
        self.nonsense: int | None = None

    def read(self, offset: int) -> int:
        """Read a register."""
        if not self.locked:
            return 0
        if offset != Register.CONTROL:
            return self._registers[Register(offset)]
        if self.nonsense is not None:
            return self.nonsense
        word = Control.START if self.running else Control.IDLE | self._ended
        self._ended = 0
        return int(word)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if not self.locked:
            return
        if offset != Register.CONTROL:
            self._registers[Register(offset)] = value
        elif value & Control.START:
            if self.running:
                raise RuntimeError(f"{self.name} must be idle when it is started, got a start in mid-transfer")
            self.running = True
            self.address = self._registers[Register.ADDRESS_HIGH] << 32 | self._registers[Register.ADDRESS_LOW]
            self.left = self._registers[Register.FRAMES]

    def end(self) -> None:
        """The transfer is over."""
        self.running, self.left = False, 0
        self._ended = Control.DONE | Control.READY


class Fabric:
    """The programmable logic: both DMAs, the accelerator between them, and what goes wrong there.

    Args:
        contract: Packing of both streams.
        accelerator: What computes.
        memory: What the DMAs read and write.
        faults: What goes wrong.
    """

    def __init__(
        self, contract: AcceleratorContract, accelerator: Accelerator, memory: Memory, faults: Sequence[Fault] = ()
    ) -> None:
        self.idma, self.odma = IodmaModel(IDMA), IodmaModel(ODMA)
        self._in_bytes, self._out_bytes = contract.input_stream.frame_bytes, contract.output_stream.frame_bytes
        self._accelerator, self._memory = accelerator, memory
        self._faults = list(faults)
        self.written = 0
        """Frames that reached memory since the start."""
        self._cycle = self._locks_at = 0
        self.reset()

    @property
    def blocks(self) -> dict[str, IodmaModel]:
        """What the processor reaches, by its name in the block design."""
        return {IDMA: self.idma, ODMA: self.odma}

    def reset(self) -> None:
        """As after loading a bitfile: everything under way is gone."""
        self.idma.reset()
        self.odma.reset()
        self._accelerator.reset()
        self._read = self.written
        self._arriving = np.empty(0, np.uint8)
        self._allowed = False

    def step(self, cycles: int) -> None:
        """Let time pass; without a transfer nothing can change."""
        while cycles > 0 and (self.idma.running or self.odma.running):
            chunk = min(cycles, STEP_CYCLES)
            self._supply()
            self._accelerator.step(chunk)
            self._cycle += chunk
            self._drain()
            cycles -= chunk
        self._cycle += max(cycles, 0)
        self.idma.locked = self.odma.locked = self._cycle >= self._locks_at

    def unlock(self) -> None:
        """The clock changes: nothing answers until the clock generator has locked to it."""
        self._locks_at = self._cycle + UNLOCKED_CYCLES

    def _supply(self) -> None:
        """The input DMA's part: read the frames that the accelerator will soon need."""
        dma = self.idma
        while dma.running and self._moves(dma):
            if not dma.left:
                if not self._accelerator.waiting():
                    dma.end()
                return
            if self._accelerator.waiting() >= AHEAD_FRAMES or self._strikes(dma, self._read):
                return
            self._accelerator.feed(self._memory.read(dma.address, self._in_bytes))
            dma.address += self._in_bytes
            dma.left -= 1
            self._read += 1

    def _drain(self) -> None:
        """The output DMA's part: write what left the accelerator, frame by frame."""
        dma = self.odma
        if not (dma.running and self._moves(dma)):
            return
        if not self._allowed:
            self._accelerator.allow(dma.left)
            self._allowed = True
        self._arriving = np.concatenate([self._arriving, self._accelerator.take()])
        while dma.running and len(self._arriving) >= self._out_bytes and not self._strikes(dma, self.written):
            self._memory.write(dma.address, self._arriving[: self._out_bytes])
            self._arriving = self._arriving[self._out_bytes :]
            dma.address += self._out_bytes
            dma.left -= 1
            self.written += 1
            if not dma.left:
                dma.end()
                self._allowed = False

    def _moves(self, dma: IodmaModel) -> bool:
        return not dma.stuck and self._cycle >= dma.stalled_until

    def _strikes(self, dma: IodmaModel, frame: int) -> bool:
        """Whether something goes wrong with a frame, which then does not move; if so, let it happen."""
        fault = next((fault for fault in self._faults if fault.dma == dma.name and fault.frame == frame), None)
        if fault is None:
            return False
        if not fault.persistent:
            self._faults.remove(fault)
        LOG.info("fault at frame %d: %s", frame, fault)
        match fault:
            case NeverEnds():
                dma.stuck = True
                if dma is self.odma:
                    self._memory.write(dma.address, self._arriving[: self._out_bytes // 2])
            case EndsShort():
                dma.end()
                self._accelerator.allow(0)
                self._allowed = False
            case ReportsError():
                dma.stuck, dma.nonsense = True, fault.word
            case Stalls():
                dma.stalled_until = self._cycle + fault.cycles
            case ResetsMidFrame():
                self.reset()
        return True
