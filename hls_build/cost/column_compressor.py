# SPDX-License-Identifier: Apache-2.0
"""Column compressor, column_compressor.sv: bits of several weights summed up by 6:3 and 3:2 compressors in LUTs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

Heights = tuple[int, ...]
"""Bits in each column, the least significant column first."""


@dataclass(frozen=True)
class ColumnCompressor:
    """Parameters of one column_compressor.sv.

    Attributes:
        heights: Bits in each column of its input; column c counts 2**c.
        width: Bits of the sum.
        levels: LUTs between two registers.
        used: Those in front of its input since the last register, at most levels.
    """

    heights: Heights
    width: int
    levels: int
    used: int = 1

    @cached_property
    def levels_of_bits(self) -> list[Heights]:
        """Heights in front of each level, and behind the last one, where no column has more than two bits."""
        missing = (0,) * max(0, self.width - len(self.heights))
        found = [(*self.heights[: self.width], *missing)]
        while max(found[-1]) > 2:
            found.append(_next_level(found[-1]))
        return found

    @cached_property
    def registered(self) -> list[int]:
        """Bits of every register in front of the last adder."""
        last = len(self.levels_of_bits) - 1
        sizes = enumerate(sum(heights) for heights in self.levels_of_bits)
        return [size for level, size in sizes if level == last or (self.used + level) % self.levels == 0]

    @property
    def latency(self) -> int:
        """Cycles from bits to their sum."""
        return len(self.registered) + 1

    @property
    def lut(self) -> int:
        """LUTs: three of a 6:3 compressor, less what would lie above the sum, one of a 3:2, and the last adder."""
        found = 0
        for heights in self.levels_of_bits[:-1]:
            for column, height in enumerate(heights):
                sixes, threes, _ = _parts(height)
                found += sixes * min(3, self.width - column) + threes
        two = [column for column, height in enumerate(self.levels_of_bits[-1]) if height == 2]
        return found + (self.width - two[0] if two else 0)

    @property
    def ff(self) -> int:
        """Flip-flops, those of the sum included."""
        return sum(self.registered) + self.width


def _parts(height: int) -> tuple[int, int, int]:
    """6:3 compressors, 3:2 compressors and bits that are left of a column."""
    sixes, rest = divmod(height, 6)
    if rest == 5:
        return sixes + 1, 0, 0
    return sixes, rest // 3, rest % 3


def _next_level(heights: Sequence[int]) -> Heights:
    """Heights behind a level."""
    parts = [_parts(height) for height in (0, 0, *heights)]
    return tuple(
        sum(own) + below[0] + below[1] + lowest[0]
        for lowest, below, own in zip(parts, parts[1:], parts[2:], strict=False)
    )
