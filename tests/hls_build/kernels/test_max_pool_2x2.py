# SPDX-License-Identifier: Apache-2.0
"""MaxPool2x2: the maximum of each tile, wherever in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernel_cases import FRAMES, Cases, NodeCase, label, random_inputs
from kernels import Simulate, lanes
from onnx import helper
from qonnx_models import QonnxCase, refuse

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
        ({"bits": 0}, "1 <= bits <= 24, got bits=0"),
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
    qonnx=[
        QonnxCase(
            [helper.make_node("MaxPool", ["x"], ["y"], name="pool", kernel_shape=[2, 2], strides=[2, 2])], (4, 6, 6)
        )
    ],
    proved=[MaxPool2x2Spec(2, 2, 2, 2, 2, False), MaxPool2x2Spec(2, 4, 2, 1, 2, True)],
    proved_slowly=[MaxPool2x2Spec(2, 6, 2, 1, 2, True), MaxPool2x2Spec(2, 8, 1, 1, 2, False)],
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


@pytest.mark.parametrize(
    ("attributes", "rule"),
    [
        (
            {"kernel_shape": [3, 3], "strides": [2, 2]},
            r"pool \(MaxPool\) of x \(12, 12, 4\) has no hardware; supported are windows of 2x2$",
        ),
        ({"kernel_shape": [2, 2]}, r"pool \(MaxPool\) has strides \[1, 1\], supported is \[2, 2\]"),
        (
            {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [0, 0, 1, 1]},
            r"pool \(MaxPool\) has pads \[0, 0, 1, 1\], supported is \[0, 0, 0, 0\]",
        ),
    ],
)
def test_other_windows_are_refused(attributes: dict[str, Any], rule: str) -> None:
    refuse([helper.make_node("MaxPool", ["x"], ["y"], name="pool", **attributes)], rule)


def test_an_odd_picture_is_refused() -> None:
    pools = [
        helper.make_node("MaxPool", [source], [sink], name=sink, kernel_shape=[2, 2], strides=[2, 2])
        for source, sink in (("x", "half"), ("half", "quarter"), ("quarter", "y"))
    ]
    refuse(pools, r"node y \(MaxPool\) needs an even height and width, got 3 x 3")


def test_pooling_before_a_quantizer_is_refused() -> None:
    function = helper.make_node("Relu", ["x"], ["positive"], name="relu")
    pool = helper.make_node("MaxPool", ["positive"], ["y"], name="pool", kernel_shape=[2, 2], strides=[2, 2])
    refuse([function, pool], r"node pool \(MaxPool\) reads positive, which is not quantized: put a Quant")
