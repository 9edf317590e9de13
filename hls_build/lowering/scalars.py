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
from board.core.quantizer import Quantizer, powers_of_two
from hls_build.lowering.abstract_values import CHANNEL_AXIS, Constant, Edge, Scales, Weights
from hls_build.lowering.activation_thresholds import ScalarFunction, borderline, find
from hls_build.lowering.context import LoweringContext, Unquantized, Value, typed_edge
from hls_build.lowering.errors import LoweringError
from hls_build.lowering.onnx_attributes import attributes

LEAST_BITS = 2
"""Of activations: FINN+'s multiplier takes no fewer, so codes of one bit have two."""

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
        biased: Whether the sums have a bias that is no multiple of their scale.
    """

    edge: Edge
    source: str = ""
    nodes: tuple[NodeProto, ...] = ()
    biased: bool = False

    @property
    def is_rounded(self) -> bool:
        """Whether float32 holds the sums only rounded; codes times one scale are rounded once, wherever computed."""
        return self.biased or not (self.edge.quantized or powers_of_two(self.edge.scale))

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
        if self.is_rounded and (found := borderline(node, edge, function, quantizer, thresholds)):
            context.remarks.append(
                f"{found} sums before {node.name} lie where float32 may round to either side of an activation threshold"
            )
        if falling.any():
            edge = _negated(context, node, edge, falling)
        thresholds = np.clip(thresholds, edge.low[:, None], edge.high[:, None] + 1)
        if (thresholds == thresholds[:1]).all():
            thresholds = thresholds[:1]
        name = context.layer_name(node)
        layer = Threshold(name, (edge.tensor,), (name,), thresholds, quantizer.low)
        result = context.add(layer, edge.shape, max(LEAST_BITS, quantizer.bits), quantizer.signed)
        if falling.any():
            context.negated[edge.tensor] = node.name
        return typed_edge(result, quantizer.scale.reshape(1), layout=edge.layout, quantized=True)

    def linear(self, context: LoweringContext) -> tuple[Scales, Scales]:
        """Scale and offset of each channel, where the functions only scale and shift: real = integer * scale + offset.

        Raises:
            LoweringError: One does something else.
        """
        operands = self._operands(context)
        channels = self.edge.shape[2]
        scale, offset = np.broadcast_to(self.edge.scale, channels), np.zeros(channels)
        name = self.source
        for node in self.nodes:
            constant = [operands[other].astype(np.float64).ravel() for other in node.input if other in operands]
            first = node.input[0] == name
            if node.op_type == "Add":
                offset = offset + constant[0]
            elif node.op_type == "Sub":
                sign = 1 if first else -1
                scale, offset = sign * scale, sign * (offset - constant[0])
            elif node.op_type == "Mul":
                scale, offset = scale * constant[0], offset * constant[0]
            elif node.op_type == "Div" and first:
                scale, offset = scale / constant[0], offset / constant[0]
            elif node.op_type == "Neg":
                scale, offset = -scale, -offset
            elif node.op_type == "BatchNormalization":
                gain, shift, mean, variance = constant
                factor = gain / np.sqrt(variance + attributes(node)["epsilon"])
                scale, offset = scale * factor, (offset - mean) * factor + shift
            elif node.op_type not in ("Identity", "Dropout"):
                raise LoweringError(
                    f"node {node.name} ({node.op_type}) is behind the last layer, where sums may be scaled and shifted"
                    " alone: end the network before it, and compute it on the host"
                )
            name = node.output[0]
        if not (np.isfinite(scale).all() and np.isfinite(offset).all() and scale.all()):
            raise LoweringError(
                f"the output's scales must be numbers other than 0, got {scale.tolist()} behind {self.edge.tensor}"
            )
        return scale, offset

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
    if constant.size > 1:
        context.check_order(edge, f"node {node.name} ({node.op_type})")


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
