# SPDX-License-Identifier: Apache-2.0
"""Ranges of accumulators are reached, and types are as narrow as they can be."""

from __future__ import annotations

import numpy as np
import pytest

from board.core.arithmetic import accumulator_bounds, needed_bits
from board.core.layers.conv import PreparedWeights, correlate


def test_bounds_of_accumulators_hold_zero_padding_and_are_reached() -> None:
    weights = np.array([[[[2, -3]]], [[[-1, 0]]]])
    for low, high, least, greatest in ((1, 5, [-15, -5], [10, 0]), (-4, 3, [-17, -3], [18, 4])):
        bounds = accumulator_bounds(weights.astype(np.int8), low, high)
        assert [bound.tolist() for bound in bounds] == [least, greatest]
        inputs = np.array([[a, b] for a in (0, low, high) for b in (0, low, high)]).reshape(-1, 1, 1, 2)
        sums = correlate(inputs, PreparedWeights.of(weights)).reshape(-1, 2)
        assert (sums.min(axis=0).tolist(), sums.max(axis=0).tolist()) == (least, greatest)


@pytest.mark.parametrize(("low", "high", "bits"), [(-8, 7, 4), (-9, 7, 5), (-8, 8, 5), (0, 0, 1), (-1, 0, 1)])
def test_needed_bits(low: int, high: int, bits: int) -> None:
    assert needed_bits(low, high, True) == bits
