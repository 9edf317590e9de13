# SPDX-License-Identifier: Apache-2.0
"""Append: channels behind channels, every element widened by its own sign, and what comes early waits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from kernel_cases import Cases, NodeCase, random_inputs
from kernels import Simulate, lanes
from onnx import helper
from qonnx_models import BRANCH, QonnxCase, channel_branch, quant, refuse

from hls_build.kernels.append.spec import AppendSpec

SPECS = [
    AppendSpec(head=5, head_bits=11, head_signed=True, tail=12, tail_bits=4, tail_signed=False, bits=16),
    AppendSpec(head=12, head_bits=3, head_signed=False, tail=3, tail_bits=5, tail_signed=True, bits=5),
    AppendSpec(head=1, head_bits=4, head_signed=False, tail=1, tail_bits=4, tail_signed=False, bits=4),
    AppendSpec(head=1, head_bits=6, head_signed=True, tail=4, tail_bits=6, tail_signed=True, bits=24),
    AppendSpec(4, head_bits=4, head_signed=False, tail=6, tail_bits=3, tail_signed=True, bits=5, pixels=6, pe=2),
    AppendSpec(3, head_bits=2, head_signed=False, tail=3, tail_bits=4, tail_signed=False, bits=4, pixels=5, pe=3),
]
HEAT = [
    quant("spatial", "spatial_q", 2, signed=1, narrow=1),
    helper.make_node("Conv", ["x", "spatial_q"], ["heat"], name="heat", kernel_shape=[1, 1]),
    quant("heat", "codes", 4),
    helper.make_node("Flatten", ["codes"], ["flat"], name="flat"),
]
"""A map of one channel as a vector `flat` of 144 codes."""
CONSTANTS = {**BRANCH, "eight": np.array(8.0), "spatial": np.array([1, -1, 1, 1], np.float32).reshape(1, 4, 1, 1)}
CASES = Cases(
    specs=SPECS,
    illegal=[
        ({"head": 0}, "head >= 1, got head=0"),
        ({"tail": 0}, "tail >= 1, got tail=0"),
        ({"pixels": 0}, "pixels >= 1, got pixels=0"),
        ({"pe": 5}, r"pe to divide channels=12 \(one of \[1, 2, 3, 4, 6, 12\]\), got pe=5"),
        ({"head_bits": 0}, "1 <= head_bits <= 24, got head_bits=0"),
        ({"tail_bits": 25}, "1 <= tail_bits <= 24, got tail_bits=25"),
        ({"bits": 25}, "1 <= bits <= 24, got bits=25"),
        ({"bits": 10}, "bits >= 11 for the elements of both inputs, got bits=10"),
        ({"tail_bits": 16}, "bits >= 17 for the elements of both inputs, got bits=16"),  # without a sign
        ({"head_signed": False, "head_bits": 16, "tail_signed": True}, "bits >= 17 for the elements of both"),
    ],
    illegal_rtl=[
        ({"HEAD": 0}, "need HEAD >= 1, TAIL >= 1 and PE >= 1"),
        ({"TAIL": 0}, "need HEAD >= 1, TAIL >= 1 and PE >= 1"),
        ({"PE": 0}, "need HEAD >= 1, TAIL >= 1 and PE >= 1"),
        ({"HEAD_SIGNED": 2}, "HEAD_SIGNED and TAIL_SIGNED to be 0 or 1"),
        ({"BITS": 10}, "need BITS to hold every element"),
        ({"TAIL_BITS": 16}, "need BITS to hold every element"),
        ({"HEAD_SIGNED": 0, "HEAD_BITS": 16, "TAIL_SIGNED": 1}, "need BITS to hold every element"),
    ],
    nodes=[
        NodeCase(SPECS[0], [[1, 1, 1, 5], [1, 1, 1, 12]], [[1, 1, 1, 17]]),
        NodeCase(SPECS[4], [[1, 2, 3, 4], [1, 2, 3, 6]], [[1, 2, 3, 10]]),
    ],
    synthesised=[SPECS[0], SPECS[4], AppendSpec(13, 11, True, 576, 4, False, 16)],
    qonnx=[
        QonnxCase(
            [
                *channel_branch("eight", signed=1),
                *HEAT,
                helper.make_node("Mul", ["branch", "eighth"], ["shrunk"], name="shrunk"),
                helper.make_node("Concat", ["shrunk", "flat"], ["y"], name="both", axis=1),
            ],
            (148,),
            {**CONSTANTS, "eighth": np.array(0.125)},
        ),
        QonnxCase(
            [
                quant("branch_w", "branch_q", 4, signed=1, narrow=1),
                helper.make_node(
                    "Conv", ["x", "branch_q"], ["branch_sums"], name="branch", kernel_shape=[3, 3], pads=[1] * 4
                ),
                helper.make_node("Mul", ["branch_sums", "sixty_fourth"], ["branch_scaled"], name="branch_scale"),
                quant("branch_scaled", "late", 4),
                *HEAT[:3],
                helper.make_node("Concat", ["late", "x", "codes"], ["three"], name="join", axis=1),
                quant("three", "y", 4, signed=1),
            ],
            (11, 12, 12),
            {
                **CONSTANTS,
                "sixty_fourth": np.array(1 / 64),
                "branch_w": np.random.default_rng(5).integers(-7, 8, (6, 4, 3, 3)).astype(np.float32),
            },
        ),
    ],
    ff_share=0,
    full_size=[AppendSpec(13, 11, True, 576, 4, False, 16)],
    proved=[AppendSpec(1, 2, False, 1, 2, False, 2), AppendSpec(2, 2, True, 3, 1, False, 3)],
    proved_slowly=[AppendSpec(13, 16, True, 36, 4, False, 16)],
)


def test_signs_stay_and_codes_without_one_get_none() -> None:
    spec = AppendSpec(head=2, head_bits=4, head_signed=True, tail=2, tail_bits=4, tail_signed=False, bits=8)
    head, tail = np.array([-8, 7]).reshape(1, 1, 1, 2), np.array([15, 8]).reshape(1, 1, 1, 2)
    np.testing.assert_array_equal(spec.model(head, tail).ravel(), [-8, 7, 15, 8])
    assert spec.signed and spec.outputs[0].datatype == "INT8"
    assert not replace(spec, head_signed=False).signed


@pytest.mark.verilator
def test_the_tail_waits_for_the_whole_head(rng: np.random.Generator, simulate: Simulate) -> None:
    spec = SPECS[0]
    arrays = random_inputs(spec, rng, 3)
    head, tail = (lanes(port).pack(array) for port, array in zip(spec.inputs, arrays, strict=True))
    with simulate.open(spec) as simulation:
        simulation.feed("s_axis_tail", tail)
        simulation.expect("m_axis", len(head) + len(tail))
        assert not simulation.step(50)
        assert len(simulation.take("s_axis_tail")[0]) == 0
        simulation.feed("s_axis", head[: spec.head - 1])
        assert not simulation.step(50)
        assert (len(simulation.take("s_axis_tail")[0]), len(simulation.take("m_axis")[0])) == (0, spec.head - 1)
        simulation.feed("s_axis", head[spec.head - 1 :])
        assert simulation.step(200)
        assert len(simulation.take("s_axis_tail")[0]) == len(tail)


def test_a_flattened_map_of_several_channels_is_refused() -> None:
    """ONNX orders it by channels first, the stream by pixels."""
    nodes = [
        *channel_branch("eight", signed=1),
        helper.make_node("Flatten", ["x"], ["flat"], name="flat"),
        helper.make_node("Concat", ["branch", "flat"], ["y"], name="both", axis=1),
    ]
    refuse(nodes, r"both \(Concat\) takes the elements of a flattened map of 4 channels one by one", CONSTANTS)


def test_what_cannot_be_joined_is_refused() -> None:
    nodes = [*HEAT, helper.make_node("Concat", ["flat", "x"], ["y"], name="both", axis=1)]
    refuse(
        nodes,
        r"both \(Concat\) of flat \(1, 1, 144\), x \(12, 12, 4\) has no hardware; .*maps of one height",
        CONSTANTS,
    )
    nodes[-1] = helper.make_node("Concat", ["x", "x"], ["y"], name="both", axis=1)
    refuse(nodes, r"both \(Concat\) joins one tensor with itself", CONSTANTS)
    nodes[-1] = helper.make_node("Concat", ["x", "codes"], ["y"], name="both", axis=2)
    refuse(nodes, r"both \(Concat\) has axis 2, supported is 1", CONSTANTS)
    nodes[-1:] = [
        helper.make_node("MaxPool", ["x"], ["half"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Concat", ["x", "half"], ["y"], name="both", axis=1),
    ]
    refuse(nodes, r"both \(Concat\) joins \(12, 12, 4\) and \(6, 6, 4\), supported are maps of one height", CONSTANTS)
