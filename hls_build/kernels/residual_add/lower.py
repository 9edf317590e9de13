# SPDX-License-Identifier: Apache-2.0
"""QONNX nodes that become a ResidualAdd."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from board.core.arithmetic import needed_bits
from board.core.layers.residual_add import ResidualAdd
from hls_build.lowering.abstract_values import Edge
from hls_build.lowering.context import LoweringContext
from hls_build.lowering.errors import LoweringError
from hls_build.lowering.onnx_attributes import attributes
from hls_build.lowering.rule import Rule


def add(context: LoweringContext, node: NodeProto) -> Edge:
    """Two maps or two vectors, at the finer of their scales."""
    attributes(node)
    edges = [edge for index in (0, 1) if isinstance(edge := context.operand(node, index), Edge)]
    for index, edge in enumerate(edges):
        if len(edge.scale) > 1:
            raise LoweringError(
                f"node {node.name} (Add) adds {node.input[index]}, which has a scale per channel: put a Quant node with"
                " one scale before it"
            )
    a, b = edges
    if (a.shape, a.layout) != (b.shape, b.layout):
        raise LoweringError(f"node {node.name} (Add) adds shapes {a.shape} and {b.shape}, supported is one shape")
    if a.tensor == b.tensor:
        raise LoweringError(f"node {node.name} (Add) adds {node.input[0]} to itself: multiply it by 2 instead")
    ratio = float(a.scale[0] / b.scale[0])
    if np.frexp(ratio)[0] != 0.5:
        raise LoweringError(
            f"node {node.name} (Add) adds scales {a.scale[0]:g} and {b.scale[0]:g}, whose ratio must be a power of two:"
            " quantize both with one scale"
        )
    scale = np.minimum(a.scale, b.scale)
    shifts = tuple(int(np.log2(edge.scale[0] / scale[0])) for edge in edges)
    low, high = ((a.low << shifts[0]) + (b.low << shifts[1]), (a.high << shifts[0]) + (b.high << shifts[1]))
    parts = [bound << shift for edge, shift in zip(edges, shifts, strict=True) for bound in (edge.low, edge.high)]
    context.check_exact(node, min([low, *parts], key=np.min), max([high, *parts], key=np.max))
    name = context.layer_name(node)
    signed = any(context.tensors[edge.tensor].signed for edge in edges)
    layer = ResidualAdd(name, (a.tensor, b.tensor), (name,), (shifts[0], shifts[1]))
    context.add(layer, a.shape, needed_bits(int(low.min()), int(high.max()), signed), signed)
    return Edge(name, a.shape, scale, low, high, a.layout)


def is_pair(context: LoweringContext, node: NodeProto) -> bool:
    """Whether an Add has two edges."""
    return len(node.input) == 2 and all(isinstance(context.operand(node, index), Edge) for index in (0, 1))


RULES = (Rule("Add", "two edges of one shape", add, is_pair),)
