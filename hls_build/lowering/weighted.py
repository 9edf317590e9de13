# SPDX-License-Identifier: Apache-2.0
"""Layers with weights: Conv, Gemm and MatMul."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from onnx import NodeProto, helper

from board.core.arithmetic import accumulator_bounds, needed_bits
from board.core.layers.conv import Conv, windows
from hls_build.lowering.abstract_values import Constant, Edge, Integers, Reals, Scales, Weights
from hls_build.lowering.context import LoweringContext, Value
from hls_build.lowering.errors import LoweringError
from hls_build.lowering.onnx_attributes import Window, attributes, check_attributes
from hls_build.lowering.scalars import ScalarChain

PIXEL = Window((1, 1), (1, 1), (0, 0, 0, 0), (1, 1))
"""A dense layer's window."""


def conv(context: LoweringContext, node: NodeProto) -> Value:
    """A convolution."""
    weights = context.weights(node, 1)
    if weights.integers.ndim != 4:
        raise LoweringError(f"node {node.name} (Conv) has {weights.integers.ndim - 2} spatial axes, supported are 2")
    edge = context.quantized(node, 0)
    weights = _ungrouped(node, weights, attributes(node)["group"])
    window = window_of(node, edge, (weights.integers.shape[2], weights.integers.shape[3]))
    return _layer(context, node, edge, weights, weights.integers.transpose(0, 2, 3, 1), window)


def _ungrouped(node: NodeProto, weights: Weights, groups: int) -> Weights:
    """Weights of a convolution of one group: zeros for the inputs of the other groups.

    Raises:
        LoweringError: The groups do not share the outputs alike.
    """
    if groups == 1:
        return weights
    outputs, inputs = weights.integers.shape[:2]
    if groups < 1 or outputs % groups:
        raise LoweringError(f"node {node.name} (Conv) has group {groups}, need a divisor of its {outputs} outputs")
    whole = np.zeros((outputs, inputs * groups, *weights.integers.shape[2:]), np.int64)
    for output, own in enumerate(weights.integers):
        first = output // (outputs // groups) * inputs
        whole[output, first : first + inputs] = own
    return replace(weights, integers=whole)


def window_of(node: NodeProto, edge: Edge, kernel: tuple[int, int]) -> Window:
    """How a window moves over a feature map, where FINN+'s sliding window does that.

    Raises:
        LoweringError: It does not.
    """
    if edge.layout != "map":
        raise LoweringError(f"node {node.name} ({node.op_type}) reads what is no feature map")
    window = Window.of_node(node, kernel, edge.shape[:2])
    window.check_dilations(node)
    rows, columns = windows(edge.shape[:2], kernel, window.strides, window.pads)
    if min(rows, columns) < 1:
        raise LoweringError(
            f"node {node.name} ({node.op_type}) has a window of {kernel[0]}x{kernel[1]} over a padded map that is"
            f" smaller, {edge.shape[0]}x{edge.shape[1]} with pads {list(window.pads)}"
        )
    return window


def dense(context: LoweringContext, node: NodeProto) -> Value:
    """A dense layer, or one on every pixel; a Flatten before it turns its weights to the pixels' order."""
    outputs_first = False
    if node.op_type == "Gemm":
        check_attributes(node, {"alpha": 1.0, "beta": 1.0, "transA": 0})
        outputs_first = bool(attributes(node)["transB"])
    edge = context.quantized(node, 0)
    weights = context.weights(node, 1)
    if weights.integers.ndim != 2:
        raise LoweringError(
            f"node {node.name} ({node.op_type}) has weights of {weights.integers.ndim} axes, supported are 2"
        )
    if edge.layout == "map":
        raise LoweringError(f"node {node.name} ({node.op_type}) reads a feature map: put a Flatten before it")
    weights = weights if outputs_first else weights.transposed
    integers = weights.integers
    if (flattened := context.flattened(edge)) is not None:
        height, width, channels = flattened
        if integers.shape[1] == height * width * channels:  # else _layer says what is wrong
            integers = integers.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
    return _layer(context, node, edge, weights, integers.reshape(len(integers), 1, 1, -1), PIXEL)


