# SPDX-License-Identifier: Apache-2.0
"""Pooled descriptors of attention: sums and maxima over pixels or channels, which a Concat joins."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from onnx import NodeProto

from board.core.arithmetic import needed_bits
from board.core.layers.channel_descriptors import ChannelDescriptors
from board.core.layers.global_descriptors import GlobalDescriptors
from board.core.layers.sum_pixels import SumPixels
from hls_build.lowering.abstract_values import Edge, Reduced
from hls_build.lowering.context import LoweringContext, LoweringError, Value


def reduce_sum(context: LoweringContext, node: NodeProto) -> Value:
    """The sum over the pixels of a dense layer's results, or one half of descriptors."""
    value = context.operand(node, 0)
    if isinstance(value, Edge) and value.layout == "pixels" and _axes(context, node) == [1]:
        return _sum_pixels(context, node, value)
    return _reduced(context, node, "sum")


def reduce_max(context: LoweringContext, node: NodeProto) -> Value:
    """The other half of descriptors."""
    return _reduced(context, node, "max")


def unsqueeze(context: LoweringContext, node: NodeProto) -> Value:
    """A descriptor on its way to a Concat, or a channel gate as a map."""
    value = context.operand(node, 0)
    if isinstance(value, Reduced) and value.over == "pixels":
        return value
    edge, axes = context.quantized(node, 0), _axes(context, node)
    if edge.layout != "vector" or axes not in ([2, 3], [-2, -1]):
        raise LoweringError(f"node {node.name} (Unsqueeze) adds axes {axes}, supported is a channel gate")
    return replace(edge, layout="map")


def concat(context: LoweringContext, node: NodeProto) -> Edge:
    """Sum and maximum of one feature map side by side: what channel and spatial attention look at."""
    total, shift = _descriptors(context, node)
    source = context.tensors[total.edge.tensor]
    height, width, channels = source.shape
    over_pixels = total.over == "pixels"
    count, shape = (height * width, (1, 2, channels)) if over_pixels else (channels, (height, width, 2))
    low, high = (min(bound * count, bound << shift) if bound < 0 else max(bound * count, bound << shift)
                 for bound in (source.low, source.high))  # fmt: skip
    bits = needed_bits(low, high, True) if source.signed else high.bit_length()
    name = context.layer_name(node)
    kind = GlobalDescriptors if over_pixels else ChannelDescriptors
    context.add(kind(name, (source.name,), (name,), shift), shape, bits, source.signed)
    return Edge(name, shape, total.edge.scale, np.array([low]), np.array([high]), "pixels" if over_pixels else "map")


def _descriptors(context: LoweringContext, node: NodeProto) -> tuple[Reduced, int]:
    """The sum, and the shift that gives the maximum the sum's scale."""
    parts = [context.operand(node, i) for i in range(len(node.input))]
    reduced = [part for part in parts if isinstance(part, Reduced)]
    if len(reduced) != len(parts) or len(parts) != 2:
        raise LoweringError(f"node {node.name} (Concat) must join a sum and a maximum of one feature map")
    total, top = reduced
    pair = (total.kind, top.kind, total.over == top.over, total.edge.tensor == top.edge.tensor)
    if pair != ("sum", "max", True, True):
        raise LoweringError(f"node {node.name} (Concat) must join a sum and a maximum of one feature map, in order")
    shift = int(np.log2(top.edge.scale[0] / total.edge.scale[0]))
    if shift < 0:
        raise LoweringError(f"node {node.name} (Concat) has a maximum of finer scale than the sum's")
    return total, shift


def _reduced(context: LoweringContext, node: NodeProto, kind: Literal["sum", "max"]) -> Reduced:
    edge, axes = context.quantized(node, 0), _axes(context, node)
    if edge.layout == "map" and axes in ([2, 3], [-2, -1]):
        return Reduced(edge, kind, "pixels")
    if edge.layout == "map" and axes == [1]:
        return Reduced(edge, kind, "channels")
    raise LoweringError(
        f"node {node.name} ({node.op_type}) reduces axes {axes}, supported are all pixels or all channels of a "
        "feature map"
    )


def _sum_pixels(context: LoweringContext, node: NodeProto, edge: Edge) -> Edge:
    pixels = edge.shape[0] * edge.shape[1]
    low, high = edge.low * pixels, edge.high * pixels
    name, shape = context.layer_name(node), (1, 1, edge.shape[2])
    bits = needed_bits(int(low.min()), int(high.max()), True)
    context.add(SumPixels(name, (edge.tensor,), (name,)), shape, bits, True)
    return replace(edge, tensor=name, shape=shape, low=low, high=high, layout="vector")


def _axes(context: LoweringContext, node: NodeProto) -> list[int]:
    return sorted(int(a) for a in context.constant(node, 1).reshape(-1))
