# SPDX-License-Identifier: Apache-2.0
"""GlobalPool: sums and maxima over a frame's pixels, which leave one after the other."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_cases import FRAMES, Cases, NodeCase, label, random_inputs
from kernels import Simulate, lanes
from onnx import NodeProto, helper
from qonnx_models import BRANCH, QonnxCase, channel_branch, described, quant, refuse

from hls_build.kernels.global_pool.spec import GlobalPoolSpec


def describe(pixels: int, channels: int, pe: int, bits: int, signed: bool, shift: int) -> GlobalPoolSpec:
    """Spec of the mode that gives sums and maxima."""
    return GlobalPoolSpec(pixels, channels, pe, bits, signed, "descriptors", shift)


def add(pixels: int, channels: int, pe: int, bits: int, signed: bool) -> GlobalPoolSpec:
    """Spec of the mode that gives sums alone."""
    return GlobalPoolSpec(pixels, channels, pe, bits, signed, "sum")


SPECS = [
    describe(9, 8, 2, bits=4, signed=True, shift=3),
    describe(5, 9, 3, bits=3, signed=False, shift=0),
    describe(2, 4, 4, bits=4, signed=True, shift=1),
    describe(3, 2, 2, bits=8, signed=True, shift=5),
    describe(2, 5, 1, bits=2, signed=False, shift=2),
    add(2, 8, 1, bits=16, signed=True),
    add(5, 3, 3, bits=5, signed=False),
]
ONE_PIXEL = [
    describe(1, 4, 2, bits=4, signed=True, shift=2),
    describe(1, 1, 1, bits=2, signed=False, shift=0),
    add(1, 6, 2, bits=4, signed=True),
]
CASES = Cases(
    specs=[*SPECS, *ONE_PIXEL],
    full_size=[
        describe(576, 128, 4, bits=4, signed=True, shift=9),
        describe(9, 64, 1, bits=4, signed=True, shift=3),
        add(2, 128, 1, bits=20, signed=True),
    ],
    illegal=[
        ({"pixels": 0}, "pixels >= 1, got pixels=0"),
        ({"pe": 3}, r"pe to divide channels=8 \(one of \[1, 2, 4, 8\]\), got pe=3"),
        ({"bits": 0}, "1 <= bits <= 24, got bits=0"),
        ({"mode": "mean"}, r"mode in \('descriptors', 'sum'\), got mode='mean'"),
        ({"shift": -1}, "shift >= 0, got shift=-1"),
        ({"mode": "sum"}, "shift = 0 in mode 'sum', got shift=3"),
        ({"shift": 21}, "1 <= out_bits <= 24, got out_bits=25"),
    ],
    illegal_rtl=[
        ({"CHANNELS": 7}, "need PE to divide CHANNELS"),
        ({"PIXELS": 0}, "need PIXELS >= 1"),
        ({"BITS": 0}, "need BITS >= 1"),
        ({"DESCRIPTORS": 2}, "need SIGNED and DESCRIPTORS to be 0 or 1"),
        ({"DESCRIPTORS": 0}, "need SHIFT = 0 without maxima to shift"),
        ({"SHIFT": 21}, "need a SHIFT that leaves at most 24 bits per output lane"),
        ({"SHIFT": 2**32 - 4}, "need a SHIFT that leaves at most 24 bits per output lane"),
    ],
    nodes=[
        NodeCase(describe(6, 4, 2, bits=3, signed=True, shift=2), [[1, 2, 3, 4]], [[1, 1, 2, 4]]),
        NodeCase(add(2, 4, 4, bits=2, signed=False), [[1, 1, 2, 4]], [[1, 1, 1, 4]]),
    ],
    synthesised=[SPECS[0], SPECS[5]],
    qonnx=[
        QonnxCase(
            [
                *channel_branch("eight", signed=1),
                helper.make_node("Unsqueeze", ["branch", "axes_2_3"], ["y"], name="map"),
            ],
            (4, 1, 1),
            {**BRANCH, "eight": np.array(8.0)},
            scale=8.0,
        ),
        QonnxCase(  # squeeze-and-excitation by a mean over 144 pixels, which no power of two divides by
            [
                helper.make_node("GlobalAveragePool", ["x"], ["mean"], name="mean"),
                helper.make_node("Sigmoid", ["mean"], ["squeezed"], name="squeeze"),
                quant("squeezed", "gate", 4, scale="sixteenth"),
                helper.make_node("Mul", ["x", "gate"], ["excited"], name="excite"),
                quant("excited", "y", 4, signed=1),
            ],
            (4, 12, 12),
            BRANCH,
        ),
    ],
    proved=[GlobalPoolSpec(2, 1, 1, 2, True, "sum"), GlobalPoolSpec(2, 2, 1, 1, False, "descriptors", 1)],
    proved_slowly=[
        GlobalPoolSpec(3, 4, 2, 2, False, "descriptors", 2),
        GlobalPoolSpec(4, 2, 1, 2, True, "descriptors", 1),
    ],
)


def test_descriptors_of_two_pixels() -> None:
    spec = describe(2, 2, 1, bits=4, signed=True, shift=3)
    assert spec.outputs[0].datatype == "INT7"
    x = np.array([[[[-8, 7], [-3, 6]]]])
    np.testing.assert_array_equal(spec.model(x), [[[[-11, 13], [-24, 56]]]])


def test_sum_of_two_pixels() -> None:
    spec = add(2, 2, 1, bits=4, signed=False)
    assert spec.outputs[0].datatype == "UINT5"
    np.testing.assert_array_equal(spec.model(np.array([[[[15, 1], [15, 2]]]])), [[[[30, 3]]]])


@pytest.mark.verilator
@pytest.mark.parametrize("spec", SPECS, ids=label)
def test_a_frame_comes_and_leaves_in_one_go(spec: GlobalPoolSpec, rng: np.random.Generator, simulate: Simulate) -> None:
    result = simulate.run(spec, *random_inputs(spec, rng, FRAMES)).result
    np.testing.assert_array_equal(result.stamps["s_axis"], np.arange(FRAMES * spec.cycles()))
    frames = result.stamps["m_axis"].reshape(FRAMES, spec.outputs[0].beats)
    assert np.all(np.diff(frames, axis=1) == 1)


@pytest.mark.verilator
@pytest.mark.parametrize("spec", [SPECS[0], SPECS[5]], ids=label)
def test_a_blocked_sink_stops_the_second_frame_at_its_last_pixel(
    spec: GlobalPoolSpec, rng: np.random.Generator, simulate: Simulate
) -> None:
    (x,) = random_inputs(spec, rng, FRAMES)
    in_output_register = 0 if spec.mode == "descriptors" else 1  # a word leaves its queue with its maximum
    with simulate.open(spec) as simulation:
        simulation.feed("s_axis", lanes(spec.inputs[0]).pack(x))
        assert not simulation.step(1000)
        fold = spec.channels // spec.pe
        assert len(simulation.take("s_axis")[0]) == (2 * spec.pixels - 1) * fold + in_output_register + 1


def test_descriptors_that_are_laid_out_otherwise_are_refused() -> None:
    total, top, mean = described("axes_2_3", keepdims=1)
    refuse([total], r"sum \(ReduceSum\) has keepdims 1, supported is 0", BRANCH)
    total, top, mean = described("axes_2_3", keepdims=0)
    turn = helper.make_node("Unsqueeze", ["top", "axes_2_3"], ["y"], name="turn")
    refuse([top, turn], r"turn \(Unsqueeze\) adds axes \[0, 2\] to a descriptor, supported is axis 1", BRANCH)
    join = helper.make_node("Concat", ["top", "total"], ["y"], name="pair", axis=1)
    refuse([total, top, mean, join], r"pair \(Concat\) must join a sum and a maximum of one feature", BRANCH)


def test_a_maximum_over_pixels_of_a_dense_layer_is_refused() -> None:
    nodes = channel_branch("sixteenth", signed=1)[:-2]
    top = helper.make_node("ReduceMax", ["products_of_pixels", "axis_1"], ["y"], name="top", keepdims=0)
    refuse([*nodes, top], r"top \(ReduceMax\) of products_of_pixels \(1, 2, 4\), axis_1 has no hardware", BRANCH)


@pytest.mark.parametrize(
    ("mean", "rule"),
    [
        (
            helper.make_node("ReduceMean", ["x", "axis_1"], ["y"], name="mean"),
            r"mean \(ReduceMean\) of x \(12, 12, 4\), axis_1 has no hardware; supported are all pixels of a quantized",
        ),
        (
            helper.make_node("GlobalAveragePool", ["positive"], ["y"], name="mean"),
            r"mean \(GlobalAveragePool\) .*positive.* put a Quant node",
        ),
    ],
)
def test_other_means_are_refused(mean: NodeProto, rule: str) -> None:
    refuse([helper.make_node("Relu", ["x"], ["positive"], name="relu"), mean], rule, BRANCH)
