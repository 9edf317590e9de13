# SPDX-License-Identifier: Apache-2.0
"""Integer arithmetic of the accelerator in numpy: the mathematics of every layer, each written once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from board.core.arrays import Integers

EXACT_FLOAT32 = 1 << 24
"""Magnitude below which float32 holds every integer, so BLAS sums of integers are exact."""

FEW_THRESHOLDS = 31
"""Up to so many, comparing all of x with each threshold is faster than searching for each element."""


@dataclass(frozen=True)
class Kernel:
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
    def of(cls, weights: Integers) -> Kernel:
        """Prepare integers of shape (O, k, k, I), k odd; a 1x1 kernel is a dense layer on every pixel."""
        outputs, side, _, _ = weights.shape
        gain = int(np.abs(weights.astype(np.int64)).sum(axis=(1, 2, 3)).max())
        exact = np.float32 if gain < EXACT_FLOAT32 else np.float64
        return cls(np.ascontiguousarray(weights.reshape(outputs, -1).T.astype(exact)), side, gain)


def convolve_same(x: Integers, kernel: Kernel) -> Integers:
    """Cross-correlate with zero padding that keeps the size.

    Args:
        x: Integers of shape (N, H, W, I).
        kernel: Weights for I inputs and O outputs.

    Returns:
        Accumulators of shape (N, H, W, O), int32 where they fit, else int64.

    Raises:
        ValueError: An accumulator could leave the range that float64 holds exactly.
    """
    n, height, width, _ = x.shape
    bound = kernel.gain * int(np.abs(x).max(initial=1))
    if bound >= 1 << 53:
        raise ValueError(f"need accumulators below 2**53, got a bound of {bound}")
    exact = np.float32 if bound < EXACT_FLOAT32 else np.float64
    pad = kernel.side // 2
    padded = np.pad(x.astype(exact), ((0, 0), (pad, pad), (pad, pad), (0, 0))) if pad else x.astype(exact)
    taps = range(kernel.side)
    windows = [padded[:, i : i + height, j : j + width, :] for i in taps for j in taps]
    rows = np.concatenate(windows, axis=-1).reshape(n * height * width, -1)
    sums = rows @ kernel.columns.astype(exact, copy=False)
    integers: Integers = sums.astype(np.int32 if bound < 1 << 31 else np.int64)
    return integers.reshape(n, height, width, -1)


def multi_threshold(x: Integers, thresholds: Integers, first: int) -> Integers:
    """Count the thresholds that x reaches: first + #{t : x >= t}.

    Args:
        x: Integers of shape (..., C).
        thresholds: Integers of shape (C, T) or (1, T), ascending along T.
        first: Value below the lowest threshold.

    Returns:
        int32 of x's shape, from first to first + T.
    """
    limits = np.iinfo(x.dtype)
    if thresholds.size and limits.min <= thresholds.min() and thresholds.max() <= limits.max:
        thresholds = thresholds.astype(x.dtype, copy=False)  # or each comparison would convert all of x
    rows, count = thresholds.shape
    if count <= FEW_THRESHOLDS:
        reached = np.zeros(x.shape, np.int8)
        for column in thresholds.T:
            reached += x >= column
        return reached.astype(np.int32) + np.int32(first)
    levels = np.empty(x.shape, np.int32)
    for channel in range(rows):
        at = slice(None) if rows == 1 else channel
        levels[..., at] = np.searchsorted(thresholds[channel], x[..., at], side="right")
    return levels + np.int32(first)


def max_pool_2x2(x: Integers) -> Integers:
    """Maximum over 2x2 tiles of (N, H, W, C), H and W even."""
    n, height, width, channels = x.shape
    tiles = x.reshape(n, height // 2, 2, width // 2, 2, channels)
    maxima: Integers = tiles.max(axis=(2, 4))
    return maxima


def global_descriptors(x: Integers, shift: int) -> Integers:
    """Sum and maximum over the pixels of a frame, as two pixels (N, 1, 2, C): sum, then max * 2**shift."""
    return np.stack([x.sum(axis=(1, 2)), x.max(axis=(1, 2)) << shift], axis=1)[:, None]


def sum_pixels(x: Integers) -> Integers:
    """Sum over the pixels of a frame: (N, H, W, C) to (N, 1, 1, C)."""
    sums: Integers = x.sum(axis=(1, 2), keepdims=True)
    return sums


def channel_descriptors(x: Integers, shift: int) -> Integers:
    """Sum and maximum over channels, (N, H, W, C) to (N, H, W, 2): sum, then max * 2**shift."""
    return np.stack([x.sum(axis=-1), x.max(axis=-1) << shift], axis=-1)


def gate(x: Integers, g: Integers, table: Integers) -> Integers:
    """Look table[x][g] up, both indices taken as two's complement codes.

    Args:
        x: Feature map, integers of shape (N, H, W, C).
        g: Channel gate (N, 1, 1, C) or spatial gate (N, H, W, 1).
        table: Integers of shape (2**x_bits, 2**g_bits).

    Returns:
        Integers of x's shape.
    """
    rows, columns = table.shape
    codes = (x & (rows - 1)) * columns + (g & (columns - 1))
    gated: Integers = table.ravel().take(codes)
    return gated


def accumulator_bounds(weights: np.ndarray, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest sum of weights times inputs in low to high, or zero where a convolution is padded.

    Since any input may be zero, they bound every partial sum too, in whatever order it is added up.

    Args:
        weights: Integers of shape (O, ...).
        low: Least input.
        high: Greatest input.

    Returns:
        Two int64 arrays of shape (O,), the first at most and the second at least zero.
    """
    low, high = min(low, 0), max(high, 0)
    rows = weights.astype(np.int64).reshape(len(weights), -1)
    positive, negative = np.maximum(rows, 0).sum(axis=1), np.minimum(rows, 0).sum(axis=1)
    return positive * low + negative * high, positive * high + negative * low


def needed_bits(low: int, high: int, signed: bool) -> int:
    """Bits of the smallest type that holds low to high."""
    return max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0) + signed
