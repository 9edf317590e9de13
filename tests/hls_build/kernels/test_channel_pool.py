# SPDX-License-Identifier: Apache-2.0
"""ChannelPool: sum and maximum of each pixel's channels."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_cases import FRAMES, Cases, NodeCase, label, random_inputs
from kernels import Simulate, lanes
from onnx import helper
from qonnx_models import AXES, QonnxCase, described, quant, refuse

from hls_build.kernels.channel_pool.spec import ChannelPoolSpec

SPECS = [
    ChannelPoolSpec(pixels=5, channels=8, pe=2, bits=4, signed=True, shift=3),
    ChannelPoolSpec(pixels=6, channels=4, pe=4, bits=4, signed=False, shift=2),
    ChannelPoolSpec(pixels=4, channels=6, pe=3, bits=3, signed=True, shift=0),
    ChannelPoolSpec(pixels=3, channels=5, pe=1, bits=2, signed=False, shift=5),
    ChannelPoolSpec(pixels=1, channels=1, pe=1, bits=2, signed=True, shift=0),
    ChannelPoolSpec(pixels=4, channels=16, pe=16, bits=8, signed=True, shift=4),
]
CASES = Cases(
    specs=SPECS,
    full_size=[
        ChannelPoolSpec(pixels=576, channels=128, pe=4, bits=4, signed=True, shift=7),
        ChannelPoolSpec(pixels=9, channels=64, pe=16, bits=4, signed=True, shift=6),
    ],
    illegal=[
        ({"pixels": 0}, "pixels >= 1, got pixels=0"),
        ({"pe": 3}, r"pe to divide channels=8 \(one of \[1, 2, 4, 8\]\), got pe=3"),
        ({"bits": 0}, "1 <= bits <= 24, got bits=0"),
        ({"shift": -1}, "shift >= 0, got shift=-1"),
        ({"shift": 21}, "1 <= out_bits <= 24, got out_bits=25"),
    ],
    illegal_rtl=[
        ({"CHANNELS": 7}, "need PE to divide CHANNELS"),
        ({"BITS": 0}, "need BITS >= 1"),
        ({"SIGNED": 2}, "need SIGNED to be 0 or 1"),
        ({"SHIFT": 21}, "need a SHIFT that leaves at most 24 bits per output lane"),
        ({"SHIFT": 2**32 - 1}, "need a SHIFT that leaves at most 24 bits per output lane"),
    ],
    nodes=[
        NodeCase(
            ChannelPoolSpec(pixels=6, channels=4, pe=2, bits=4, signed=False, shift=1), [[1, 2, 3, 4]], [[1, 2, 3, 2]]
        )
    ],
    synthesised=SPECS[:1],
    qonnx=[
        QonnxCase(
            [
                *described("axis_1", keepdims=1),
                helper.make_node("Concat", ["total", "top"], ["pair"], name="pair", axis=1),
                quant("pair", "y", 4, signed=1),
            ],
            (2, 12, 12),
            {**AXES, "to_mean": np.array(0.25)},
        )
    ],
    proved=[ChannelPoolSpec(1, 2, 2, 2, False, 0), ChannelPoolSpec(1, 4, 2, 2, True, 1)],
    proved_slowly=[ChannelPoolSpec(1, 8, 2, 3, True, 3)],
)


def test_descriptors_of_one_pixel() -> None:
    spec = ChannelPoolSpec(pixels=1, channels=3, pe=1, bits=4, signed=True, shift=1)
    assert spec.outputs[0].datatype == "INT6"
    np.testing.assert_array_equal(spec.model(np.array([[[[-8, -3, -5]]]])), [[[[-16, -6]]]])


@pytest.mark.verilator
@pytest.mark.parametrize("spec", SPECS, ids=label)
def test_pixels_leave_as_they_come(spec: ChannelPoolSpec, rng: np.random.Generator, simulate: Simulate) -> None:
    result = simulate.run(spec, *random_inputs(spec, rng, FRAMES)).result
    np.testing.assert_array_equal(result.stamps["s_axis"], np.arange(FRAMES * spec.cycles()))
    assert np.all(np.diff(result.stamps["m_axis"]) == spec.channels // spec.pe)


@pytest.mark.verilator
def test_two_finished_pixels_and_a_third_wait_for_the_sink(rng: np.random.Generator, simulate: Simulate) -> None:
    spec = SPECS[0]
    (x,) = random_inputs(spec, rng, FRAMES)
    with simulate.open(spec) as simulation:
        simulation.feed("s_axis", lanes(spec.inputs[0]).pack(x))
        assert not simulation.step(200)
        assert len(simulation.take("s_axis")[0]) == 3 * spec.channels // spec.pe


def test_half_a_pair_is_refused() -> None:
    total, top, mean = described("axis_1", keepdims=1)
    constants = {**AXES, "to_mean": np.array(0.25)}
    refuse([top, quant("top", "y", 4)], r"quant_y \(Quant\) quantizes one descriptor alone: Concat sum and", constants)
    join = helper.make_node("Concat", ["top", "total"], ["y"], name="pair", axis=1)
    refuse([total, top, mean, join], r"pair \(Concat\) must join a sum and a maximum of one feature", constants)
    join = helper.make_node("Concat", ["x", "top"], ["y"], name="pair", axis=1)
    refuse([top, join], r"pair \(Concat\) of x \(12, 12, 4\), top has no hardware; supported are .*a sum", constants)


def test_descriptors_that_are_laid_out_otherwise_are_refused() -> None:
    total, top, mean = described("axis_1", keepdims=1)
    constants = {**AXES, "to_mean": np.array(0.25), "row": np.array([3])}
    join = helper.make_node("Concat", ["total", "top"], ["y"], name="pair", axis=2)
    refuse([total, top, mean, join], r"pair \(Concat\) has axis 2, supported is 1", constants)
    total, _, _ = described("axis_1", keepdims=0)
    refuse([total], r"sum \(ReduceSum\) has keepdims 0, supported is 1", constants)
    total, _, _ = described("row", keepdims=1)
    refuse([total], r"sum \(ReduceSum\) of x \(12, 12, 4\), row has no hardware; supported are the sum", constants)
    everything = helper.make_node("ReduceSum", ["x"], ["y"], name="sum")
    refuse([everything], r"sum \(ReduceSum\) of x \(12, 12, 4\) has no hardware; supported are the sum", constants)


def test_a_maximum_of_finer_scale_is_refused() -> None:
    total, top, mean = described("axis_1", keepdims=1)
    join = helper.make_node("Concat", ["total", "top"], ["y"], name="pair", axis=1)
    constants = {**AXES, "to_mean": np.array(2.0)}
    refuse([total, top, mean, join], r"pair \(Concat\) has a maximum of finer scale than the sum's", constants)
