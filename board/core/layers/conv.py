# SPDX-License-Identifier: Apache-2.0
"""Conv: convolutions, and dense layers on every pixel."""

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
    """Convolution or, with a 1x1 kernel, a dense layer on every pixel; no bias, no activation.

    Attributes:
        weights: Integers of shape (O, rows, columns, I), symmetric range of `weight_bits`.
        weight_bits: Bits per weight.
        strides: Rows and columns from one window to the next.
        pads: Zeros above, before, below and behind the map; empty for half the kernel on every side, which keeps the
            size of a map.
    """

    weights: Integers
    weight_bits: int
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, ...] = ()

    @property
    def kernel(self) -> tuple[int, int]:
        """Rows and columns of a window."""
        return self.weights.shape[1], self.weights.shape[2]

    @property
    def padding(self) -> tuple[int, ...]:
        """Zeros above, before, below and behind the map."""
        return self.pads or tuple(side // 2 for side in self.kernel) * 2

    @cached_property
    def prepared(self) -> PreparedWeights:
        """The weights as `correlate` wants them."""
        return PreparedWeights.of(self.weights)

    def run(self, *x: Integers) -> tuple[Integers, ...]:
        return (correlate(x[0], self.prepared, self.strides, self.padding),)


@dataclass(frozen=True)
class PreparedWeights:
    """Weights of a convolution, prepared for repeated use.

    Attributes:
        columns: Integers as floats that hold them exactly, of shape (rows * columns * I, O).
        kernel: Rows and columns of a window.
        gain: Greatest sum of magnitudes of the weights of one output.
    """

    columns: npt.NDArray[np.floating[Any]]
    kernel: tuple[int, int]
    gain: int

    @classmethod
    def of(cls, weights: Integers) -> PreparedWeights:
        """Prepare integers of shape (O, rows, columns, I); a 1x1 kernel is a dense layer on every pixel."""
        outputs, rows, columns, _ = weights.shape
        gain = int(np.abs(weights.astype(np.int64)).sum(axis=(1, 2, 3)).max())
        exact = np.float32 if gain < EXACT_FLOAT32 else np.float64
        flat = np.ascontiguousarray(weights.reshape(outputs, -1).T.astype(exact))
        return cls(flat, (rows, columns), gain)


def correlate(
    x: Integers, weights: PreparedWeights, strides: tuple[int, int] = (1, 1), pads: tuple[int, ...] = (0, 0, 0, 0)
) -> Integers:
    """Cross-correlate with zero padding.

    Args:
        x: Integers of shape (N, H, W, I).
        weights: Those for I inputs and O outputs.
        strides: Rows and columns from one window to the next.
        pads: Zeros above, before, below and behind the map.

    Returns:
        Accumulators of shape (N, outputs' rows and columns, O), int32 where they fit, else int64.

    Raises:
        ValueError: An accumulator could leave the range that float64 holds exactly.
    """
    bound = weights.gain * int(np.abs(x).max(initial=1))
    if bound >= 1 << 53:
        raise ValueError(f"need accumulators below 2**53, got a bound of {bound}")
    exact = np.float32 if bound < EXACT_FLOAT32 else np.float64
    padded = x.astype(exact)
    if any(pads):
        padded = np.pad(padded, ((0, 0), (pads[0], pads[2]), (pads[1], pads[3]), (0, 0)))
    columns = weights.columns.astype(exact, copy=False)
    height, width = windows(x.shape[1:3], weights.kernel, strides, pads)
    sums = np.empty((len(x), height, width, columns.shape[1]), np.int32 if bound < 1 << 31 else np.int64)
    taps = list(product(range(weights.kernel[0]), range(weights.kernel[1])))
    (down, along), right = strides, (width - 1) * strides[1] + 1
    band = max(1, WINDOW_BYTES // (width * columns.shape[0] * columns.itemsize))  # rows of an image
    for image, top in product(range(len(x)), range(0, height, band)):
        rows = min(band, height - top)
        first, last = top * down, (top + rows - 1) * down + 1
        parts = [padded[image, first + i : last + i : down, j : j + right : along] for i, j in taps]
        found = np.concatenate(parts, axis=-1).reshape(rows * width, -1) @ columns
        sums[image, top : top + rows] = found.reshape(rows, width, -1)
    return sums


def windows(
    size: tuple[int, ...], kernel: tuple[int, int], strides: tuple[int, int], pads: tuple[int, ...]
) -> tuple[int, int]:
    """Rows and columns of windows that a map of some rows and columns has, those that fit in whole."""
    rows = (size[0] + pads[0] + pads[2] - kernel[0]) // strides[0] + 1
    return rows, (size[1] + pads[1] + pads[3] - kernel[1]) // strides[1] + 1
