# SPDX-License-Identifier: Apache-2.0
"""Integer arithmetic of the accelerator in numpy: the mathematics of every layer, each written once."""

from __future__ import annotations

import numpy as np

EXACT_FLOAT32 = 1 << 24
"""Magnitude below which float32 holds every integer, so BLAS sums of integers are exact."""


def convolve_same(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Cross-correlate with zero padding that keeps the size.

    Args:
        x: Integers of shape (N, H, W, I).
        weights: Integers of shape (O, k, k, I), k odd. A 1x1 kernel is a dense layer on every pixel.

    Returns:
        Accumulators of shape (N, H, W, O), int64.

    Raises:
        ValueError: An accumulator could leave the range that float64 holds exactly.
    """
    out_channels, k, _, in_channels = weights.shape
    n, height, width, _ = x.shape
    bound = int(np.abs(weights.astype(np.int64)).sum(axis=(1, 2, 3)).max()) * int(np.abs(x).max(initial=1))
    if bound >= 1 << 53:
        raise ValueError(f"need accumulators below 2**53, got a bound of {bound}")
    exact = np.float32 if bound < EXACT_FLOAT32 else np.float64
    pad = k // 2
    padded = np.pad(x.astype(exact), ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    windows = [padded[:, i : i + height, j : j + width, :] for i in range(k) for j in range(k)]
    columns = np.concatenate(windows, axis=-1).reshape(-1, k * k * in_channels)
    sums = columns @ weights.reshape(out_channels, -1).T.astype(exact)
    return sums.reshape(n, height, width, out_channels).astype(np.int64)


def multi_threshold(x: np.ndarray, thresholds: np.ndarray, first: int) -> np.ndarray:
    """Count the thresholds that x reaches: first + #{t : x >= t}.

    Args:
        x: Integers of shape (..., C).
        thresholds: Integers of shape (C, T) or (1, T), ascending along T.
        first: Value below the lowest threshold.

    Returns:
        Integers of x's shape, from first to first + T.
    """
    if thresholds.shape[0] == 1:
        return np.searchsorted(thresholds[0], x, side="right") + first
    levels = np.empty(x.shape, np.int64)
    for channel, row in enumerate(thresholds):
        levels[..., channel] = np.searchsorted(row, x[..., channel], side="right")
    return levels + first


def max_pool_2x2(x: np.ndarray) -> np.ndarray:
    """Maximum over 2x2 tiles of (N, H, W, C), H and W even."""
    n, height, width, channels = x.shape
    return x.reshape(n, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4))


def global_descriptors(x: np.ndarray, shift: int) -> np.ndarray:
    """Sum and maximum over the pixels of a frame, as two pixels (N, 1, 2, C): sum, then max * 2**shift."""
    return np.stack([x.sum(axis=(1, 2)), x.max(axis=(1, 2)) << shift], axis=1)[:, None]


def sum_pixels(x: np.ndarray) -> np.ndarray:
    """Sum over the pixels of a frame: (N, H, W, C) to (N, 1, 1, C)."""
    return x.sum(axis=(1, 2), keepdims=True)


def channel_descriptors(x: np.ndarray, shift: int) -> np.ndarray:
    """Sum and maximum over channels, (N, H, W, C) to (N, H, W, 2): sum, then max * 2**shift."""
    return np.stack([x.sum(axis=-1), x.max(axis=-1) << shift], axis=-1)


def gate(x: np.ndarray, g: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Look table[x][g] up, both indices taken as two's complement codes.

    Args:
        x: Feature map, integers of shape (N, H, W, C).
        g: Channel gate (N, 1, 1, C) or spatial gate (N, H, W, 1).
        table: Integers of shape (2**x_bits, 2**g_bits).

    Returns:
        Integers of x's shape.
    """
    rows, columns = table.shape
    return table[x & (rows - 1), g & (columns - 1)]
