# SPDX-License-Identifier: Apache-2.0
"""FINN's IODMA as the processor sees it: four registers on AXI-lite."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Protocol

from board.driver.faults import Cause, Fault


class Register(IntEnum):
    """Byte offsets, as FINN's IODMA_hls maps them."""

    CONTROL = 0x00
    ADDRESS_LOW = 0x10
    ADDRESS_HIGH = 0x14
    FRAMES = 0x1C


class Control(IntFlag):
    """Bits of ap_ctrl, as Vitis HLS defines them; reading clears DONE and READY."""

    START = 1
    DONE = 2
    IDLE = 4
    READY = 8
    RESTART = 0x80
    INTERRUPT = 0x200


KNOWN = int(sum(Control))  # a plain number, whose complement has all other bits
MISALIGNED = 1 << 18
"""What AUFlow's shell says of frames that lost a beat or got one."""


class Ip(Protocol):
    """What pynq gives for an instance of the overlay."""

    def read(self, offset: int) -> int:
        """Read a register."""

    def write(self, offset: int, value: int) -> None:
        """Write a register."""


class Iodma:
    """One DMA, from start to end of a transfer."""

    def __init__(self, ip: Ip, name: str) -> None:
        self.name = name
        self.busy = False
        self.control = 0
        """ap_ctrl when it was last read."""
        self._ip = ip

    def start(self, address: int, frames: int) -> None:
        """Move so many frames from or to a physical address.

        Raises:
            Fault: It is not idle.
        """
        word = self.look()
        if word & ~KNOWN or not word & Control.IDLE:
            raise Fault(Cause.ERROR, self.name)
        self._ip.write(Register.ADDRESS_LOW, address & 0xFFFFFFFF)
        self._ip.write(Register.ADDRESS_HIGH, address >> 32)
        self._ip.write(Register.FRAMES, frames)
        self._ip.write(Register.CONTROL, int(Control.START))
        self.busy = True

    def ended(self) -> bool:
        """Whether the transfer ended since the last call.

        Raises:
            Fault: It reports what no IODMA reports, or stopped without an end.
        """
        word = self.look()
        if word & ~KNOWN:
            raise Fault(Cause.ERROR, self.name)
        if word & Control.DONE:
            self.busy = False
            return True
        if word & Control.IDLE and not word & Control.START:
            raise Fault(Cause.STOPPED, self.name)
        return False

    @property
    def fails(self) -> bool:
        """Whether it reported what no IODMA reports, when it was last asked."""
        return bool(self.control & ~KNOWN)

    @property
    def is_misaligned(self) -> bool:
        """Whether that was a frame that lost its alignment, and nothing else."""
        return self.control & ~KNOWN == MISALIGNED

    def look(self) -> int:
        """Read ap_ctrl."""
        self.control = int(self._ip.read(Register.CONTROL))
        return self.control


def describe(word: int) -> str:
    """ap_ctrl in hexadecimal and by the names of its bits."""
    names = [bit.name.lower() for bit in Control if word & bit and bit.name]
    return f"{word:#010x} ({'no such state' if word & ~KNOWN else ', '.join(names) or 'nothing'})"
