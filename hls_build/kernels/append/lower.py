# SPDX-License-Identifier: Apache-2.0
"""QONNX nodes that become an Append."""

from __future__ import annotations

from onnx import NodeProto

from hls_build.lowering.abstract_values import CHANNEL_AXIS, Edge
from hls_build.lowering.context import LoweringContext
from hls_build.lowering.errors import LoweringError
from hls_build.lowering.joining import join
from hls_build.lowering.onnx_attributes import attributes
from hls_build.lowering.rule import Rule

AXES = {"map": 4, "pixels": 3, "vector": 2}
"""Of each layout in ONNX."""


def concat(context: LoweringContext, node: NodeProto) -> Edge:
    """Maps or vectors, channels behind channels."""
    edges = _edges(context, node)
    layout = edges[0].layout
    axis, wanted = attributes(node)["axis"], CHANNEL_AXIS[layout]
    if axis % AXES[layout] != wanted:
        raise LoweringError(f"node {node.name} (Concat) has axis {axis}, supported is {wanted}")
    what = f"node {node.name} (Concat)"
    for edge in edges:
        if layout == "vector":
            context.check_order(edge, what)
    return join(context, context.layer_name(node), edges, what)


def is_join(context: LoweringContext, node: NodeProto) -> bool:
    """Whether a Concat joins several edges of one layout, maps or vectors."""
    edges = _edges(context, node)
    layouts = {edge.layout for edge in edges}
    return len(edges) == len(node.input) > 1 == len(layouts) and "pixels" not in layouts


def _edges(context: LoweringContext, node: NodeProto) -> list[Edge]:
    """Those operands that are edges."""
    values = [context.operand(node, index) for index in range(len(node.input))]
    return [value for value in values if isinstance(value, Edge)]


RULES = (Rule("Concat", "maps of one height and width, or vectors, channels behind channels", concat, is_join),)
