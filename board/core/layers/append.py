# SPDX-License-Identifier: Apache-2.0
"""Append: the channels of one frame and then those of another, pixel by pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from board.core.arrays import Integers
from board.core.node import Node


@dataclass(frozen=True)
class Append(Node):
    """Two maps of one size, or two vectors, as one; the first one's channels in front."""

    def run(self, *x: Integers) -> tuple[Integers, ...]:
        return (append(*x),)


def append(head: Integers, tail: Integers) -> Integers:
    """Frames (N, H, W, A) and (N, H, W, B) as one of (N, H, W, A + B)."""
    return np.concatenate([head, tail], axis=3)
