# SPDX-License-Identifier: Apache-2.0
"""Fork: one stream to several."""

from __future__ import annotations

from dataclasses import dataclass

from board.core.arrays import Integers
from board.core.node import Node


@dataclass(frozen=True)
class Fork(Node):
    """One stream to several."""

    def run(self, *x: Integers) -> tuple[Integers, ...]:
        return (x[0],) * len(self.outputs)
