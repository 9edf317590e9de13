# SPDX-License-Identifier: Apache-2.0
"""Gate: a feature map times an attention gate, requantized by one table look-up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from board.core.arrays import Integers
from board.core.node import Node


@dataclass(frozen=True)
class Gate(Node):
    """Attention: inputs are the feature map and its channel gate (1, 1, C) or spatial gate (H, W, 1).

    Attributes:
        table: Integers of shape (2**x_bits, 2**gate_bits), indexed by two's complement codes.
    """

    table: Integers

    def run(self, *x: Integers) -> tuple[Integers, ...]:
        return (gate(x[0], x[1], self.table),)


def gate(x: Integers, g: Integers, table: Integers) -> Integers:
    """Look table[x][g] up, both indices taken as two's complement codes.

    Args:
        x: Feature map, integers of shape (N, H, W, C).
        g: Channel gate (N, 1, 1, C) or spatial gate (N, H, W, 1).
        table: Integers of shape (2**x_bits, 2**g_bits).

    Returns:
        Integers of x's shape.
    """
    rows, columns = table.shape
    codes = (x & (rows - 1)) * columns + (g & (columns - 1))
    gated: Integers = table.ravel().take(codes.astype(np.intp, copy=False))  # take refuses int64 where intp has 32 bits
    return gated
