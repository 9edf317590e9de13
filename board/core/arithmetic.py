# SPDX-License-Identifier: Apache-2.0
"""Ranges of integers: what floats hold exactly, what accumulators reach, how many bits that takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from board.core.arrays import Integers

if TYPE_CHECKING:  # its import takes a board's time
    import numpy.typing as npt

EXACT_FLOAT32 = 1 << 24
"""Magnitude below which float32 holds every integer, so BLAS sums of integers are exact."""


def accumulator_bounds(weights: Integers, low: int, high: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
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


def common_bits(*types: tuple[int, bool]) -> int:
    """Bits of the narrowest type, signed where one of them is, that holds every value of some (bits, signed)."""
    signed = any(is_signed for _, is_signed in types)
    return max(bits + (signed and not is_signed) for bits, is_signed in types)
