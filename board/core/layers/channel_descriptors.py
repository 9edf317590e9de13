# SPDX-License-Identifier: Apache-2.0
"""ChannelDescriptors: sum and maximum over the channels of a pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from board.core.arrays import Integers
from board.core.node import Node


@dataclass(frozen=True)
class ChannelDescriptors(Node):
    """Sum and maximum over channels, as two channels; the maximum carries the sum's scale by `shift`."""

    shift: int

    def run(self, *x: Integers) -> tuple[Integers, ...]:
        return (channel_descriptors(x[0], self.shift),)


def channel_descriptors(x: Integers, shift: int) -> Integers:
    """Sum and maximum over channels, (N, H, W, C) to (N, H, W, 2): sum, then max * 2**shift."""
    return np.stack([x.sum(axis=-1), x.max(axis=-1) << shift], axis=-1)
