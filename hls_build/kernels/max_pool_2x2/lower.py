# SPDX-License-Identifier: Apache-2.0
"""QONNX nodes that become a MaxPool."""

from __future__ import annotations

from dataclasses import replace

from onnx import NodeProto

from board.core.layers.max_pool import MaxPool
from hls_build.lowering.abstract_values import Edge
from hls_build.lowering.context import LoweringContext
from hls_build.lowering.errors import LoweringError
from hls_build.lowering.onnx_attributes import Window, attributes
from hls_build.lowering.rule import Rule


def max_pool(context: LoweringContext, node: NodeProto) -> Edge:
    """The maximum over 2x2 tiles."""
    edge = context.quantized(node, 0)
    Window.of_node(node, (2, 2), edge.shape[:2]).check(node, (2, 2), (0, 0, 0, 0))
    height, width, channels = edge.shape
    if height % 2 or width % 2:
        raise LoweringError(f"node {node.name} (MaxPool) needs an even height and width, got {height} x {width}")
    tensor, name = context.tensors[edge.tensor], context.layer_name(node)
    shape = (height // 2, width // 2, channels)
    context.add(MaxPool(name, (edge.tensor,), (name,)), shape, tensor.bits, tensor.signed)
    return replace(edge, tensor=name, shape=shape)


def is_2x2(context: LoweringContext, node: NodeProto) -> bool:
    """Whether a MaxPool has windows of 2x2."""
    del context
    return list(attributes(node)["kernel_shape"]) == [2, 2]


RULES = (Rule("MaxPool", "windows of 2x2", max_pool, is_2x2),)
