# SPDX-License-Identifier: Apache-2.0
"""Append: the elements of one frame and then those of another, as one frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from board.core.arrays import Integers
from board.core.node import Node


@dataclass(frozen=True)
class Append(Node):
    """Two vectors as one, the first in front."""

    def run(self, *x: Integers) -> tuple[Integers, ...]:
        return (append(*x),)


def append(head: Integers, tail: Integers) -> Integers:
    """Vectors (N, 1, 1, A) and (N, 1, 1, B) as one of (N, 1, 1, A + B)."""
    return np.concatenate([head, tail], axis=3)
