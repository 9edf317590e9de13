# SPDX-License-Identifier: Apache-2.0
"""Thresholds a power of two apart become biases and shifts that give the same codes; others become none."""

from __future__ import annotations

import numpy as np
import pytest

from hls_build.dataflow.requantization import Requantization, requantization


def codes(scales: Requantization, x: np.ndarray, first: int, last: int) -> np.ndarray:
    """Codes of x, of shape (channels, integers), by numpy's own rounding to even."""
    exact = (2 * x + scales.biases[:, None]) / (1 << scales.shifts)[:, None].astype(float)
    return np.clip(np.round(exact), first, last).astype(int)


def thresholds(scale: float, bias: float, first: int, steps: int) -> np.ndarray:
    """Least integer of each code behind the first of round(scale * x + bias), half to even."""
    x = np.arange(-5000, 5000)
    return np.searchsorted(np.round(scale * x + bias), first + 1 + np.arange(steps)) - 5000


def check(table: np.ndarray, first: int, low: int, high: int) -> Requantization:
    found = requantization(table, first, np.array([low]), np.array([high]))
    assert found is not None
    x = np.broadcast_to(np.arange(low, high + 1), (len(table), high - low + 1))
    counted = first + (x[:, :, None] >= table[:, None]).sum(2)
    np.testing.assert_array_equal(codes(found, x, first, first + table.shape[1]), counted)
    return found


@pytest.mark.parametrize("first", [0, -8])
@pytest.mark.parametrize("bias", [0, 0.25, 0.5, -3.4375, 11])
@pytest.mark.parametrize("shift", [0, 1, 4])
def test_a_scale_of_a_power_of_two_is_a_shift(shift: int, bias: float, first: int) -> None:
    found = check(thresholds(0.5**shift, bias, first, 15)[None], first, -300, 299)
    assert found.shifts.tolist() == [shift + 1]


def test_channels_have_biases_and_shifts_of_their_own() -> None:
    table = np.stack([thresholds(0.25, 1.5, 0, 7), thresholds(0.0625, -2, 0, 7), thresholds(0.125, 0.3, 0, 7)])
    assert check(table, 0, -200, 400).shifts.tolist() == [3, 5, 4]


def test_thresholds_that_nothing_or_all_reach_may_lie_anywhere() -> None:
    """Of the first channel codes 3 and 4 alone occur, of the second 0 alone, which goes by any shift."""
    table = np.array([[-9, -9, -9, 2, 10, 10, 10], [10, 10, 10, 10, 10, 10, 10], [0, 3, 8, 10, 10, 10, 10]])
    assert check(table, 0, -9, 9).shifts.tolist() == [5, 3, 3]


@pytest.mark.parametrize(
    "table",
    [[0, 3, 6, 9, 12], [0, 4, 8, 13, 16], [0, 4, 4, 8, 12]],
    ids=["a third apart", "one is off", "a code is skipped"],
)
def test_other_thresholds_are_none(table: list[int]) -> None:
    assert requantization(np.array([table]), 0, np.array([-50]), np.array([50])) is None


def test_one_channel_that_does_not_fit_is_enough() -> None:
    table = np.stack([thresholds(0.25, 0, 0, 3), np.array([0, 3, 6])])
    assert requantization(table, 0, np.array([-50]), np.array([50])) is None
