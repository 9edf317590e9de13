# SPDX-License-Identifier: Apache-2.0
"""QONNX nodes that become a Depthwise."""

from __future__ import annotations

from onnx import NodeProto

from board.core.layers.depthwise import Depthwise
from hls_build.lowering.abstract_values import Edge, Weights
from hls_build.lowering.context import LoweringContext, Value
from hls_build.lowering.onnx_attributes import attributes
from hls_build.lowering.rule import Rule
from hls_build.lowering.weighted import window_of, write_layer


def depthwise(context: LoweringContext, node: NodeProto) -> Value:
    """A convolution of every channel for itself."""
    edge, weights = context.quantized(node, 0), context.weights(node, 1)
    window = window_of(node, edge, (weights.integers.shape[2], weights.integers.shape[3]))
    return write_layer(context, node, edge, weights, weights.integers.transpose(0, 2, 3, 1), window, Depthwise)


def is_depthwise(context: LoweringContext, node: NodeProto) -> bool:
    """Whether a Conv has a group, and one output, for each of several channels."""
    edge, weights = context.operand(node, 0), context.operand(node, 1)
    if not isinstance(edge, Edge) or not isinstance(weights, Weights) or weights.integers.ndim != 4:
        return False
    outputs, inputs = weights.integers.shape[:2]
    return bool(inputs == 1 < outputs == edge.shape[2] == attributes(node)["group"])


RULES = (Rule("Conv", "a convolution of every channel for itself", depthwise, is_depthwise),)
