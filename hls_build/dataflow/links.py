# SPDX-License-Identifier: Apache-2.0
"""The edges of a dataflow graph and the types of what flows there."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True)
class Link:
    """One edge of the dataflow graph.

    Attributes:
        tensor: Name in the FINN graph.
        shape: (height, width, channels) there.
        bits: Per element.
        signed: Whether elements are two's complement.
        low: Least reachable value.
        high: Greatest reachable value.
        lanes: Elements per beat.
        cycles: Cycles per frame of the slowest layer upstream.
    """

    tensor: str
    shape: tuple[int, int, int]
    bits: int
    signed: bool
    low: int
    high: int
    lanes: int
    cycles: int

    @property
    def elements(self) -> int:
        """Elements per frame."""
        return prod(self.shape)

    @property
    def datatype(self) -> str:
        """QONNX name of an element's type."""
        return type_name(self.bits, self.signed)


def type_name(bits: int, signed: bool) -> str:
    """QONNX name of an integer type."""
    return f"{'INT' if signed else 'UINT'}{bits}"
