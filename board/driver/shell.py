# SPDX-License-Identifier: Apache-2.0
"""Where the blocks of AUFlow's own shell lie behind its AXI-Lite slave; hls_build/shell/rtl/shell.sv says the same."""

from __future__ import annotations

from board.driver.iodma import Ip

SHELL = "shell0"
"""What a block design calls the shell."""
DEBUG_BASE, IDMA_BASE, ODMA_BASE, WEIGHTS_BASE = 0x0000, 0x4000, 0x8000, 0xC000
"""First addresses of the debug block, of the input's, the output's and the weights' DMA."""


class Window:
    """The registers of one block of the shell.

    Args:
        ip: All of the shell's registers.
        base: The block's first address.
    """

    def __init__(self, ip: Ip, base: int) -> None:
        self._ip, self._base = ip, base

    def read(self, offset: int) -> int:
        """Read a register of the block."""
        return int(self._ip.read(self._base + offset))

    def write(self, offset: int, value: int) -> None:
        """Write a register of the block."""
        self._ip.write(self._base + offset, value)
