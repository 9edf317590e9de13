# SPDX-License-Identifier: Apache-2.0
"""Layers in numpy are exact at the ends of their ranges, and equal what plain loops compute."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from board.core.graph import IntegerGraph
from board.core.layers.append import append
from board.core.layers.channel_descriptors import channel_descriptors
from board.core.layers.conv import Conv, PreparedWeights, correlate
from board.core.layers.fork import Fork
from board.core.layers.gate import Gate, gate
from board.core.layers.global_descriptors import global_descriptors
from board.core.layers.sum_pixels import SumPixels, sum_pixels
from board.core.layers.threshold import FEW_THRESHOLDS, Threshold, multi_threshold
from board.core.node import Node, Tensor


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
    got = correlate(x, PreparedWeights.of(weights), pads=(side // 2,) * 4)
    assert got.dtype == kind
    assert got.tolist() == convolve(x, weights)


def test_convolutions_in_bands_of_rows_are_those_of_the_whole(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, weights = rng.integers(-9, 10, (2, 7, 5, 3)), PreparedWeights.of(rng.integers(-9, 10, (4, 3, 3, 3)))
    whole = correlate(x, weights, pads=(1,) * 4)
    for rows in (1, 2, 3):
        monkeypatch.setattr("board.core.layers.conv.WINDOW_BYTES", rows * 5 * 27 * 4)
        np.testing.assert_array_equal(correlate(x, weights, pads=(1,) * 4), whole)


@pytest.mark.parametrize(
    ("kernel", "strides", "pads"),
    [((3, 3), (2, 2), (1, 1, 1, 1)), ((2, 3), (1, 2), (0, 2, 1, 0)), ((1, 1), (3, 2), (0, 0, 0, 0))],
)
def test_windows_move_by_their_strides_over_their_own_padding(
    kernel: tuple[int, int], strides: tuple[int, int], pads: tuple[int, ...], rng: np.random.Generator
) -> None:
    x, weights = rng.integers(-9, 10, (2, 7, 6, 3)), rng.integers(-9, 10, (4, *kernel, 3))
    (found,) = Conv("c", ("x",), ("c",), weights, 5, strides, pads).run(x)
    padded = np.pad(x, ((0, 0), (pads[0], pads[2]), (pads[1], pads[3]), (0, 0)))
    tops = range(0, padded.shape[1] - kernel[0] + 1, strides[0])
    lefts = range(0, padded.shape[2] - kernel[1] + 1, strides[1])
    parts = [[padded[:, i : i + kernel[0], j : j + kernel[1]] for j in lefts] for i in tops]
    expected = [[np.tensordot(part, weights, ([1, 2, 3], [1, 2, 3])) for part in row] for row in parts]
    np.testing.assert_array_equal(found, np.array(expected).transpose(2, 0, 1, 3))


def test_sums_that_no_float_holds_are_refused() -> None:
    x = np.full((1, 1, 1, 2), 1 << 30)
    with pytest.raises(ValueError, match=r"need accumulators below 2\*\*53, got a bound of"):
        correlate(x, PreparedWeights.of(np.full((1, 1, 1, 2), 1 << 23)))


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


class Of32Bits(np.ndarray):
    """A table on a machine whose intp has 32 bits: it takes no wider indices."""

    def take(self, indices: np.ndarray, *settings: Any, **named: Any) -> Any:  # type: ignore[override] # of its overloads
        if not np.can_cast(indices.dtype, np.int32, "safe"):
            raise TypeError(f"Cannot cast array data from {indices.dtype} to int32 according to the rule 'safe'")
        return super().take(indices, *settings, **named)


def test_two_gates_in_a_row_run_where_intp_has_32_bits(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = np.outer(np.arange(16), np.arange(16)) >> 4  # int64, and so is what the first gate gives the second
    tensors = [Tensor(name, (4, 4, 2), 4, False) for name in ("x", "left", "right", "a", "b", "first", "second")]
    tensors += [Tensor("heat", (4, 4, 1), 8, False), Tensor("gate", (4, 4, 1), 4, False)]
    tensors += [Tensor("sums", (1, 1, 2), 8, False), Tensor("means", (1, 1, 2), 4, False)]

    def graph(table: np.ndarray) -> IntegerGraph:
        nodes: tuple[Node, ...] = (
            Fork("fork", ("x",), ("left", "right")),
            Fork("fork_right", ("right",), ("a", "b")),
            SumPixels("sum", ("a",), ("sums",)),
            Threshold("sum_q", ("sums",), ("means",), np.arange(8, 128, 8)[np.newaxis], 0),
            Conv("heat_conv", ("b",), ("heat",), np.ones((1, 1, 1, 2), np.int64), 2),
            Threshold("heat_q", ("heat",), ("gate",), np.arange(2, 32, 2)[np.newaxis], 0),
            Gate("by_channel", ("left", "means"), ("first",), table),
            Gate("by_pixel", ("first", "gate"), ("second",), table),
        )
        return IntegerGraph({tensor.name: tensor for tensor in tensors}, nodes, "x", "second")

    x = rng.integers(0, 16, (3, 4, 4, 2))
    expected = graph(table).run(x)
    monkeypatch.setattr(np, "intp", np.int32)
    np.testing.assert_array_equal(graph(table.view(Of32Bits)).run(x), expected)
