# SPDX-License-Identifier: Apache-2.0
"""Layers in numpy are exact at the ends of their ranges, and equal what plain loops compute."""

from __future__ import annotations

import numpy as np
import pytest

from board.core.layers.append import append
from board.core.layers.channel_descriptors import channel_descriptors
from board.core.layers.conv import PreparedWeights, convolve_same
from board.core.layers.gate import gate
from board.core.layers.global_descriptors import global_descriptors
from board.core.layers.sum_pixels import sum_pixels
from board.core.layers.threshold import FEW_THRESHOLDS, multi_threshold


def test_appended_frames_keep_every_integer(rng: np.random.Generator) -> None:
    head, tail = rng.integers(-(1 << 23), 1 << 23, (3, 1, 1, 5)), rng.integers(0, 16, (3, 1, 1, 7), np.int32)
    both = append(head, tail)
    assert both.shape == (3, 1, 1, 12)
    np.testing.assert_array_equal(both[..., :5], head)
    np.testing.assert_array_equal(both[..., 5:], tail)


def convolve(x: np.ndarray, weights: np.ndarray) -> list:
    """A 'same' convolution in Python's integers."""
    outputs, k, _, _ = weights.shape
    n, height, width, _ = x.shape
    pad = k // 2
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0))).astype(object)
    return [
        [[[(padded[b, i : i + k, j : j + k] * weights[o].astype(object)).sum() for o in range(outputs)]
          for j in range(width)] for i in range(height)] for b in range(n)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("bits", "kind"), [(4, np.int32), (12, np.int32), (15, np.int64), (23, np.int64)], ids=lambda value: str(value)
)
@pytest.mark.parametrize("side", [1, 3])
def test_convolutions_are_exact(rng: np.random.Generator, bits: int, kind: type, side: int) -> None:
    top = (1 << bits) - 1
    x = rng.integers(-top, top + 1, (2, 5, 4, 8))
    x[0, 0, 0] = top
    weights = rng.integers(-top, top + 1, (3, side, side, 8))
    weights[0] = top  # the largest sum there can be
    got = convolve_same(x, PreparedWeights.of(weights))
    assert got.dtype == kind
    assert got.tolist() == convolve(x, weights)


def test_sums_that_no_float_holds_are_refused() -> None:
    x = np.full((1, 1, 1, 2), 1 << 30)
    with pytest.raises(ValueError, match=r"need accumulators below 2\*\*53, got a bound of"):
        convolve_same(x, PreparedWeights.of(np.full((1, 1, 1, 2), 1 << 23)))


@pytest.mark.parametrize("count", [0, 1, 15, FEW_THRESHOLDS, FEW_THRESHOLDS + 1, 255])
@pytest.mark.parametrize("rows", [1, 6])
@pytest.mark.parametrize("kind", [np.int32, np.int64])
def test_thresholds_count_what_is_reached(rng: np.random.Generator, count: int, rows: int, kind: type) -> None:
    x: np.ndarray = rng.integers(-300, 300, (2, 3, 4, 6)).astype(kind)
    thresholds = np.sort(rng.integers(-300, 300, (rows, count)))
    if count:
        x[0, 0, 0] = thresholds[:, 0]  # reached exactly
    wide = np.broadcast_to(thresholds, (6, count))
    expected = [(value >= wide[i % 6]).sum() - 8 for i, value in enumerate(x.ravel())]
    got = multi_threshold(x, thresholds, -8)
    assert got.ravel().tolist() == expected


def test_thresholds_beyond_the_type_of_x_still_count() -> None:
    x = np.array([[5, -5]], np.int32)
    thresholds = np.array([[-(1 << 40), 0, 1 << 40]])
    assert multi_threshold(x, thresholds, 0).tolist() == [[2, 1]]


def test_gates_take_codes_in_twos_complement() -> None:
    table = np.arange(16 * 4).reshape(16, 4)
    x = np.array([[[[-8, -1, 0, 7]]]])
    for g in range(-2, 2):
        got = gate(x, np.full((1, 1, 1, 4), g), table)
        assert got.ravel().tolist() == [table[value & 15, g & 3] for value in (-8, -1, 0, 7)]


def test_descriptors_scale_the_maximum() -> None:
    x = np.array([[[[1, -4], [3, -2]]]], np.int32)  # (1, 1, 2, 2)
    assert global_descriptors(x, 3).tolist() == [[[[4, -6], [24, -16]]]]
    assert channel_descriptors(x, 1).tolist() == [[[[-3, 2], [1, 6]]]]
    assert sum_pixels(x).tolist() == [[[[4, -6]]]]
