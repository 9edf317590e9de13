# SPDX-License-Identifier: Apache-2.0
"""The bus that pynq's MMIO reads and writes, and the registers of the clocks behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from board.emulator.overlay import SPAN_BYTES

ZYNQ_SLCR = 0xF8000000
ZYNQMP_CRF, ZYNQMP_CRL = 0xFD1A0000, 0xFF5E0000


class Peripheral(Protocol):
    """Something with registers."""

    def read(self, offset: int) -> int:
        """Read a register."""

    def write(self, offset: int, value: int) -> None:
        """Write a register."""


class RegisterFile:
    """Registers that keep what is written.

    Args:
        values: What they hold at first; others hold 0.
        changed: Told whenever one gets another value.
    """

    def __init__(self, values: dict[int, int], changed: Callable[[], None] = lambda: None) -> None:
        self._values, self._changed = dict(values), changed

    def read(self, offset: int) -> int:
        """Read a register."""
        return self._values.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if value != self.read(offset):
            self._values[offset] = value
            self._changed()


def zynq_clocks(changed: Callable[[], None]) -> dict[int, Peripheral]:
    """SLCR of a Zynq-7000 (UG585): PLLs of 1300, 1600 and 1000 MHz, PL clocks of 50 MHz until they are set."""
    plls = {0x100: 26 << 12, 0x104: 32 << 12, 0x108: 20 << 12}
    clocks = dict.fromkeys((0x170, 0x180, 0x190, 0x1A0), 2 << 20 | 10 << 8)
    return {ZYNQ_SLCR: RegisterFile({**plls, **clocks}, changed)}


def zynqmp_clocks(changed: Callable[[], None]) -> dict[int, Peripheral]:
    """CRL_APB and CRF_APB of a Zynq UltraScale+ (UG1087): IOPLL of 1500 MHz, PL clocks of 50 MHz until they are set."""
    clocks = dict.fromkeys((0xC0, 0xC4, 0xC8, 0xCC), 1 << 24 | 1 << 16 | 30 << 8)
    plls = {0x20: 1 << 16 | 90 << 8, 0x30: 1 << 16 | 48 << 8}
    return {ZYNQMP_CRL: RegisterFile({**plls, **clocks}, changed), ZYNQMP_CRF: RegisterFile(plls)}


class Bus:
    """Peripherals by address; time passes with every access.

    Args:
        peripherals: By base address.
        tick: Called before each access.
    """

    def __init__(self, peripherals: dict[int, Peripheral], tick: Callable[[], None]) -> None:
        self._peripherals, self._tick = peripherals, tick
        self.accesses = 0
        """Reads and writes so far."""

    def read(self, address: int) -> int:
        """Read 32 bits."""
        self._access()
        peripheral, offset = self._find(address)
        return peripheral.read(offset)

    def write(self, address: int, value: int) -> None:
        """Write 32 bits."""
        self._access()
        peripheral, offset = self._find(address)
        peripheral.write(offset, value)

    def _access(self) -> None:
        self.accesses += 1
        self._tick()

    def _find(self, address: int) -> tuple[Peripheral, int]:
        base = address // SPAN_BYTES * SPAN_BYTES
        if base not in self._peripherals:
            raise RuntimeError(f"nothing answers at {address:#x}: a real board would hang")
        return self._peripherals[base], address - base


class Window:
    """Registers as pynq takes them from a device: like an array of uint32 that reads and writes a bus.

    Args:
        bus: Where to read and write.
        base: Address of the first register.
        count: Registers.
    """

    def __init__(self, bus: Bus, base: int, count: int) -> None:
        self._bus, self._base, self._count = bus, base, count

    def view(self, dtype: Any) -> Window:
        """Itself: pynq asks for the type that it has."""
        if np.dtype(dtype) != np.uint32:
            raise RuntimeError(f"emulated registers are of 32 bits, got {dtype}")
        return self

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            start, stop, _ = index.indices(self._count)
            return Window(self._bus, self._base + 4 * start, stop - start)
        return np.uint32(self._bus.read(self._base + 4 * index))

    def __setitem__(self, index: int, value: int) -> None:
        self._bus.write(self._base + 4 * index, int(value))
