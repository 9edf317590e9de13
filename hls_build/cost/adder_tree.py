# SPDX-License-Identifier: Apache-2.0
"""FINN+'s add_multi.sv: a balanced binary tree of adders with registers between its levels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from hls_build.cost.resources import log2


@dataclass(frozen=True)
class AdderTree:
    """What a tree is made of.

    Attributes:
        adder_bits: LUTs of all adders: one for each bit that two operands share.
        level_bits: Bits of all nodes of a level, the root first; the last level holds only some of the leaves.
    """

    adder_bits: int
    level_bits: tuple[int, ...]

    def register_bits(self, stages: int) -> int:
        """Flip-flops, where so many levels have registers: those nearest to the leaves, then delays at the root."""
        levels = len(self.level_bits) - 1
        inner = self.level_bits[max(0, levels - stages) : levels]
        return sum(inner) + max(0, stages - levels) * self.level_bits[0]


def _canary(load: int) -> int:
    """Bits of a sum of so many of -1, 0 and 1."""
    above, below = load.bit_length(), 1 + log2(load)
    return above + 1 if above >= below else below


def _tree(leaves: int, width: Callable[[int], int]) -> AdderTree:
    loads = [0] * (leaves - 1) + [1] * leaves
    adders = 0
    for node in range(leaves - 2, -1, -1):
        left, right = loads[2 * node + 1], loads[2 * node + 2]
        loads[node] = left + right
        adders += min(width(left), width(right))
    levels = [0] * (log2(leaves) + 1)
    for node, load in enumerate(loads):
        levels[(node + 1).bit_length() - 1] += width(load)
    return AdderTree(adders, tuple(levels))


@cache
def unsigned_tree(leaves: int, bits: int, most: int) -> AdderTree:
    """Sum of so many unsigned numbers, of which so many bits matter."""
    return _tree(leaves, lambda load: min(most, bits + log2(load)))


@cache
def canary_tree(leaves: int) -> AdderTree:
    """Sum of so many overflows of a lane."""
    return _tree(leaves, _canary)
