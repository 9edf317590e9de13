# SPDX-License-Identifier: Apache-2.0
"""Conv: 'same' convolutions, and dense layers on every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from board.core.arithmetic import EXACT_FLOAT32
from board.core.arrays import Integers
from board.core.node import Node

if TYPE_CHECKING:  # its import takes a board's time
    import numpy.typing as npt

WINDOW_BYTES = 1 << 20
"""Memory of the windows that are multiplied at once: a board has little, and a cache has less."""


@dataclass(frozen=True)
class Conv(Node):
    """'Same' convolution or, with a 1x1 kernel, a dense layer on every pixel; no bias, no activation.

    Attributes:
        weights: Integers of shape (O, k, k, I), symmetric range of `weight_bits`.
        weight_bits: Bits per weight.
    """

    weights: Integers
    weight_bits: int

    @cached_property
    def prepared(self) -> PreparedWeights:
        """The weights as `convolve_same` wants them."""
        return PreparedWeights.of(self.weights)

    def run(self, *x: Integers) -> tuple[Integers, ...]:
        return (convolve_same(x[0], self.prepared),)


@dataclass(frozen=True)
class PreparedWeights:
    """Weights of a convolution, prepared for repeated use.

    Attributes:
        columns: Integers as floats that hold them exactly, of shape (k * k * I, O).
        side: k.
        gain: Greatest sum of magnitudes of the weights of one output.
    """

    columns: npt.NDArray[np.floating[Any]]
    side: int
    gain: int

    @classmethod
    def of(cls, weights: Integers) -> PreparedWeights:
        """Prepare integers of shape (O, k, k, I), k odd; a 1x1 kernel is a dense layer on every pixel."""
        outputs, side, _, _ = weights.shape
        gain = int(np.abs(weights.astype(np.int64)).sum(axis=(1, 2, 3)).max())
        exact = np.float32 if gain < EXACT_FLOAT32 else np.float64
        return cls(np.ascontiguousarray(weights.reshape(outputs, -1).T.astype(exact)), side, gain)


def convolve_same(x: Integers, weights: PreparedWeights) -> Integers:
    """Cross-correlate with zero padding that keeps the size.

    Args:
        x: Integers of shape (N, H, W, I).
        weights: Those for I inputs and O outputs.

    Returns:
        Accumulators of shape (N, H, W, O), int32 where they fit, else int64.

    Raises:
        ValueError: An accumulator could leave the range that float64 holds exactly.
    """
    n, height, width, _ = x.shape
    bound = weights.gain * int(np.abs(x).max(initial=1))
    if bound >= 1 << 53:
        raise ValueError(f"need accumulators below 2**53, got a bound of {bound}")
    exact = np.float32 if bound < EXACT_FLOAT32 else np.float64
    pad = weights.side // 2
    padded = np.pad(x.astype(exact), ((0, 0), (pad, pad), (pad, pad), (0, 0))) if pad else x.astype(exact)
    columns = weights.columns.astype(exact, copy=False)
    sums = np.empty((n, height, width, columns.shape[1]), np.int32 if bound < 1 << 31 else np.int64)
    taps = range(weights.side)
    band = max(1, WINDOW_BYTES // (width * columns.shape[0] * columns.itemsize))  # rows of an image
    for image, top in product(range(n), range(0, height, band)):
        rows = min(band, height - top)
        windows = [padded[image, top + i : top + i + rows, j : j + width] for i in taps for j in taps]
        found = np.concatenate(windows, axis=-1).reshape(rows * width, -1) @ columns
        sums[image, top : top + rows] = found.reshape(rows, width, -1)
    return sums
