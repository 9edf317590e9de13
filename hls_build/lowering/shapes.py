# SPDX-License-Identifier: Apache-2.0
"""Nodes that change a frame's shape: MaxPool and Flatten."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from onnx import NodeProto

from board.core.layers.flatten import Flatten
from board.core.layers.max_pool import MaxPool
from hls_build.lowering.abstract_values import Edge
from hls_build.lowering.context import LoweringContext, LoweringError, check_attributes


def max_pool(context: LoweringContext, node: NodeProto) -> Edge:
    """The maximum over 2x2 tiles."""
    supported = {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [0] * 4, "dilations": [1, 1], "ceil_mode": 0}
    check_attributes(node, supported)
    edge = context.quantized(node, 0)
    height, width, channels = edge.shape
    if height % 2 or width % 2:
        raise LoweringError(f"node {node.name} (MaxPool) needs an even height and width, got {height} x {width}")
    tensor, name = context.tensors[edge.tensor], context.layer_name(node)
    shape = (height // 2, width // 2, channels)
    context.add(MaxPool(name, (edge.tensor,), (name,)), shape, tensor.bits, tensor.signed)
    return replace(edge, tensor=name, shape=shape)


def flatten(context: LoweringContext, node: NodeProto) -> Edge:
    """A frame as one pixel."""
    edge = context.quantized(node, 0)
    if edge.layout != "map":
        raise LoweringError(f"node {node.name} ({node.op_type}) flattens what is no feature map")
    tensor, name = context.tensors[edge.tensor], context.layer_name(node)
    shape = (1, 1, int(np.prod(edge.shape)))
    context.add(Flatten(name, (edge.tensor,), (name,)), shape, tensor.bits, tensor.signed)
    return replace(edge, tensor=name, shape=shape, layout="vector")
