# SPDX-License-Identifier: Apache-2.0
"""ColumnWindow: the windows of a padded map, a column in each beat."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from kernel_cases import FRAMES, Cases, NodeCase, label, random_inputs
from kernels import Simulate

from hls_build.kernels.column_window.spec import ColumnWindowSpec

SAME = ColumnWindowSpec(4, 5, 4, 3, 3, 1, 1, 1, 1, pe=2, bits=3, signed=True)
SPECS = [
    SAME,
    ColumnWindowSpec(3, 3, 2, 7, 7, 3, 3, 3, 3, pe=1, bits=4, signed=False),  # a window that is larger than the map
    ColumnWindowSpec(5, 4, 3, 2, 3, 1, 0, 0, 2, pe=3, bits=2, signed=False),
    ColumnWindowSpec(3, 6, 2, 3, 2, 0, 1, 2, 0, pe=2, bits=5, signed=True),
    ColumnWindowSpec(2, 7, 3, 1, 5, 0, 2, 0, 2, pe=1, bits=1, signed=False),
    ColumnWindowSpec(6, 1, 2, 3, 1, 2, 0, 0, 0, pe=1, bits=2, signed=True),
    ColumnWindowSpec(1, 1, 1, 1, 1, 0, 0, 0, 0, pe=1, bits=4, signed=False),
]
CASES = Cases(
    specs=SPECS,
    full_size=[ColumnWindowSpec(24, 24, 2, 7, 7, 3, 3, 3, 3, pe=1, bits=8, signed=True)],
    illegal=[
        ({"height": 0}, "height >= 1, got height=0"),
        ({"pe": 3}, r"pe to divide channels=4 \(one of \[1, 2, 4\]\), got pe=3"),
        ({"bits": 0}, "1 <= bits <= 24, got bits=0"),
        ({"above": 3}, "0 <= above < kernel_rows=3, got above=3"),
        ({"behind": -1}, "0 <= behind < kernel_columns=3, got behind=-1"),
        ({"kernel_rows": 8}, "a window of 8x3 in the padded map, got 4x5 with 1, 1, 1 and 1"),
    ],
    illegal_rtl=[
        ({"FOLD": 0}, "need FOLD >= 1 and LANES_BITS >= 1"),
        ({"ABOVE": 3}, "need fewer zeros than a window has rows or columns"),
        ({"BEHIND": 3}, "need fewer zeros than a window has rows or columns"),
        ({"KERNEL_ROWS": 8}, "need a window in the padded map"),
    ],
    nodes=[NodeCase(SAME, [[1, 4, 5, 4]], [[1, 4, 5, 36]])],
    synthesised=[
        ColumnWindowSpec(24, 24, 2, 7, 7, 3, 3, 3, 3, pe=1, bits=8, signed=True),
        ColumnWindowSpec(3, 3, 2, 7, 7, 3, 3, 3, 3, pe=1, bits=8, signed=True),
        ColumnWindowSpec(48, 48, 32, 3, 3, 1, 1, 1, 1, pe=16, bits=2, signed=False),
        ColumnWindowSpec(12, 12, 128, 3, 3, 1, 1, 1, 1, pe=16, bits=2, signed=True),
    ],
    lut_share=0.05,
    ff_share=0.05,
    proved=[
        ColumnWindowSpec(2, 2, 1, 2, 2, 1, 0, 0, 1, pe=1, bits=1, signed=False),
        ColumnWindowSpec(1, 2, 2, 3, 1, 1, 0, 1, 0, pe=1, bits=1, signed=False),
    ],
    proved_slowly=[ColumnWindowSpec(2, 2, 2, 3, 3, 1, 1, 1, 1, pe=1, bits=1, signed=False)],
)


def test_columns_come_one_by_one_and_rows_side_by_side() -> None:
    one = ColumnWindowSpec(2, 2, 2, 2, 2, 0, 0, 0, 0, pe=1, bits=4, signed=False)
    x = np.arange(8).reshape(1, 2, 2, 2)
    np.testing.assert_array_equal(one.model(x).ravel(), [0, 4, 1, 5, 2, 6, 3, 7])


@pytest.mark.verilator
@pytest.mark.parametrize("spec", SPECS, ids=label)
def test_a_frame_leaves_whole_though_no_other_comes(
    spec: ColumnWindowSpec, rng: np.random.Generator, simulate: Simulate
) -> None:
    """Rows below the map need no input."""
    result = simulate.run(spec, *random_inputs(spec, rng, FRAMES)).result
    assert result.cycles == FRAMES * spec.cycles() + 1


def test_what_comes_before_the_first_window() -> None:
    assert (SAME.fill, SAME.latency) == ((5 + 2) * 2, 15)
    assert dataclasses.replace(SAME, above=2).fill == 4
