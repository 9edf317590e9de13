# SPDX-License-Identifier: Apache-2.0
"""Flatten: a frame as one pixel, without hardware."""

from __future__ import annotations

from dataclasses import dataclass

from board.core.arrays import Integers
from board.core.node import Node


@dataclass(frozen=True)
class Flatten(Node):
    """A frame as one pixel, in stream order (height, width, channel): no hardware."""

    def run(self, *x: Integers) -> tuple[Integers, ...]:
        return (x[0].reshape(x[0].shape[0], 1, 1, -1),)
