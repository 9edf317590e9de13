# SPDX-License-Identifier: Apache-2.0
"""Rules of folding at the edges where they change their mind."""

from __future__ import annotations

import pytest

from hls_build.dataflow.rules import memory_style, window_lanes


@pytest.mark.parametrize(
    ("simd", "cycles_per_pixel", "lanes"),
    [
        (4, 73, 4),  # 9 * 8 groups of four channels: strictly faster
        (4, 72, 8),  # as fast is not enough, since a window pauses while it fills
        (1, 37, 8),
        (4, 5, 32),  # not even all channels at once are fast enough
    ],
)
def test_a_window_is_strictly_faster_than_its_multiplier(simd: int, cycles_per_pixel: int, lanes: int) -> None:
    assert window_lanes(32, 9, simd, cycles_per_pixel) == lanes


@pytest.mark.parametrize(
    ("style", "depth", "width", "found"),
    [
        ("auto", 512, 18, "block"),  # half of a block of 1024 x 18
        ("auto", 511, 18, "distributed"),
        ("auto", 1024, 18, "block"),
        ("block", 2, 1, "block"),
    ],
)
def test_block_ram_is_for_memories_that_fill_half_of_it(style: str, depth: int, width: int, found: str) -> None:
    assert memory_style(style, depth, width) == found
