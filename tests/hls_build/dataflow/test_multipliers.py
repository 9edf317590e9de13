# SPDX-License-Identifier: Apache-2.0
"""Bounds of a multiplier's accumulators."""

import numpy as np
import pytest

from board.core.arithmetic import needed_bits
from hls_build.dataflow.multipliers import accumulator_bounds


def test_bounds_of_accumulators_include_padding() -> None:
    assert accumulator_bounds(np.array([[2], [-3]]), 1, 5) == (-15, 10)
    assert accumulator_bounds(np.array([[2], [-3]]), -4, 3) == (-17, 18)


@pytest.mark.parametrize(("low", "high", "bits"), [(-8, 7, 4), (-9, 7, 5), (-8, 8, 5), (0, 0, 1), (-1, 0, 1)])
def test_needed_bits(low: int, high: int, bits: int) -> None:
    assert needed_bits(low, high, True) == bits
