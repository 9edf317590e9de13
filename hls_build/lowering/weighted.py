# SPDX-License-Identifier: Apache-2.0
"""Layers with weights: Conv, Gemm and MatMul."""

from __future__ import annotations

from dataclasses import replace

from onnx import NodeProto, helper

from board.core.arithmetic import accumulator_bounds, needed_bits
from board.core.layers.conv import Conv
from board.core.layers.flatten import Flatten
from hls_build.lowering.abstract_values import Constant, Edge, Integers, Weights
from hls_build.lowering.context import LoweringContext, LoweringError, Value, attributes, check_attributes
from hls_build.lowering.scalars import ScalarChain


def conv(context: LoweringContext, node: NodeProto) -> Value:
    """A 'same' convolution with stride 1."""
    weights = context.weights(node, 1, transposed=False)
    kernel = weights.integers.shape[2]
    if weights.integers.shape[2:] != (kernel, kernel) or kernel % 2 == 0:
        size = "x".join(map(str, weights.integers.shape[2:]))
        raise LoweringError(f"node {node.name} (Conv) has a kernel of {size}, supported are squares of odd size")
    supported = {
        "kernel_shape": [kernel, kernel], "pads": [kernel // 2] * 4, "strides": [1, 1], "dilations": [1, 1],
        "group": 1, "auto_pad": b"NOTSET",
    }  # fmt: skip
    check_attributes(node, supported, {"pads": [0] * 4})
    edge = context.quantized(node, 0)
    return _layer(context, node, edge, weights, weights.integers.transpose(0, 2, 3, 1))


def dense(context: LoweringContext, node: NodeProto) -> Value:
    """A dense layer, or one on every pixel; a Flatten before it turns its weights to the pixels' order."""
    check_attributes(node, {"alpha": 1.0, "beta": 1.0, "transA": 0})
    edge = context.quantized(node, 0)
    weights = context.weights(node, 1, transposed=not attributes(node).get("transB", 0))
    integers = weights.integers
    if edge.layout == "map":
        raise LoweringError(f"node {node.name} ({node.op_type}) reads a feature map: put a Flatten before it")
    source = context.writer(edge)
    if isinstance(source, Flatten):
        height, width, channels = context.tensors[source.inputs[0]].shape
        integers = integers.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
    return _layer(context, node, edge, weights, integers.reshape(len(integers), 1, 1, -1))


def transpose(context: LoweringContext, node: NodeProto) -> Value:
    """Weights of a MatMul."""
    weights = context.weights(node, 0, transposed=False)
    if weights.integers.ndim != 2:
        raise LoweringError(f"node {node.name} (Transpose) turns {weights.integers.ndim} axes, supported are 2")
    check_attributes(node, {"perm": [1, 0]})
    return replace(weights, transposed=True)


def _layer(
    context: LoweringContext, node: NodeProto, edge: Edge, weights: Weights, integers: Integers
) -> Edge | ScalarChain:
    """Write a Conv (outputs, k, k, inputs); a bias waits for the quantizer."""
    tensor = context.tensors[edge.tensor]
    if integers.shape[3] != tensor.shape[2]:
        raise LoweringError(
            f"node {node.name} ({node.op_type}) has weights for {integers.shape[3]} inputs, gets {tensor.shape[2]}"
        )
    low, high = accumulator_bounds(integers, tensor.low, tensor.high)
    name, shape = context.layer_name(node), (*tensor.shape[:2], len(integers))
    layer = Conv(name, (edge.tensor,), (name,), integers, weights.bits)
    context.add(layer, shape, needed_bits(int(low.min()), int(high.max()), True), True)
    sums = Edge(name, shape, weights.scale * edge.scale, low, high, edge.layout)
    if len(node.input) < 3:
        return sums
    bias = context.operand(node, 2)
    if not isinstance(bias, Weights) or (bias.scale != sums.scale).any():
        raise LoweringError(
            f"node {node.name} ({node.op_type}) has bias {node.input[2]}, which is not quantized at its sums' scale"
        )
    operand, source = f"{node.output[0]}_bias", f"{node.output[0]}_sums"
    shape_in_model = (-1, 1, 1) if edge.layout == "map" else (-1,)
    context.values[operand] = Constant(bias.real.reshape(shape_in_model))
    return ScalarChain(sums, source, (helper.make_node("Add", [source, operand], [node.output[0]]),))
