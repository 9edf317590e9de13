# SPDX-License-Identifier: Apache-2.0
"""SumPixels: the sum over the pixels of a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from board.core.arrays import Integers
from board.core.node import Node


@dataclass(frozen=True)
class SumPixels(Node):
    """Sum over pixels."""

    needs_whole_frame: ClassVar[bool] = True

    def run(self, *x: Integers) -> tuple[Integers, ...]:
        return (sum_pixels(x[0]),)


def sum_pixels(x: Integers) -> Integers:
    """Sum over the pixels of a frame: (N, H, W, C) to (N, 1, 1, C)."""
    sums: Integers = x.sum(axis=(1, 2), keepdims=True)
    return sums
