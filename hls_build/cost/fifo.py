# SPDX-License-Identifier: Apache-2.0
"""FINN+'s fifo.sv: shift registers, distributed memory or block RAM, by its own choice."""

from __future__ import annotations

from dataclasses import dataclass

from hls_build.cost.resources import Resources, block_rams, dual_port_luts, log2

SHIFT_DEPTH, NARROW_SHIFT_DEPTH, DISTRIBUTED_DEPTH, BLOCK_DEPTH = 33, 64, 257, 2028
"""Deepest FIFOs that fifo.sv makes of each kind where its style is "auto"."""
NARROW_SHIFT, NARROW_DISTRIBUTED = 12, 5
"""Widths below which it makes deeper ones."""
BLOCK_WORDS_LOG2 = 9
"""The shallowest block RAM has 512 words."""


@dataclass(frozen=True)
class Fifo:
    """Parameters of one fifo.sv.

    Attributes:
        depth: Beats.
        width: Bits of a beat on its ports, padding included.
        style: auto, shift, distributed, block or ultra.
    """

    depth: int
    width: int
    style: str = "auto"

    @property
    def memory(self) -> str:
        """What fifo.sv makes it of."""
        if self.depth <= SHIFT_DEPTH:
            return "shift"
        if self.style != "auto":
            return self.style
        if self.depth <= NARROW_SHIFT_DEPTH and self.width < NARROW_SHIFT:
            return "shift"
        if self.depth <= DISTRIBUTED_DEPTH or self.width < NARROW_DISTRIBUTED:
            return "distributed"
        return "block" if self.depth <= BLOCK_DEPTH else "ultra"

    @property
    def address_bits(self) -> tuple[int, int]:
        """Address bits of a block FIFO's two memories; 0 where the second one is not needed."""
        rows = self.depth - 1
        low = log2(rows)
        if low > BLOCK_WORDS_LOG2:
            high = log2(rows - (1 << (low - 1)))
            if high < low - 1:
                return low - 1, max(1, high)
        return low, 0

    def resources(self) -> Resources:
        """What it takes.

        Raises:
            ValueError: It is to be made of Ultra RAM, which has not been modelled.
        """
        make = {"shift": self._shift, "distributed": self._distributed, "block": self._block}.get(self.memory)
        if make is None:
            raise ValueError(f"need a FIFO of shift registers, LUTs or block RAM, got style {self.memory}")
        return make()

    def _shift(self) -> Resources:
        stages = max(4, self.depth - 1)
        pointer = log2(stages) + 1
        return Resources(lut=self.width * -(-stages // 32) + 8 + pointer, ff=self.width + pointer + 2)

    def _distributed(self) -> Resources:
        bits = log2(self.depth - 1)
        lut = dual_port_luts(1 << bits, self.width) + 2 * bits + 11
        return Resources(lut, self.width + 4 * bits + 3)

    def _block(self) -> Resources:
        low, high = self.address_bits
        pointer = low + (high > 0)
        capacity = log2((1 << low) + (1 << high if high else 0)) + 1
        lut = 10 + 2 * pointer
        ff = self.width + 2 * (pointer + capacity) + 2
        bram = block_rams(1 << low, self.width)
        if high:
            lut += self.width + 5 * (low - high)
            ff += self.width + 2
            if high >= BLOCK_WORDS_LOG2:
                bram += block_rams(1 << high, self.width)
            else:  # fifo.sv leaves the style of a shallow one open
                lut += dual_port_luts(1 << high, self.width)
                ff += self.width
        return Resources(lut, ff, bram)
