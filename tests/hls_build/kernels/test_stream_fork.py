# SPDX-License-Identifier: Apache-2.0
"""StreamFork: every beat reaches every output, and none waits long for another."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_cases import Cases, NodeCase
from kernels import Simulate

from hls_build.kernels.stream_fork.spec import StreamForkSpec

SPECS = [
    StreamForkSpec(pixels=6, channels=8, pe=2, bits=5, signed=True, copies=3),
    StreamForkSpec(pixels=4, channels=4, pe=4, bits=4, signed=False),
    StreamForkSpec(pixels=1, channels=1, pe=1, bits=2, signed=True),
    StreamForkSpec(pixels=3, channels=24, pe=24, bits=3, signed=False),
]
CASES = Cases(
    specs=SPECS,
    illegal=[
        ({"copies": 1}, "copies >= 2, got copies=1"),
        ({"pe": 3}, r"pe to divide channels=8 \(one of \[1, 2, 4, 8\]\), got pe=3"),
        ({"pe": 0}, "got pe=0"),
        ({"pixels": 0}, "pixels >= 1, got pixels=0"),
        ({"bits": 0}, "1 <= bits <= 24, got bits=0"),
    ],
    illegal_rtl=[({"COPIES": 1}, "need WIDTH >= 1 and COPIES >= 2"), ({"WIDTH": 0}, "need WIDTH >= 1 and COPIES >= 2")],
    nodes=[
        NodeCase(
            StreamForkSpec(pixels=6, channels=4, pe=2, bits=3, signed=True, copies=3),
            [[1, 2, 3, 4]],
            [[1, 2, 3, 4]] * 3,
        )
    ],
    synthesised=SPECS[:1],
    ff_share=0,
    proved=[StreamForkSpec(1, 1, 1, 1, False, 2), StreamForkSpec(1, 2, 2, 2, False, 3)],
    proved_slowly=[StreamForkSpec(1, 16, 16, 4, False, 2)],
)


@pytest.mark.verilator
def test_a_copy_runs_two_beats_ahead_of_a_blocked_one(rng: np.random.Generator, simulate: Simulate) -> None:
    spec = StreamForkSpec(pixels=10, channels=1, pe=1, bits=8, signed=False)
    x = rng.integers(0, 256, (10, 1), np.uint8)
    with simulate.open(spec) as simulation:
        simulation.feed("s_axis", x)
        simulation.expect("m_axis_0", 10)
        assert not simulation.step(50)
        np.testing.assert_array_equal(simulation.take("m_axis_0")[0], x[:2])
        simulation.expect("m_axis_0", 8)
        simulation.expect("m_axis_1", 10)
        assert simulation.step(50)
        np.testing.assert_array_equal(simulation.take("m_axis_0")[0], x[2:])
        np.testing.assert_array_equal(simulation.take("m_axis_1")[0], x)
