# SPDX-License-Identifier: Apache-2.0
"""Activation thresholds that lie a power of two apart, as a bias and a shift of each channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from board.core.arrays import Integers

MOST_SHIFT = 24
"""An accumulator has so many bits at most, so what is shifted by more is nothing."""
BIAS_LIMIT = 1 << 26
"""Every bias has a smaller magnitude."""


@dataclass(frozen=True)
class Requantization:
    """Codes as clip(round((2 * x + bias) / 2**shift)), half to even.

    Attributes:
        biases: Of each channel, or one for all.
        shifts: Likewise, at least 1.
    """

    biases: Integers
    shifts: Integers


def requantization(thresholds: Integers, first: int, low: Integers, high: Integers) -> Requantization | None:
    """Bias and shift of each channel that give the codes of some thresholds for all integers that reach them.

    A code c is reached from the integer on that its threshold says: where that is x, of 2 * x and 2 * x - 1 the former
    is at 2**shift * (c - 1/2), or above it for an odd c, whose half goes to the even code below. So each threshold
    leaves two biases for every shift; one that no integer decides on, because all or none reach it, leaves many.

    Args:
        thresholds: Ascending integers of shape (channels or 1, steps).
        first: Code below the lowest threshold.
        low: Least integer that occurs, of shape (channels or 1,).
        high: Greatest one.

    Returns:
        None where a channel has no such bias and shift. Shifts are as close together as they can be.
    """
    shifts = np.arange(1, MOST_SHIFT + 1)
    codes = first + 1 + np.arange(thresholds.shape[1])
    begins = ((2 * codes - 1) << (shifts[:, None] - 1)) + codes % 2  # (shifts, steps): least 2 * x + bias of a code
    t, low, high = thresholds[:, None], low[:, None, None], high[:, None, None]  # (channels, 1, steps)
    always, never = t <= low, t > high
    least = np.where(never, 1 - BIAS_LIMIT, begins - 2 * np.where(always, low, t)).max(2)  # (channels, shifts)
    most = np.where(always, BIAS_LIMIT - 1, begins - 2 * np.where(never, high, t - 1) - 1).min(2)
    fits = (least <= most) & (least < BIAS_LIMIT) & (most > -BIAS_LIMIT)
    span = _narrowest(fits)
    if span is None:
        return None
    begin, end = span
    chosen = begin + fits[:, begin:end].argmax(1)
    rows = np.arange(len(fits))
    return Requantization(np.clip(0, least[rows, chosen], most[rows, chosen]), shifts[chosen])


def _narrowest(fits: Integers) -> tuple[int, int] | None:
    """Begin and end of the fewest columns that follow each other and have a true value in every row."""
    columns = fits.shape[1]
    for width in range(1, columns + 1):
        for begin in range(columns - width + 1):
            if fits[:, begin : begin + width].any(1).all():
                return begin, begin + width
    return None
