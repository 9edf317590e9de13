# SPDX-License-Identifier: Apache-2.0
"""QONNX nodes that become GlobalDescriptors and SumPixels."""

from __future__ import annotations

from dataclasses import replace

from onnx import NodeProto

from board.core.arithmetic import needed_bits
from board.core.layers.global_descriptors import GlobalDescriptors
from board.core.layers.sum_pixels import SumPixels
from hls_build.kernels import descriptors
from hls_build.kernels.descriptors import Descriptor
from hls_build.lowering.abstract_values import Edge
from hls_build.lowering.context import LoweringContext, Value
from hls_build.lowering.errors import LoweringError
from hls_build.lowering.onnx_attributes import check_attributes
from hls_build.lowering.rule import Rule


def concat(context: LoweringContext, node: NodeProto) -> Edge:
    """Sum and maximum over pixels, as two pixels: what channel attention looks at."""
    value = context.operand(node, 0)
    assert isinstance(value, Descriptor)
    height, width, channels = value.edge.shape
    return descriptors.write_pair(context, node, GlobalDescriptors, height * width, (1, 2, channels), "pixels")


def unsqueeze(context: LoweringContext, node: NodeProto) -> Value:
    """A descriptor (B, C) as one pixel (B, 1, C) on its way to the Concat."""
    if (added := descriptors.axes(context, node, 3)) != [1]:
        raise LoweringError(f"node {node.name} (Unsqueeze) adds axes {added} to a descriptor, supported is axis 1")
    return context.operand(node, 0)


def is_descriptor(context: LoweringContext, node: NodeProto) -> bool:
    """Whether an Unsqueeze takes one descriptor over pixels."""
    value = context.operand(node, 0)
    return isinstance(value, Descriptor) and value.over == "pixels"


def sum_pixels(context: LoweringContext, node: NodeProto) -> Edge:
    """The sum over the pixels of what a dense layer gives for each of them."""
    check_attributes(node, {"keepdims": 0})
    edge = context.operand(node, 0)
    assert isinstance(edge, Edge)
    pixels = edge.shape[0] * edge.shape[1]
    low, high = edge.low * pixels, edge.high * pixels
    context.check_exact(node, low, high)
    name, shape = context.layer_name(node), (1, 1, edge.shape[2])
    bits = needed_bits(int(low.min()), int(high.max()), True)
    context.add(SumPixels(name, (edge.tensor,), (name,)), shape, bits, True)
    return replace(edge, tensor=name, shape=shape, low=low, high=high, layout="vector")


def is_pixels(context: LoweringContext, node: NodeProto) -> bool:
    """Whether a ReduceSum goes over the pixels (B, P, C) of a dense layer."""
    value = context.operand(node, 0)
    return isinstance(value, Edge) and value.layout == "pixels" and descriptors.axes(context, node, 3) == [1]


RULES = (
    *descriptors.rules("pixels", concat),
    Rule("Unsqueeze", "a descriptor over pixels as one pixel", unsqueeze, is_descriptor),
    Rule("ReduceSum", "the sum over the pixels of a dense layer", sum_pixels, is_pixels),
)
