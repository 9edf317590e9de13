# SPDX-License-Identifier: Apache-2.0
"""Requantizer: integers are scaled, halves go to even codes, and what is beyond the codes stays at their ends."""

from __future__ import annotations

from typing import Any

import numpy as np
from kernel_cases import Cases, NodeCase

from hls_build.kernels.requantizer.spec import RequantizerSpec


def spec(channels: int, shifts: tuple[int, int], seed: int = 0, **more: Any) -> RequantizerSpec:
    """A spec of random biases, and of random shifts from the least to the greatest."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(shifts[0], shifts[1] + 1, channels)
    drawn[0], drawn[-1] = shifts
    biases = rng.integers(-1 << shifts[1], 1 << shifts[1], channels)
    return RequantizerSpec(channels=channels, biases=biases, shifts=drawn, **more)


SPECS = [
    spec(8, (1, 4), pixels=5, pe=2, bits=7, signed=True, out_bits=3, out_signed=False, memory="distributed"),
    spec(4, (2, 3), pixels=6, pe=4, bits=6, signed=True, out_bits=4, out_signed=True, memory="distributed"),
    spec(6, (3, 7), pixels=4, pe=1, bits=5, signed=False, out_bits=2, out_signed=False, memory="block"),
    spec(40, (2, 2), pixels=2, pe=1, bits=6, signed=True, out_bits=1, out_signed=True, memory="distributed"),
    RequantizerSpec(5, 3, 1, 4, False, 6, False, "distributed", (0,), (1,)),
    RequantizerSpec(5, 2, 2, 8, True, 4, True, "block", (-9,), (4,)),
]
CONV = spec(128, (6, 7), pixels=2, pe=1, bits=15, signed=True, out_bits=4, out_signed=False, memory="distributed")
DENSE = spec(1024, (2, 10), pixels=1, pe=1, bits=13, signed=True, out_bits=4, out_signed=False, memory="block")
FIRST = spec(32, (11, 14), pixels=2, pe=4, bits=20, signed=True, out_bits=4, out_signed=False, memory="distributed")
CASES = Cases(
    specs=SPECS,
    illegal=[
        ({"pixels": 0}, "pixels >= 1, got pixels=0"),
        ({"pe": 3}, r"pe to divide channels=8 \(one of \[1, 2, 4, 8\]\), got pe=3"),
        ({"bits": 25}, "1 <= bits <= 24, got bits=25"),
        ({"out_bits": 0}, "1 <= out_bits <= 24, got out_bits=0"),
        ({"memory": "auto"}, "memory to be one of distributed, block, got 'auto'"),
        ({"biases": (1, 2)}, "one of biases or one for each of 8 channels, got 2"),
        ({"shifts": (1, 2)}, "one of shifts or one for each of 8 channels, got 2"),
        ({"shifts": (1,)}, "as many biases as shifts, got 8 and 1"),
        ({"shifts": (1,) * 7 + (0,)}, "shifts of 1 to 24, got 0"),
        ({"shifts": (1,) * 7 + (25,)}, "shifts of 1 to 24, got 25"),
        ({"biases": (0,) * 7 + (-1 << 26,)}, "biases of a magnitude below 67108864, got 67108864"),
        (
            {"channels": 257, "pe": 1, "biases": (0,) * 257, "shifts": (1,) * 257},
            "at most 256 folds in distributed, got 257",
        ),
    ],
    illegal_rtl=[
        ({"PE": 0}, "need PE >= 1 and FOLD >= 1"),
        ({"OUT_BITS": 0}, "need lanes of at least one bit"),
        ({"SIGNED": 2}, "need SIGNED, OUT_SIGNED and BLOCK to be 0 or 1"),
        ({"LEAST_SHIFT": 0}, "need 1 <= LEAST_SHIFT < SUM_BITS"),
        ({"SUM_BITS": 7}, "need SUM_BITS to hold 2 . x and every offset"),
    ],
    nodes=[NodeCase(SPECS[0], [[1, 1, 5, 8]], [[1, 1, 5, 8]])],
    synthesised=[SPECS[0], CONV, DENSE, FIRST],
    full_size=[CONV, DENSE],
    proved=[
        RequantizerSpec(1, 2, 2, 3, True, 2, False, "block", (1, -2), (1, 2)),
        RequantizerSpec(1, 2, 1, 3, True, 2, False, "block", (3, -2), (2, 3)),
        RequantizerSpec(1, 1, 1, 4, False, 2, True, "block", (-7,), (2,)),
    ],
    lut_share=0.15,
    ff_share=0,
)


def test_halves_go_to_even_codes() -> None:
    one = RequantizerSpec(1, 7, 1, 5, True, 3, False, "distributed", (0,), (2,))  # x / 2
    x = np.array([-1, 1, 2, 3, 5, 13, 15]).reshape(1, 1, 1, 7)
    np.testing.assert_array_equal(one.model(x).ravel(), [0, 0, 1, 2, 2, 6, 7])


def test_an_odd_bias_is_no_half() -> None:
    """2 * x + 1 over 4: 0.25 and 0.75 of every whole number, never a half."""
    one = RequantizerSpec(1, 4, 1, 5, True, 3, False, "distributed", (1,), (2,))
    np.testing.assert_array_equal(one.model(np.arange(4).reshape(1, 1, 1, 4)).ravel(), [0, 1, 1, 2])


def test_what_is_beyond_the_codes_stays_at_their_ends() -> None:
    one = RequantizerSpec(1, 4, 1, 8, True, 4, True, "distributed", (0,), (1,))  # x itself
    x = np.array([-128, -9, 8, 127]).reshape(1, 1, 1, 4)
    np.testing.assert_array_equal(one.model(x).ravel(), [-8, -8, 7, 7])
