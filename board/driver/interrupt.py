# SPDX-License-Identifier: Apache-2.0
"""The interrupt line from the FPGA to the processor, by which a driver sleeps until something ended."""

from __future__ import annotations

import os
import select
import sys
from typing import Protocol

from board.core.parts import is_zynqmp

ZYNQ_LINE, ZYNQMP_LINE = 61, 121
"""Numbers of the first line from programmable logic, IRQ_F2P[0] and pl_ps_irq0, at the interrupt controller (AMD UG585,
UG1085)."""
_UNMASK = (1).to_bytes(4, sys.byteorder)


class Line(Protocol):
    """An interrupt line, which is up until its cause is gone."""

    def wait(self, timeout_s: float) -> bool:
        """Sleep until the line is up, at most so long; whether it was."""

    def close(self) -> None:
        """Wait no more."""


class Uio:
    """A line as Linux hands it to a program (UIO): masked once it came, until the next `wait`.

    Args:
        path: Its device, such as /dev/uio0.

    Raises:
        OSError: It cannot be opened.
    """

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def wait(self, timeout_s: float) -> bool:
        """Sleep until the line is up, at most so long; whether it was since the last call."""
        os.write(self._file, _UNMASK)
        if not select.select([self._file], [], [], timeout_s)[0]:
            return False
        os.read(self._file, 4)  # how often it came
        return True

    def close(self) -> None:
        """Give the device back."""
        os.close(self._file)


def open_line(part: str) -> Line | None:
    """The first line from the programmable logic of a part, by pynq's list of UIO devices; None where it has none.

    A PYNQ image's device tree has a device for it, whatever is in the FPGA.
    """
    from pynq.interrupt import get_uio_irq

    try:
        path = get_uio_irq(ZYNQMP_LINE if is_zynqmp(part) else ZYNQ_LINE)
        return Uio(path) if path else None
    except OSError:  # a kernel without UIO, or a device that another program has for itself
        return None
