# SPDX-License-Identifier: Apache-2.0
"""LaneConverter: every element keeps its place, a part per cycle."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_cases import FRAMES, Cases, NodeCase, label, random_inputs
from kernels import Simulate

from hls_build.kernels.lane_converter.spec import LaneConverterSpec

SPECS = [
    LaneConverterSpec(pixels=6, channels=8, lanes_in=8, lanes_out=2, bits=5, signed=True),
    LaneConverterSpec(pixels=4, channels=12, lanes_in=2, lanes_out=12, bits=4, signed=False),
    LaneConverterSpec(pixels=3, channels=3, lanes_in=3, lanes_out=1, bits=8, signed=False),
    LaneConverterSpec(pixels=2, channels=2, lanes_in=1, lanes_out=2, bits=19, signed=True),
]
CASES = Cases(
    specs=SPECS,
    illegal=[
        ({"lanes_out": 8}, "a whole ratio of at least 2, got 8 and 8"),
        ({"channels": 24, "lanes_out": 3}, "a whole ratio of at least 2, got 8 and 3"),
        ({"lanes_out": 3}, r"pe to divide channels=8 \(one of \[1, 2, 4, 8\]\), got pe=3"),
        ({"pixels": 0}, "pixels >= 1, got pixels=0"),
        ({"bits": 0}, "1 <= bits <= 24, got bits=0"),
    ],
    illegal_rtl=[
        ({"RATIO": 1}, "need WIDTH >= 1 and RATIO >= 2"),
        ({"WIDTH": 0}, "need WIDTH >= 1 and RATIO >= 2"),
        ({"WIDENS": 2}, "need WIDENS to be 0 or 1"),
    ],
    nodes=[
        NodeCase(
            LaneConverterSpec(pixels=6, channels=4, lanes_in=4, lanes_out=1, bits=3, signed=True),
            [[1, 2, 3, 4]],
            [[1, 2, 3, 4]],
        )
    ],
    synthesised=SPECS[:2],
    lut_share=0.1,
    ff_share=0,
    proved=[LaneConverterSpec(1, 3, 3, 1, 2, False), LaneConverterSpec(1, 3, 1, 3, 2, False)],
    proved_slowly=[LaneConverterSpec(1, 8, 8, 1, 16, False), LaneConverterSpec(1, 8, 1, 8, 16, False)],
)


@pytest.mark.verilator
@pytest.mark.parametrize("spec", SPECS, ids=label)
def test_the_wider_side_moves_once_in_so_many_parts(
    spec: LaneConverterSpec, rng: np.random.Generator, simulate: Simulate
) -> None:
    result = simulate.run(spec, *random_inputs(spec, rng, FRAMES)).result
    wide = "m_axis" if spec.lanes_out > spec.lanes_in else "s_axis"
    assert np.all(np.diff(result.stamps[wide]) == spec.parts)
    assert result.cycles == FRAMES * spec.cycles() + 1
