# SPDX-License-Identifier: Apache-2.0
"""Small QONNX models, node by node, as another tool than our exporter might write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from hls_build.compiler import RULES
from hls_build.lowering.lower import lower

SIZE = 48
AXES = {"axis_1": np.array([1]), "axes_2_3": np.array([2, 3])}
"""Constants that reductions read."""
SUMS_TO_CODES = 2.0**-9
"""Brings a convolution's sums of random weights into the range of four bits."""


def quant(source: str, output: str, bits: int, scale: str = "one", signed: int = 0, narrow: int = 0) -> NodeProto:
    """A Quant node; its scale is a constant's name."""
    return helper.make_node(
        "Quant",
        [source, scale, "zero", f"bits{bits}"],
        [output],
        name=f"quant_{output}",
        domain="qonnx.custom_op.general",
        signed=signed,
        narrow=narrow,
        rounding_mode="ROUND",
    )


def model(
    nodes: Sequence[NodeProto],
    constants: Mapping[str, np.ndarray],
    size: int = 4,
    output: str = "out",
    shape: Sequence[int] | None = None,
) -> onnx.ModelProto:
    """Nodes from `pixels` (1, 3, size, size) to an output, with the usual quantizer parameters at hand."""
    constants = {
        "one": np.array(1.0),
        "zero": np.array(0.0),
        **{f"bits{bits}": np.array(float(bits)) for bits in (2, 4, 8, 32)},
        **constants,
    }
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, 3, size, size])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)],
        [
            numpy_helper.from_array(v.astype(np.float32 if v.dtype.kind == "f" else v.dtype), k)
            for k, v in constants.items()
        ],
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("qonnx.custom_op.general", 2)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


@dataclass(frozen=True)
class QonnxCase:
    """QONNX nodes that a kernel shall lower.

    Attributes:
        nodes: From `x`, signed codes of four bits at scale 1, (1, 4, 12, 12), to `y`, which left a quantizer.
        shape: Of one frame of y, (channels, height, width) or (channels,).
        constants: That the nodes read, beside those of `model`.
        scale: Of y.
    """

    nodes: Sequence[NodeProto]
    shape: tuple[int, ...]
    constants: Mapping[str, np.ndarray] = field(default_factory=dict)
    scale: float = 1.0

    def network(self, rng: np.random.Generator, outputs: int = 3) -> onnx.ModelProto:
        """The nodes between a convolution of faces and a dense layer, with random weights."""
        same: dict[str, Any] = {"kernel_shape": [3, 3], "pads": [1] * 4}
        tiles: dict[str, Any] = {"kernel_shape": [2, 2], "strides": [2, 2]}
        flat = "y" if len(self.shape) == 1 else "y_flat"
        nodes = [
            quant("pixels", "pixels_q", 8),
            helper.make_node("MaxPool", ["pixels_q"], ["half"], name="first_pool", **tiles),
            helper.make_node("MaxPool", ["half"], ["quarter"], name="second_pool", **tiles),
            quant("first", "first_q", 4, signed=1, narrow=1),
            helper.make_node("Conv", ["quarter", "first_q"], ["sums"], name="first_conv", **same),
            helper.make_node("Mul", ["sums", "sums_to_codes"], ["scaled"], name="first_scale"),
            quant("scaled", "x", 4, signed=1),
            *self.nodes,
            *([helper.make_node("Flatten", ["y"], ["y_flat"], name="flatten")] if flat != "y" else []),
            quant("last", "last_q", 2, signed=1, narrow=1),
            helper.make_node("Gemm", [flat, "last_q"], ["products"], name="last_dense", transB=1),
            helper.make_node("Mul", ["products", "to_integers"], ["accumulators"], name="rescale"),
        ]
        constants = {
            "first": rng.integers(-7, 8, (4, 3, 3, 3)).astype(np.float32),
            "last": rng.integers(-1, 2, (outputs, prod(self.shape))).astype(np.float32),
            "sums_to_codes": np.array(SUMS_TO_CODES),
            "to_integers": np.array(1 / self.scale),
            **self.constants,
        }
        return model(nodes, constants, SIZE, "accumulators", (1, outputs))


def refuse(nodes: Sequence[NodeProto], rule: str, constants: Mapping[str, np.ndarray] | None = None) -> None:
    """Check that nodes from `x` on are refused, in one sentence that a regular expression matches."""
    with pytest.raises(ValueError, match=rule) as caught:
        lower(QonnxCase(nodes, (1,), constants or {}).network(np.random.default_rng(1)), RULES)
    assert "\n" not in str(caught.value)


def described(over: str, keepdims: int) -> list[NodeProto]:
    """The sum `total` and the maximum `top` of x over the axes that a constant holds; `total` brought to a mean."""
    return [
        helper.make_node("ReduceSum", ["x", over], ["sum"], name="sum", keepdims=keepdims),
        helper.make_node("ReduceMax", ["x", over], ["top"], name="max", keepdims=keepdims),
        helper.make_node("Mul", ["sum", "to_mean"], ["total"], name="mean"),
    ]


def channel_branch(scale: str, signed: int) -> list[NodeProto]:
    """Channel attention of x up to its quantizer: four integers `branch`, from weights `dense` (4, 4)."""
    return [
        *described("axes_2_3", keepdims=0),
        helper.make_node("Unsqueeze", ["total", "axis_1"], ["total_pixel"], name="unsqueeze_sum"),
        helper.make_node("Unsqueeze", ["top", "axis_1"], ["top_pixel"], name="unsqueeze_max"),
        helper.make_node("Concat", ["total_pixel", "top_pixel"], ["pair"], name="pair", axis=1),
        quant("pair", "pair_q", 8, scale="sixteenth", signed=1),
        quant("dense", "dense_q", 4, signed=1, narrow=1),
        helper.make_node("Transpose", ["dense_q"], ["dense_t"], name="turn", perm=[1, 0]),
        helper.make_node("MatMul", ["pair_q", "dense_t"], ["products_of_pixels"], name="dense"),
        helper.make_node("ReduceSum", ["products_of_pixels", "axis_1"], ["answers"], name="answers", keepdims=0),
        quant("answers", "branch", 4, scale=scale, signed=signed),
    ]


BRANCH = {
    **AXES,
    "to_mean": np.array(2.0**-7),
    "sixteenth": np.array(1 / 16),
    "dense": np.array([[3, -2, 1, 5], [1, 1, -4, 2], [-3, 2, 2, -1], [2, 5, 1, 1]], np.float32),
}
"""What `channel_branch` reads."""
