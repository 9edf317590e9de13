# SPDX-License-Identifier: Apache-2.0
"""Adder tree, adder_tree.sv: unsigned numbers summed up three at a time, with a register behind each level."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class TernaryTree:
    """Parameters of one adder_tree.sv.

    Attributes:
        count: Numbers.
        bits: Of a number.
    """

    count: int
    bits: int

    @cached_property
    def levels(self) -> list[tuple[int, int]]:
        """Numbers in front of each level and behind the last one, and bits of each."""
        found, leaves = [(self.count, self.bits)], 1
        while found[-1][0] > 1:
            leaves = min(3 * leaves, self.count)
            found.append((-(-found[-1][0] // 3), (leaves * ((1 << self.bits) - 1)).bit_length()))
        return found

    @property
    def latency(self) -> int:
        """Cycles from numbers to their sum."""
        return len(self.levels) - 1

    @property
    def lut(self) -> int:
        """LUTs: one per bit of three numbers or two."""
        return sum((count // 3 + (count % 3 == 2)) * bits for count, bits in self.levels[:-1])

    @property
    def ff(self) -> int:
        """Flip-flops, those of the sum included."""
        return sum(count * bits for count, bits in self.levels[1:])
