# SPDX-License-Identifier: Apache-2.0
"""ResidualAdd: the sum of two frames, element by element."""

from __future__ import annotations

from dataclasses import dataclass

from board.core.arrays import Integers
from board.core.node import Node


@dataclass(frozen=True)
class ResidualAdd(Node):
    """Two frames of one shape added up, each at the finer of their scales.

    Attributes:
        shifts: Left shift of each input that gives it the common scale.
    """

    shifts: tuple[int, int]

    def run(self, *x: Integers) -> tuple[Integers, ...]:
        return (residual_add(x[0], x[1], self.shifts),)


def residual_add(a: Integers, b: Integers, shifts: tuple[int, int]) -> Integers:
    """a * 2**shifts[0] + b * 2**shifts[1], of integers of one shape."""
    return (a << shifts[0]) + (b << shifts[1])
