# SPDX-License-Identifier: Apache-2.0
"""Packing: lanes of any width round-trip through beats, bit for bit as one big integer."""

from __future__ import annotations

import time

import numpy as np
import pytest

from board.core.lanes import Lanes, beats_of_ints, ints_of_beats


def random_values(lanes: Lanes, rng: np.random.Generator, beats: int) -> np.ndarray:
    """Values over the whole range, both ends included."""
    low = -(1 << (lanes.bits - 1)) if lanes.signed else 0
    values = rng.integers(low, low + (1 << lanes.bits), (beats, lanes.lanes))
    values[0], values[-1] = low, low + (1 << lanes.bits) - 1
    return values


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17, 20, 31, 32, 33, 63])
@pytest.mark.parametrize("count", [1, 2, 3, 8, 13])
def test_pack_is_the_concatenation_of_lanes(bits: int, count: int, signed: bool, rng: np.random.Generator) -> None:
    lanes = Lanes(count, bits, signed)
    values = random_values(lanes, rng, 17)
    mask = (1 << bits) - 1
    joined = [sum((int(v) & mask) << (i * bits) for i, v in enumerate(row)) for row in values]
    beats = lanes.pack(values)
    assert ints_of_beats(beats) == joined
    np.testing.assert_array_equal(beats, beats_of_ints(joined, lanes.beat_bytes))
    np.testing.assert_array_equal(lanes.unpack(beats), values)


def test_long_streams_cross_chunks(rng: np.random.Generator) -> None:
    lanes = Lanes(3, 5, signed=True)
    values = random_values(lanes, rng, 100_001)
    np.testing.assert_array_equal(lanes.unpack(lanes.pack(values)), values)


@pytest.mark.clock  # a loop over values would take minutes
@pytest.mark.parametrize("bits", [4, 8])
def test_a_million_beats_take_a_moment(bits: int, rng: np.random.Generator) -> None:
    lanes = Lanes(8, bits)
    values = random_values(lanes, rng, 1_000_000)
    began = time.process_time()
    np.testing.assert_array_equal(lanes.unpack(lanes.pack(values)), values)
    assert time.process_time() - began < 5


@pytest.mark.parametrize("shape", [(0, 4), (2, 3, 4)])
def test_any_shape_and_no_beat(shape: tuple[int, ...]) -> None:
    assert Lanes(4, 3).pack(np.zeros(shape, np.int64)).shape == (np.prod(shape) // 4, 2)


@pytest.mark.parametrize(
    ("lanes", "values", "message"),
    [
        (Lanes(2, 4), np.array([1, 2, 3]), "need a multiple of 2 values, got 3"),
        (Lanes(1, 4), np.array([16]), "need values from 0 to 15"),
        (Lanes(1, 4), np.array([-1]), "need values from 0 to 15"),
        (Lanes(1, 4, True), np.array([8]), "need values from -8 to 7"),
        (Lanes(1, 4), np.array([1.0]), "need integers, got float64"),
    ],
)
def test_values_that_do_not_fit(lanes: Lanes, values: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        lanes.pack(values)


def test_beats_of_another_width() -> None:
    with pytest.raises(ValueError, match=r"need beats of shape \(n, 2\), got \(3, 1\)"):
        Lanes(4, 4).unpack(np.zeros((3, 1), np.uint8))


@pytest.mark.parametrize(("lanes", "bits"), [(0, 4), (1, 0), (1, 64)])
def test_illegal_lanes(lanes: int, bits: int) -> None:
    with pytest.raises(ValueError, match="need"):
        Lanes(lanes, bits)
