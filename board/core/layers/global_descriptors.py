# SPDX-License-Identifier: Apache-2.0
"""GlobalDescriptors: sum and maximum over the pixels of a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from board.core.arrays import Integers
from board.core.node import Node


@dataclass(frozen=True)
class GlobalDescriptors(Node):
    """Sum and maximum over pixels, as two pixels; the maximum carries the sum's scale by `shift`."""

    needs_whole_frame: ClassVar[bool] = True
    shift: int

    def run(self, *x: Integers) -> tuple[Integers, ...]:
        return (global_descriptors(x[0], self.shift),)


def global_descriptors(x: Integers, shift: int) -> Integers:
    """Sum and maximum over the pixels of a frame, as two pixels (N, 1, 2, C): sum, then max * 2**shift."""
    return np.stack([x.sum(axis=(1, 2)), x.max(axis=(1, 2)) << shift], axis=1)[:, None]
