# SPDX-License-Identifier: Apache-2.0
"""Quantizer: code ranges, rounding, scales per channel, and which Quant nodes are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from board.core.quantizer import Quantizer

ATTRIBUTES: dict[str, Any] = {"signed": 1, "narrow": 0, "rounding_mode": b"ROUND"}


@pytest.mark.parametrize(
    ("bits", "signed", "narrow", "low", "high"),
    [(4, True, False, -8, 7), (4, True, True, -7, 7), (4, False, False, 0, 15), (4, False, True, 0, 14)],
)
def test_code_ranges(bits: int, signed: bool, narrow: bool, low: int, high: int) -> None:
    quantizer = Quantizer(np.array(0.5), bits, signed, narrow)
    assert (quantizer.low, quantizer.high) == (low, high)
    assert quantizer.codes(np.array([-100.0, 100.0])).tolist() == [low, high]


def test_ties_round_to_even() -> None:
    quantizer = Quantizer(np.array(0.25), 8, signed=True)
    assert quantizer.codes(np.array([0.125, 0.375, -0.125, -0.375], np.float32)).tolist() == [0, 2, 0, -2]


def test_codes_survive_their_real_values() -> None:
    quantizer = Quantizer(np.array([[2.0**-7], [4.0]]), 8, signed=True, narrow=True)
    codes = np.tile(np.arange(quantizer.low, quantizer.high + 1), (2, 1))
    real = quantizer.real(codes)
    assert real.dtype == np.float32
    np.testing.assert_array_equal(real[1], 512 * real[0])
    np.testing.assert_array_equal(quantizer.codes(real), codes)


def test_a_quant_node_is_parsed() -> None:
    quantizer = Quantizer.of_node(ATTRIBUTES, np.array([[0.5], [2.0]], np.float32), np.zeros(1), np.array([4.0]))
    assert quantizer.scale.tolist() == [[0.5], [2.0]]
    assert (quantizer.bits, quantizer.signed, quantizer.narrow) == (4, True, False)


@pytest.mark.parametrize(
    ("mode", "scale", "zero_point", "message"),
    [
        (b"FLOOR", 1.0, 0.0, r"rounds by b'FLOOR', need ROUND"),
        (b"round", [1.0, -0.3], 0.0, r"has scale -0\.3, need a positive number"),
        (b"ROUND", 1.0, [0.0, -2.0], r"has zero point -2\.0, need 0"),
    ],
)
def test_a_quant_node_that_is_not_exact_is_refused(mode: bytes, scale: Any, zero_point: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Quantizer.of_node({**ATTRIBUTES, "rounding_mode": mode}, scale, zero_point, 4.0)
