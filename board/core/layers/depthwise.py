# SPDX-License-Identifier: Apache-2.0
"""Depthwise: a convolution in which every channel sees itself alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from itertools import product

import numpy as np

from board.core.arrays import Integers
from board.core.layers.conv import Conv, windows


@dataclass(frozen=True)
class Depthwise(Conv):
    """Depthwise convolution; no bias, no activation.

    Its weights have the shape (channels, rows, columns, 1).
    """

    def run(self, *x: Integers) -> tuple[Integers, ...]:
        above, before, below, behind = self.padding
        padded = np.pad(x[0], ((0, 0), (above, below), (before, behind), (0, 0)))
        height, width = windows(x[0].shape[1:3], self.kernel, self.strides, self.padding)
        down, along = self.strides
        bottom, right = (height - 1) * down + 1, (width - 1) * along + 1
        places = product(*map(range, self.kernel))
        taps = (padded[:, i : i + bottom : down, j : j + right : along] for i, j in places)
        return (weighted_sum(taps, self.weights.reshape(len(self.weights), -1)),)


def weighted_sum(taps: Iterable[Integers], weights: Integers) -> Integers:
    """Sum up what a window's places hold, each times its weights.

    Args:
        taps: Of each place in a window, by row and column, integers of one shape (..., channels).
        weights: Integers of shape (channels, places).

    Returns:
        Sums of the taps' shape, int64.
    """
    products = (tap.astype(np.int64) * weight for tap, weight in zip(taps, weights.T, strict=True))
    return reduce(np.add, products)