def transpose(context: LoweringContext, node: NodeProto) -> Value:
    """Weights of a dense layer."""
    weights = context.weights(node, 0)
    if weights.integers.ndim != 2:
        raise LoweringError(f"node {node.name} (Transpose) turns {weights.integers.ndim} axes, supported are 2")
    order = attributes(node)["perm"]
    return weights if order is not None and list(order) == [0, 1] else weights.transposed


def _layer(
    context: LoweringContext, node: NodeProto, edge: Edge, weights: Weights, integers: Integers, window: Window
) -> Edge | ScalarChain:
    """Write a Conv that reads all channels."""
    inputs, channels = integers.shape[3], context.tensors[edge.tensor].shape[2]
    if inputs != channels:
        raise LoweringError(f"node {node.name} ({node.op_type}) has weights for {inputs} inputs, gets {channels}")
    return write_layer(context, node, edge, weights, integers, window)


def write_layer(
    context: LoweringContext,
    node: NodeProto,
    edge: Edge,
    weights: Weights,
    integers: Integers,
    window: Window,
    kind: type[Conv] = Conv,
) -> Edge | ScalarChain:
    """Write a layer with weights; a bias waits for the quantizer.

    Args:
        context: Takes the layer.
        node: Conv, Gemm or MatMul.
        edge: What it reads.
        weights: As the model has them.
        integers: The same as the layer has them, of shape (outputs, rows, columns, inputs).
        window: How it moves.
        kind: Of the layer.

    Raises:
        LoweringError: Scales, bias or sums cannot be.
    """
    tensor = context.tensors[edge.tensor]
    if (weight_scales := weights.scales()) is None:
        raise LoweringError(
            f"node {node.name} ({node.op_type}) has weights {node.input[1]} of several scales for one output, supported"
            " is one scale for each"
        )
    low, high = accumulator_bounds(integers, tensor.low, tensor.high)
    context.check_exact(node, low, high)
    size = windows(tensor.shape[:2], window.kernel, window.strides, window.pads)
    name, shape = context.layer_name(node), (*size, len(integers))
    scale = weight_scales * edge.scale
    bias = _bias(context, node, scale)
    if isinstance(bias, Weights):
        added = bias.integers.ravel()
        context.check_exact(node, low + np.minimum(added, 0), high + np.maximum(added, 0))
    layer = kind(name, (edge.tensor,), (name,), integers, weights.bits, window.strides, window.pads)
    context.add(layer, shape, needed_bits(int(low.min()), int(high.max()), True), True)
    sums = Edge(name, shape, scale, low, high, edge.layout)
    if bias is None:
        return sums
    operand, source = f"{node.output[0]}_bias", f"{node.output[0]}_sums"
    shape_in_model = (-1, 1, 1) if edge.layout == "map" else (-1,)
    real = bias.real if isinstance(bias, Weights) else bias
    context.values[operand] = Constant(real.reshape(shape_in_model))
    add = helper.make_node("Add", [source, operand], [node.output[0]])
    return ScalarChain(sums, source, (add,), biased=not isinstance(bias, Weights))


def _bias(context: LoweringContext, node: NodeProto, scale: Scales) -> Weights | Reals | None:
    """The bias: integers at the scales of the sums, else reals; None where there is none."""
    if len(node.input) < 3 or not node.input[2]:
        return None
    bias = context.operand(node, 2)
    shape = bias.integers.shape if isinstance(bias, Weights) else context.constant(node, 2).shape
    if shape not in ((len(scale),), (1, len(scale)), (1,), (1, 1), ()):
        raise LoweringError(f"node {node.name} ({node.op_type}) has a bias of shape {shape} for {len(scale)} outputs")
    if isinstance(bias, Weights) and bias.scale.size in (1, len(scale)):
        at_sums = scale.astype(np.float32)  # as a model holds it
        if (np.broadcast_to(bias.scale.ravel(), scale.shape).astype(np.float32) == at_sums).all():
            return bias
    return np.asarray(context.constant(node, 2), np.float32)
