# SPDX-License-Identifier: Apache-2.0
"""MaxPool2x2: the maximum of each tile, wherever in it."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_cases import FRAMES, Cases, NodeCase, label, random_inputs
from kernels import Simulate, lanes

from hls_build.kernels.max_pool_2x2.spec import MaxPool2x2Spec

SPECS = [
    MaxPool2x2Spec(height=4, width=6, channels=8, pe=2, bits=4, signed=True),
    MaxPool2x2Spec(height=2, width=4, channels=4, pe=4, bits=4, signed=False),
    MaxPool2x2Spec(height=4, width=2, channels=3, pe=3, bits=8, signed=True),
    MaxPool2x2Spec(height=6, width=2, channels=2, pe=1, bits=2, signed=False),
    MaxPool2x2Spec(height=2, width=10, channels=3, pe=1, bits=3, signed=True),
    MaxPool2x2Spec(height=2, width=2, channels=1, pe=1, bits=2, signed=True),
]
FULL_SIZE = [
    MaxPool2x2Spec(height=48, width=48, channels=64, pe=4, bits=4, signed=True),
    MaxPool2x2Spec(height=6, width=6, channels=64, pe=1, bits=4, signed=True),
]
CASES = Cases(
    specs=SPECS,
    full_size=FULL_SIZE,
    illegal=[
        ({"height": 3}, "height even and at least 2, got height=3"),
        ({"width": 0}, "width even and at least 2, got width=0"),
        ({"pe": 3}, r"pe to divide channels=8 \(one of \[1, 2, 4, 8\]\), got pe=3"),
        ({"bits": 1}, "2 <= bits <= 24, got bits=1"),
    ],
    illegal_rtl=[
        ({"CHANNELS": 7}, "need PE to divide CHANNELS"),
        ({"WIDTH": 5}, "need WIDTH even and positive"),
        ({"BITS": 0}, "need BITS >= 1"),
        ({"SIGNED": 2}, "need SIGNED to be 0 or 1"),
    ],
    nodes=[
        NodeCase(
            MaxPool2x2Spec(height=4, width=6, channels=4, pe=2, bits=4, signed=True), [[1, 4, 6, 4]], [[1, 2, 3, 4]]
        )
    ],
    synthesised=FULL_SIZE[1:],
)


def test_maximum_of_each_tile() -> None:
    spec = MaxPool2x2Spec(height=2, width=4, channels=1, pe=1, bits=4, signed=True)
    x = np.array([[-8, -7, 1, 0], [-6, -5, 0, 2]]).reshape(1, 2, 4, 1)
    np.testing.assert_array_equal(spec.model(x), np.array([-5, 2]).reshape(1, 1, 2, 1))


@pytest.mark.verilator
@pytest.mark.parametrize("spec", SPECS, ids=label)
@pytest.mark.parametrize("place", range(4))
def test_the_maximum_may_stand_anywhere(spec: MaxPool2x2Spec, place: int, simulate: Simulate) -> None:
    low, high = spec.inputs[0].limits
    x = np.full((1, spec.height, spec.width, spec.channels), low)
    x[:, place // 2 :: 2, place % 2 :: 2] = high
    assert np.all(simulate.run(spec, x).outputs[0] == high)


@pytest.mark.verilator
@pytest.mark.parametrize("spec", SPECS, ids=label)
def test_no_pixel_waits(spec: MaxPool2x2Spec, rng: np.random.Generator, simulate: Simulate) -> None:
    result = simulate.run(spec, *random_inputs(spec, rng, FRAMES)).result
    np.testing.assert_array_equal(result.stamps["s_axis"], np.arange(FRAMES * spec.cycles()))


@pytest.mark.verilator
def test_two_finished_beats_and_a_third_wait_for_the_sink(rng: np.random.Generator, simulate: Simulate) -> None:
    spec = SPECS[0]
    (x,) = random_inputs(spec, rng, FRAMES)
    with simulate.open(spec) as simulation:
        simulation.feed("s_axis", lanes(spec.inputs[0]).pack(x))
        assert not simulation.step(200)
        assert len(simulation.take("s_axis")[0]) == (spec.width + 1) * spec.channels // spec.pe + 3
