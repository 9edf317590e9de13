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
    """Quantized constants: real value = integers * scale, one scale per output channel.

    Attributes:
        integers: Outputs first, as ONNX holds a convolution's or a transposed Gemm's weights.
        scale: Powers of two, shape (outputs,).
        bits: Width of the integers.
        transposed: The tensor at hand has the outputs last.
    """

    integers: Integers
    scale: Scales
    bits: int
    transposed: bool = False

    @property
    def real(self) -> Reals:
        """The tensor's value in float32."""
        value = self.integers * self.scale.reshape(-1, *[1] * (self.integers.ndim - 1))
        return np.asarray(value.T if self.transposed else value, np.float32)


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
