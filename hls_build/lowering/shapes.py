# SPDX-License-Identifier: Apache-2.0
"""Nodes that change a frame's shape alone: Flatten, and a Reshape that does its work."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from onnx import NodeProto

from board.core.layers.flatten import Flatten
from hls_build.lowering.abstract_values import Edge
from hls_build.lowering.context import LoweringContext
from hls_build.lowering.errors import LoweringError
from hls_build.lowering.onnx_attributes import check_attributes


def flatten(context: LoweringContext, node: NodeProto) -> Edge:
    """A frame as one pixel."""
    edge = context.quantized(node, 0)
    if node.op_type == "Flatten":
        check_attributes(node, {"axis": 1})
    if edge.layout == "vector":
        return edge
    if edge.layout != "map":
        raise LoweringError(f"node {node.name} ({node.op_type}) flattens what is no feature map")
    elements = int(np.prod(edge.shape))
    if node.op_type == "Reshape":
        wanted = context.constant(node, 1).tolist()
        if 0 in wanted:
            check_attributes(node, {"allowzero": 0})  # otherwise 0 is no copy of the batch
        if wanted not in [[batch, rest] for batch in (-1, 0, 1) for rest in (-1, elements)]:
            raise LoweringError(f"node {node.name} (Reshape) makes a shape of {wanted}, supported is [0, -1]")
    tensor, name = context.tensors[edge.tensor], context.layer_name(node)
    shape = (1, 1, elements)
    context.add(Flatten(name, (edge.tensor,), (name,)), shape, tensor.bits, tensor.signed)
    return replace(edge, tensor=name, shape=shape, layout="vector")
