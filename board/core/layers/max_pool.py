# SPDX-License-Identifier: Apache-2.0
"""MaxPool: the maximum over 2x2 tiles."""

from __future__ import annotations

from dataclasses import dataclass

from board.core.arrays import Integers
from board.core.node import Node


@dataclass(frozen=True)
class MaxPool(Node):
    """Maximum over 2x2 tiles."""

    def run(self, *x: Integers) -> tuple[Integers, ...]:
        return (max_pool_2x2(x[0]),)


def max_pool_2x2(x: Integers) -> Integers:
    """Maximum over 2x2 tiles of (N, H, W, C), H and W even."""
    n, height, width, channels = x.shape
    tiles = x.reshape(n, height // 2, 2, width // 2, 2, channels)
    maxima: Integers = tiles.max(axis=(2, 4))
    return maxima
