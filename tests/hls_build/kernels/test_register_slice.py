# SPDX-License-Identifier: Apache-2.0
"""RegisterSlice: every beat passes once, and no output follows an input within a cycle."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_cases import Cases, NodeCase
from kernels import Simulate

from hls_build.kernels.register_slice.spec import RegisterSliceSpec

SPECS = [
    RegisterSliceSpec(pixels=6, channels=8, pe=2, bits=5, signed=True),
    RegisterSliceSpec(pixels=4, channels=16, pe=16, bits=4, signed=False),
    RegisterSliceSpec(pixels=1, channels=1, pe=1, bits=1, signed=False),
    RegisterSliceSpec(pixels=3, channels=3, pe=1, bits=24, signed=True),
]
CASES = Cases(
    specs=SPECS,
    illegal=[
        ({"pe": 3}, r"pe to divide channels=8 \(one of \[1, 2, 4, 8\]\), got pe=3"),
        ({"pixels": 0}, "pixels >= 1, got pixels=0"),
        ({"bits": 25}, "1 <= bits <= 24, got bits=25"),
    ],
    illegal_rtl=[({"WIDTH": 0}, "need WIDTH >= 1")],
    nodes=[
        NodeCase(RegisterSliceSpec(pixels=6, channels=4, pe=2, bits=3, signed=True), [[1, 2, 3, 4]], [[1, 2, 3, 4]])
    ],
    synthesised=SPECS[:2],
    proved=[
        RegisterSliceSpec(pixels=1, channels=1, pe=1, bits=1, signed=False),
        RegisterSliceSpec(pixels=1, channels=2, pe=2, bits=2, signed=False),
    ],
    proved_slowly=[RegisterSliceSpec(pixels=1, channels=16, pe=16, bits=4, signed=False)],
    ff_share=0,
)


@pytest.mark.verilator
def test_it_holds_two_beats_and_no_more(rng: np.random.Generator, simulate: Simulate) -> None:
    """A third is refused while nobody takes the first, and then all come in their order."""
    x = rng.integers(0, 256, (10, 1), np.uint8)
    spec = RegisterSliceSpec(pixels=10, channels=1, pe=1, bits=8, signed=False)
    with simulate.open(spec) as simulation:
        simulation.feed("s_axis", x)
        assert not simulation.step(50)
        assert simulation.counters()["s_axis"].beats == 2
        assert simulation.peek("s_axis_tready") == 0
        simulation.expect("m_axis", 10)
        assert simulation.step(50)
        beats, stamps = simulation.take("m_axis")
        np.testing.assert_array_equal(beats, x)
        assert np.all(np.diff(stamps) == 1)
