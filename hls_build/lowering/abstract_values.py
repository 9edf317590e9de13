# SPDX-License-Identifier: Apache-2.0
"""Abstract values: what a QONNX tensor can stand for while it is lowered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Integers: TypeAlias = NDArray[np.int64]
Reals: TypeAlias = NDArray[np.float32]
Scales: TypeAlias = NDArray[np.float64]

Layout = Literal["map", "pixels", "vector"]
"""How ONNX holds an edge: map (B, C, H, W), pixels (B, P, C) or vector (B, C)."""

CHANNEL_AXIS: dict[Layout, int] = {"map": 1, "pixels": 2, "vector": 1}


@dataclass(frozen=True)
class Constant:
    """A tensor known at compile time."""

    value: NDArray[Any]


@dataclass(frozen=True)
class Weights:
    """Quantized constants: real value = integers * scale.

    Attributes:
        integers: In ONNX's order.
        scale: Powers of two, in as many axes as the integers, each of size 1 or theirs.
        bits: Width of the integers.
    """

    integers: Integers
    scale: Scales
    bits: int

    @property
    def real(self) -> Reals:
        """The tensor's value in float32."""
        return np.asarray(self.integers * self.scale, np.float32)

    @property
    def transposed(self) -> Weights:
        """The same with its axes in reverse order."""
        return replace(self, integers=self.integers.T, scale=self.scale.T)

    def scales(self) -> Scales | None:
        """One scale for each index of the first axis; None where they differ along another axis."""
        if self.scale.size not in (1, self.scale.shape[0] if self.scale.ndim else 1):
            return None
        return np.broadcast_to(self.scale.reshape(-1), self.integers.shape[:1])


@dataclass(frozen=True)
class Edge:
    """Integers that one layer hands to the next: real value = integers * scale.

    Attributes:
        tensor: Name in the integer graph.
        shape: (height, width, channels).
        scale: Powers of two, shape (1,) or (channels,).
        low: Least reachable integer, shape (1,) or (channels,).
        high: Greatest, likewise.
        layout: How ONNX holds it.
        quantized: It left a quantizer and has its type, so multiplications may read it.
    """

    tensor: str
    shape: tuple[int, int, int]
    scale: Scales
    low: Integers
    high: Integers
    layout: Layout = "map"
    quantized: bool = False

    def scaled(self, factor: NDArray[Any]) -> Edge | None:
        """The same integers with another scale, by one power of two or one per channel; None for other shapes."""
        if factor.size not in (1, self.shape[2]):
            return None
        return replace(self, scale=self.scale * factor.reshape(-1).astype(np.float64))
