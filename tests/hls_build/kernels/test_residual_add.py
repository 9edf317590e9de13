# SPDX-License-Identifier: Apache-2.0
"""ResidualAdd: the sum of two branches at the finer of their scales, whichever of them comes later."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_cases import Cases, NodeCase
from onnx import NodeProto, helper
from qonnx_models import QonnxCase, model, quant, refuse

from board.core.layers.residual_add import ResidualAdd
from hls_build.compiler import RULES
from hls_build.kernels.residual_add.spec import ResidualAddSpec
from hls_build.lowering.lower import lower

SPECS = [
    ResidualAddSpec(6, 8, 2, a_bits=4, a_signed=True, a_shift=0, b_bits=6, b_signed=False, b_shift=0),
    ResidualAddSpec(5, 3, 3, a_bits=4, a_signed=False, a_shift=3, b_bits=8, b_signed=False, b_shift=0),
    ResidualAddSpec(1, 2, 1, a_bits=1, a_signed=False, a_shift=0, b_bits=3, b_signed=True, b_shift=2),
]
CASES = Cases(
    specs=SPECS,
    illegal=[
        ({"pixels": 0}, "pixels >= 1, got pixels=0"),
        ({"pe": 3}, r"pe to divide channels=8 \(one of \[1, 2, 4, 8\]\), got pe=3"),
        ({"a_bits": 0}, "1 <= a_bits <= 24, got a_bits=0"),
        ({"a_shift": 1, "b_shift": 2}, "shifts of which the lesser is 0, got 1 and 2"),
        ({"b_shift": -1}, "shifts of which the lesser is 0, got 0 and -1"),
        ({"a_bits": 24}, "1 <= out_bits <= 24, got out_bits=25"),
    ],
    illegal_rtl=[
        ({"PE": 0}, "need PE >= 1"),
        ({"A_BITS": 0}, "need A_BITS >= 1 and B_BITS >= 1"),
        ({"A_SIGNED": 2}, "need A_SIGNED and B_SIGNED to be 0 or 1"),
        ({"OUT_BITS": 7}, "need OUT_BITS to hold every sum"),
    ],
    nodes=[NodeCase(ResidualAddSpec(6, 4, 2, 4, True, 1, 4, False, 0), [[1, 2, 3, 4], [1, 2, 3, 4]], [[1, 2, 3, 4]])],
    synthesised=SPECS[:2],
    qonnx=[
        QonnxCase(
            [
                quant("branch", "branch_q", 4, signed=1, narrow=1),
                helper.make_node(
                    "Conv", ["x", "branch_q"], ["branch_sums"], name="branch", kernel_shape=[3, 3], pads=[1] * 4
                ),
                helper.make_node("Mul", ["branch_sums", "small"], ["branch_scaled"], name="scale"),
                quant("branch_scaled", "long", 4, scale="fourth", signed=1),
                helper.make_node("Add", ["long", "x"], ["both"], name="join"),
                quant("both", "y", 4, signed=1),
            ],
            (4, 12, 12),
            {
                "branch": np.random.default_rng(3).integers(-7, 8, (4, 4, 3, 3)).astype(np.float32),
                "small": np.array(1 / 64),
                "fourth": np.array(0.25),
            },
        )
    ],
    proved=[ResidualAddSpec(1, 1, 1, 2, False, 0, 2, False, 0), ResidualAddSpec(1, 2, 2, 2, True, 0, 1, False, 1)],
    proved_slowly=[ResidualAddSpec(1, 4, 4, 4, True, 0, 4, False, 1)],
)


def test_both_inputs_are_brought_to_one_scale() -> None:
    spec = ResidualAddSpec(1, 2, 1, a_bits=4, a_signed=False, a_shift=0, b_bits=3, b_signed=True, b_shift=2)
    a, b = np.array([15, 0]).reshape(1, 1, 1, 2), np.array([-4, 3]).reshape(1, 1, 1, 2)
    np.testing.assert_array_equal(spec.model(a, b).ravel(), [-1, 12])
    assert spec.outputs[0].limits == (-32, 31)


def test_the_finer_scale_is_that_of_the_sum(rng: np.random.Generator) -> None:
    nodes = [
        quant("pixels", "a", 8),
        quant("a", "b", 4, scale="sixteen"),
        helper.make_node("Add", ["a", "b"], ["out"], name="join"),
    ]
    graph = lower(model(nodes, {"sixteen": np.array(16.0)}), RULES)
    layer = next(node for node in graph.nodes if isinstance(node, ResidualAdd))
    assert layer.shifts == (0, 4)
    x = rng.integers(0, 256, (3, 4, 4, 3))
    np.testing.assert_array_equal(graph.run(x), x + 16 * np.clip(np.rint(x / 16), 0, 15).astype(int))


def test_scales_of_another_ratio_than_a_power_of_two_are_refused() -> None:
    """A random network was compiled to another one for want of this (seed 725)."""
    nodes = [
        quant("x", "other", 4, scale="real", signed=1),
        helper.make_node("Add", ["other", "x"], ["y"], name="join"),
    ]
    rule = r"join \(Add\) adds scales 5.6 and 1, whose ratio must be a power of two: quantize both with one scale$"
    refuse(nodes, rule, {"real": np.array(5.6)})


@pytest.mark.parametrize(
    ("nodes", "rule"),
    [
        ([helper.make_node("Add", ["x", "x"], ["y"], name="join")], r"join \(Add\) adds x to itself: multiply it by 2"),
        (
            [
                helper.make_node("MaxPool", ["x"], ["half"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
                helper.make_node("Add", ["x", "half"], ["y"], name="join"),
            ],
            r"join \(Add\) adds shapes \(12, 12, 4\) and \(6, 6, 4\), supported is one shape",
        ),
        (
            [
                helper.make_node("Relu", ["x"], ["positive"], name="relu"),
                helper.make_node("Add", ["positive", "x"], ["y"], name="join"),
            ],
            r"join \(Add\) reads positive, which is not quantized: put a Quant node",
        ),
        (
            [
                helper.make_node("Mul", ["x", "powers"], ["scaled"], name="gain"),
                helper.make_node("Add", ["x", "scaled"], ["y"], name="join"),
            ],
            r"join \(Add\) adds scaled, which has a scale per channel: put a Quant node with one scale",
        ),
    ],
)
def test_what_cannot_be_added_is_refused(nodes: list[NodeProto], rule: str) -> None:
    refuse(nodes, rule, {"powers": np.array([1.0, 2.0, 4.0, 8.0]).reshape(4, 1, 1)})
