# SPDX-License-Identifier: Apache-2.0
"""Threshold: whatever stood between an accumulator and the next quantizer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from board.core.arrays import Integers
from board.core.node import Node

FEW_THRESHOLDS = 31
"""Up to so many, comparing all of x with each threshold is faster than searching for each element."""


@dataclass(frozen=True)
class Threshold(Node):
    """Whatever stood between an accumulator and the next quantizer.

    Attributes:
        thresholds: Integers of shape (C, T) or (1, T), ascending along T.
        first: Output below the lowest threshold.
    """

    thresholds: Integers
    first: int

    def run(self, *x: Integers) -> tuple[Integers, ...]:
        return (multi_threshold(x[0], self.thresholds, self.first),)


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
