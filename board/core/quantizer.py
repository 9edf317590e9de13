# SPDX-License-Identifier: Apache-2.0
"""Quantizer: real values to integer codes and back, as QONNX's Quant node defines it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:  # its import takes a board's time
    from numpy.typing import ArrayLike, NDArray


MOST_BITS = 32


@dataclass(frozen=True, eq=False)  # arrays have no one truth to compare by
class Quantizer:
    """Scale and code range of one quantizer; zero point 0, rounding half to even.

    Attributes:
        scale: One, or one per output channel in a shape that broadcasts over the values; each a positive float32.
        bits: Width of a code.
        signed: Two's complement if true.
        narrow: Leaves out the least code of a signed range, the greatest of an unsigned one.
        bipolar: The codes are -1 and +1 alone, by the sign of the value; `bits` is 2.
    """

    scale: NDArray[np.float64]
    bits: int
    signed: bool
    narrow: bool = False
    bipolar: bool = False

    @classmethod
    def of_node(
        cls, attributes: Mapping[str, Any], scale: ArrayLike, zero_point: ArrayLike, bits: ArrayLike
    ) -> Quantizer:
        """Parse a Quant node.

        Args:
            attributes: Its attributes by name, strings as ONNX holds them (bytes).
            scale: Its second input.
            zero_point: Its third input.
            bits: Its fourth input.

        Raises:
            ValueError: It rounds otherwise, has a zero point, a scale that is not positive, or bits that are none.
        """
        mode = bytes(attributes.get("rounding_mode", b"ROUND"))
        scales, zeros = np.asarray(scale, np.float64), np.asarray(zero_point)
        if mode.upper() not in (b"ROUND", b"HALF_EVEN"):
            raise ValueError(f"rounds by {mode!r}, need ROUND")
        if (zeros != 0).any():
            raise ValueError(f"has zero point {zeros[zeros != 0][0]}, need 0")
        width, signed = np.asarray(bits, np.float64).item(), bool(attributes["signed"])
        if not (width.is_integer() and 1 <= width <= MOST_BITS):
            raise ValueError(f"has {width:g} bits, need a whole number from 1 to {MOST_BITS}")
        if width == 1 and signed:  # QONNX's convention
            return cls.bipolar_of_node(scales)
        return cls(_positive(scales), int(width), signed, bool(attributes["narrow"]))

    @classmethod
    def bipolar_of_node(cls, scale: ArrayLike) -> Quantizer:
        """Parse a BipolarQuant node, or a Quant node of one signed bit, which QONNX reads as such.

        Args:
            scale: Its second input.

        Raises:
            ValueError: A scale is not positive.
        """
        return cls(_positive(np.asarray(scale, np.float64)), 2, signed=True, narrow=True, bipolar=True)

    @property
    def low(self) -> int:
        """Least code."""
        return -(1 << (self.bits - 1)) + self.narrow if self.signed else 0

    @property
    def high(self) -> int:
        """Greatest code."""
        return (1 << (self.bits - self.signed)) - 1 - (self.narrow and not self.signed)

    def codes(self, real: NDArray[Any]) -> NDArray[np.int64]:
        """Quantize real values: the nearest codes, ties to even, clipped to the range; the sign where bipolar.

        Values in float32 are divided in float32, as QONNX does it.
        """
        scaled = real / (self.scale.astype(np.float32) if real.dtype == np.float32 else self.scale)
        if self.bipolar:
            return np.where(scaled >= 0, 1, -1).astype(np.int64)
        codes: NDArray[np.int64] = np.clip(np.rint(scaled), self.low, self.high).astype(np.int64)
        return codes

    def real(self, codes: NDArray[Any]) -> NDArray[np.float32]:
        """What codes stand for, in float32."""
        real: NDArray[np.float32] = (codes * self.scale).astype(np.float32)
        return real


def powers_of_two(scales: NDArray[np.float64]) -> bool:
    """Whether all scales are powers of two, by which float32 multiplies and divides exactly."""
    return bool((np.frexp(scales)[0] == 0.5).all())


def _positive(scales: NDArray[np.float64]) -> NDArray[np.float64]:
    """The scales, all of them positive numbers."""
    fine = np.isfinite(scales) & (scales > 0)
    if not fine.all():
        raise ValueError(f"has scale {scales[~fine][0]:g}, need a positive number")
    return scales
