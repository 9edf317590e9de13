# SPDX-License-Identifier: Apache-2.0
"""QONNX nodes that become GlobalDescriptors and SumPixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from onnx import NodeProto, helper

from board.core.arithmetic import needed_bits
from board.core.layers.global_descriptors import GlobalDescriptors
from board.core.layers.sum_pixels import SumPixels
from hls_build.kernels import descriptors
from hls_build.kernels.descriptors import Descriptor
from hls_build.lowering.abstract_values import Constant, Edge
from hls_build.lowering.context import LoweringContext, Value
from hls_build.lowering.errors import LoweringError
from hls_build.lowering.onnx_attributes import Window, attributes, check_attributes
from hls_build.lowering.rule import Rule
from hls_build.lowering.scalars import ScalarChain


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
    return replace(_sums(context, node, edge), layout="vector")


def _sums(context: LoweringContext, node: NodeProto, edge: Edge) -> Edge:
    """Write the layer of a sum over all pixels."""
    pixels = edge.shape[0] * edge.shape[1]
    low, high = edge.low * pixels, edge.high * pixels
    context.check_exact(node, np.minimum(low, 0), np.maximum(high, 0))
    name, shape = context.layer_name(node), (1, 1, edge.shape[2])
    bits = needed_bits(int(low.min()), int(high.max()), True)
    context.add(SumPixels(name, (edge.tensor,), (name,)), shape, bits, True)
    return replace(edge, tensor=name, shape=shape, low=low, high=high, quantized=False)


def mean(context: LoweringContext, node: NodeProto) -> Edge | ScalarChain:
    """The mean over all pixels of a feature map: integer sums, whose division goes into what follows."""
    edge, keeps = context.quantized(node, 0), attributes(node).get("keepdims", 1)
    pixels = edge.shape[0] * edge.shape[1]
    sums = replace(_sums(context, node, edge), layout="map" if keeps else "vector")
    if pixels.bit_count() == 1:
        return replace(sums, scale=sums.scale / pixels)
    divisor, source = f"{node.output[0]}_pixels", f"{node.output[0]}_sums"
    context.values[divisor] = Constant(np.array(pixels, np.float32))
    return ScalarChain(sums, source, (helper.make_node("Div", [source, divisor], [node.output[0]]),))


def is_map(context: LoweringContext, node: NodeProto) -> bool:
    """Whether a mean goes over all pixels of a feature map."""
    value = context.operand(node, 0)
    if not isinstance(value, Edge) or value.layout != "map":
        return False
    if node.op_type == "AveragePool":
        window = Window.of_node(node, tuple(attributes(node)["kernel_shape"]), value.shape[:2])
        return window.kernel == value.shape[:2] and not any(window.pads)
    return node.op_type == "GlobalAveragePool" or descriptors.axes(context, node, 4) == descriptors.AXES["pixels"]


def is_pixels(context: LoweringContext, node: NodeProto) -> bool:
    """Whether a ReduceSum goes over the pixels (B, P, C) of a dense layer."""
    value = context.operand(node, 0)
    return isinstance(value, Edge) and value.layout == "pixels" and descriptors.axes(context, node, 3) == [1]


MEANS = ("AveragePool", "GlobalAveragePool", "ReduceMean")

RULES = (
    *descriptors.rules("pixels", concat),
    Rule("Unsqueeze", "a descriptor over pixels as one pixel", unsqueeze, is_descriptor),
    Rule("ReduceSum", "the sum over the pixels of a dense layer", sum_pixels, is_pixels),
    *(Rule(op_type, "all pixels of a quantized feature map", mean, is_map) for op_type in MEANS),
)
