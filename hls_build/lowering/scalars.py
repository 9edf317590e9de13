# SPDX-License-Identifier: Apache-2.0
"""Scalar functions between a layer's sums and its quantizer: together they become activation thresholds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto

from board.core.arithmetic import needed_bits
from board.core.layers.conv import Conv
from board.core.layers.threshold import Threshold
from board.core.quantizer import Quantizer
from hls_build.lowering.abstract_values import CHANNEL_AXIS, Constant, Edge, Weights
from hls_build.lowering.activation_thresholds import ScalarFunction, find
from hls_build.lowering.context import LoweringContext, Unquantized, Value, typed_edge
from hls_build.lowering.errors import LoweringError
from hls_build.lowering.onnx_attributes import attributes

SCALAR_OPS = (
    "Add", "BatchNormalization", "Ceil", "Clip", "Div", "Elu", "Erf", "Exp", "Floor", "HardSigmoid", "LeakyRelu", "Mul",
    "Neg", "PRelu", "Relu", "Round", "Selu", "Sigmoid", "Softplus", "Softsign", "Sub", "Tanh",
)  # fmt: skip
"""Elementwise nodes: scalar functions where all operands but one are constant, evaluated by ONNX Runtime."""


@dataclass(frozen=True)
class ScalarChain(Unquantized):
    """An edge behind scalar functions.

    Attributes:
        edge: Where the integers come from.
        source: Name under which the first node reads them.
        nodes: Elementwise ONNX nodes, in order.
    """

    edge: Edge
    source: str = ""
    nodes: tuple[NodeProto, ...] = ()

    def quantize(self, context: LoweringContext, node: NodeProto, quantizer: Quantizer) -> Edge:
        """Write a Threshold, or nothing where the pixels are quantized to what they are."""
        edge, tensor = self.edge, context.tensors[self.edge.tensor]
        is_type = (tensor.low, tensor.high, edge.scale[0]) == (quantizer.low, quantizer.high, quantizer.scale.item())
        if not context.nodes and not self.nodes and is_type:  # elsewhere layers keep their places
            return replace(edge, quantized=True)
        operands = self._operands(context)
        per_channel = any(operands[name].size > 1 for n in self.nodes for name in n.input if name in operands)
        alike = not per_channel and all(len(a) == 1 for a in (edge.scale, edge.low, edge.high))
        function = ScalarFunction(self.source, self.nodes, operands, context.opset)
        falling, thresholds = find(node, edge, function, quantizer, 1 if alike else edge.shape[2])
        if falling.any():
            edge = _negated(context, node, edge, falling)
        thresholds = np.clip(thresholds, edge.low[:, None], edge.high[:, None] + 1)
        if (thresholds == thresholds[:1]).all():
            thresholds = thresholds[:1]
        name = context.layer_name(node)
        layer = Threshold(name, (edge.tensor,), (name,), thresholds, quantizer.low)
        result = context.add(layer, edge.shape, quantizer.bits, quantizer.signed)
        if falling.any():
            context.negated[edge.tensor] = node.name
        return typed_edge(result, quantizer.scale.reshape(1), layout=edge.layout, quantized=True)

    def _operands(self, context: LoweringContext) -> dict[str, NDArray[Any]]:
        """Constant operands of the functions, quantized ones as the reals they stand for."""
        names = {name for node in self.nodes for name in node.input if name in context.values}
        return {
            name: value.real if isinstance(value, Weights) else value.value
            for name in names
            if isinstance(value := context.values[name], Constant | Weights)
        }


def scalar(context: LoweringContext, node: NodeProto) -> Value:
    """Append an elementwise node; a Mul by powers of two changes the scale alone."""
    (varying,) = _varying_inputs(context, node)
    value = context.operand(node, varying)
    attributes(node)
    for index in range(len(node.input)):
        if index != varying and node.input[index]:
            _check_operand(context, node, index, value)
    if node.op_type == "Mul" and isinstance(value, Edge | Unquantized):
        factor = np.asarray(context.constant(node, 1 - varying), np.float64)
        if (np.frexp(factor)[0] == 0.5).all() and (scaled := value.scaled(factor)) is not None:
            return scaled
    if isinstance(value, ScalarChain):
        return replace(value, nodes=(*value.nodes, node))
    if isinstance(value, Edge):
        return ScalarChain(value, node.input[varying], (node,))
    raise LoweringError(
        f"node {node.name} ({node.op_type}) must apply to one edge of sums, got {', '.join(node.input)}"
    )


def is_scalar(context: LoweringContext, node: NodeProto) -> bool:
    """Whether an elementwise node is a scalar function."""
    return len(_varying_inputs(context, node)) == 1


def _varying_inputs(context: LoweringContext, node: NodeProto) -> list[int]:
    """Indices of a node's inputs that are not known at compile time; one without a name is absent."""
    return [
        i for i, name in enumerate(node.input) if name and not isinstance(context.values.get(name), Constant | Weights)
    ]


def identity(context: LoweringContext, node: NodeProto) -> Value:
    """What inference passes on: Identity, and Dropout."""
    attributes(node)
    if len(node.input) > 2 and node.input[2] and context.constant(node, 2).any():
        raise LoweringError(f"node {node.name} ({node.op_type}) is in training mode: export the network for inference")
    value = context.operand(node, 0)
    return replace(value, nodes=(*value.nodes, node)) if isinstance(value, ScalarChain) else value


def _check_operand(context: LoweringContext, node: NodeProto, index: int, value: Value) -> None:
    """Refuse a constant operand that differs along another axis than the channels, or adds channels."""
    edge = value if isinstance(value, Edge) else getattr(value, "edge", None)
    if not isinstance(edge, Edge):
        return
    constant, channels = context.constant(node, index), edge.shape[2]
    if node.op_type == "BatchNormalization":
        fits = edge.layout != "pixels" and constant.shape == (channels,)
    else:
        axes = {"map": 4, "pixels": 3, "vector": 2}[edge.layout]
        shape = (*[1] * (axes - constant.ndim), *constant.shape)
        fits = len(shape) == axes and all(
            size in (1, channels) if axis == CHANNEL_AXIS[edge.layout] else size == 1 for axis, size in enumerate(shape)
        )
    if not fits:
        raise LoweringError(
            f"node {node.name} ({node.op_type}) has an operand {node.input[index]} of shape {list(constant.shape)},"
            f" supported is one number, or one for each of {channels} channels"
        )


def _negated(context: LoweringContext, node: NodeProto, edge: Edge, falling: NDArray[np.bool_]) -> Edge:
    """Negate the weights of channels whose function falls, so that it rises over the negated sums."""
    layer = context.writer(edge)
    if any(edge.tensor in other.inputs for other in context.nodes):
        context.negated[edge.tensor] = node.name
        context.check_not_negated(edge.tensor)
    if not isinstance(layer, Conv):
        raise LoweringError(
            f"node {node.name} ({node.op_type}) quantizes a falling function of {edge.tensor}, which no weights feed: "
            "only a layer's own sums can be negated"
        )
    sign = np.where(falling, -1, 1)
    index = next(i for i, other in enumerate(context.nodes) if other is layer)
    context.nodes[index] = replace(layer, weights=layer.weights * sign[:, None, None, None])
    low, high = np.where(falling, -edge.high, edge.low), np.where(falling, -edge.low, edge.high)
    context.new_tensor(edge.tensor, edge.shape, needed_bits(int(low.min()), int(high.max()), True), True)
    return replace(edge, low=low, high=high)
