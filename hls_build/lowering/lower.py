# SPDX-License-Identifier: Apache-2.0
"""Walk a QONNX graph once, in order, and write the integer graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, helper

from board.core.arithmetic import accumulator_bounds, needed_bits
from board.core.graph import Conv, Flatten, IntegerGraph, MaxPool, Threshold
from hls_build.lowering.abstract_values import Constant, Edge, Pending, Product, Reduced, Value, Weights
from hls_build.lowering.activation_thresholds import (
    Quantizer,
    ScalarFunction,
    directions,
    tabulate,
    thresholds_from_codes,
)
from hls_build.lowering.attention import Attention
from hls_build.lowering.context import LoweringError

SCALAR_OPS = ("Add", "BatchNormalization", "Mul", "Relu", "Sigmoid")
PIXEL_BITS = 8


def lower_file(path: Path) -> IntegerGraph:
    """Read a QONNX file and lower it.

    Raises:
        LoweringError: The file is no ONNX model, or `lower` refuses it.
    """
    try:
        model = onnx.load(path)
    except FileNotFoundError:
        raise LoweringError(f"no model at {path}: run `auflow export` first") from None
    except Exception as error:  # protobuf's own class is not public
        raise LoweringError(f"{path} cannot be read as ONNX: {error}") from None
    return lower(model)


def lower(model: onnx.ModelProto) -> IntegerGraph:
    """Turn a QONNX model with raw pixels in and integer accumulators out into integers only.

    Args:
        model: One input (1, C, H, W) that holds integers 0..255, one output; see `qnn.export.export`.

    Returns:
        Its exact integer form, with a Fork wherever a stream is read twice.

    Raises:
        LoweringError: An unknown op, an unquantized tensor, or a function that no thresholds express.
    """
    return _Lowering(model).run()


class _Lowering(Attention):
    """One handler per op; each turns operands' values into the result's."""

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__(model)
        self.handlers: dict[str, Callable[[NodeProto], Value]] = {
            "Quant": self.quant, "Conv": self.conv, "Gemm": self.dense, "MatMul": self.dense,
            "Transpose": self.transpose, "MaxPool": self.max_pool, "ReduceSum": self.reduce_sum,
            "ReduceMax": self.reduce_max, "Concat": self.concat, "Unsqueeze": self.unsqueeze,
            "Reshape": self.flatten, "Flatten": self.flatten, "Mul": self.multiply,
            **{op: self.scalar for op in SCALAR_OPS if op != "Mul"},
        }  # fmt: skip

    def run(self) -> IntegerGraph:
        graph = self.model.graph
        constant = set(self.constants)
        (source,) = [i for i in graph.input if i.name not in constant]
        _, channels, height, width = (d.dim_value for d in source.type.tensor_type.shape.dim)
        pixels = self.new_tensor("pixels", (height, width, channels), PIXEL_BITS, False)
        self.values[source.name] = self.typed_stream(pixels, np.ones(1))
        for node in graph.node:
            if node.op_type == "Constant":
                continue
            handler = self.handlers.get(node.op_type)
            if handler is None:
                raise LoweringError(
                    f"node {node.name} is of type {node.op_type}, which has no hardware; supported are "
                    f"{', '.join(sorted(self.handlers))}"
                )
            self.values[node.output[0]] = handler(node)
        result = self.values.get(graph.output[0].name)
        if not isinstance(result, Edge) or not (result.scale == 1).all():
            raise LoweringError(
                f"output {graph.output[0].name} is not made of integer accumulators: multiply it by its inverse scale"
            )
        nodes = self.with_forks()
        return IntegerGraph(self.tensors, nodes, "pixels", result.tensor)

    # Quantizers

    def quant(self, node: NodeProto) -> Value:
        value = self.operand(node, 0)
        quantizer = self.quantizer(node)
        if isinstance(value, Constant):
            scale = np.broadcast_to(quantizer.scale.reshape(-1), value.value.shape[0])
            return Weights(quantizer.codes(value.value), scale, quantizer.bits)
        if isinstance(value, Weights):
            raise LoweringError(f"node {node.name} (Quant) quantizes weights a second time")
        if quantizer.scale.size != 1:
            raise LoweringError(
                f"node {node.name} (Quant) has {quantizer.scale.size} scales, need one for an activation"
            )
        if isinstance(value, Product):
            return self.gated(node, value, quantizer)
        if isinstance(value, Reduced):
            raise LoweringError(f"node {node.name} (Quant) quantizes one descriptor alone: Concat sum and maximum")
        return self.thresholded(node, value, quantizer)

    def thresholded(self, node: NodeProto, value: Edge | Pending, quantizer: Quantizer) -> Edge:
        """Quantize a stream, through scalar functions if any are pending."""
        stream = value.stream if isinstance(value, Pending) else value
        nodes = value.nodes if isinstance(value, Pending) else ()
        tensor = self.tensors[stream.tensor]
        same = (tensor.low, tensor.high, stream.scale[0]) == (quantizer.low, quantizer.high, quantizer.scale.item())
        if not self.nodes and not nodes and same:  # the pixels themselves; elsewhere layers keep their places
            return replace(stream, quantized=True)
        source = value.source if isinstance(value, Pending) else ""
        operands = self.folded_constants(nodes)
        per_channel = any(operands[name].size > 1 for n in nodes for name in n.input if name in operands)
        alike = not per_channel and all(len(a) == 1 for a in (stream.scale, stream.low, stream.high))
        channels = 1 if alike else stream.shape[2]
        values, codes = tabulate(stream, ScalarFunction(source, nodes, operands), quantizer, channels)
        falling = directions(codes, node) < 0
        if falling.any():
            stream = self.negated(node, stream, falling)
            codes = np.where(falling[:, None], codes[:, ::-1], codes)
        thresholds = thresholds_from_codes(values, codes, quantizer)
        thresholds = np.clip(thresholds, stream.low[:, None], stream.high[:, None] + 1)
        if (thresholds == thresholds[:1]).all():
            thresholds = thresholds[:1]
        name = f"{stream.tensor}_q"
        self.new_tensor(name, stream.shape, quantizer.bits, quantizer.signed)
        self.nodes.append(Threshold(name, (stream.tensor,), (name,), thresholds, quantizer.low))
        result = self.typed_stream(self.tensors[name], quantizer.scale.reshape(1), layout=stream.layout)
        return replace(result, block=stream.block, quantized=True)

    def folded_constants(self, nodes: tuple[NodeProto, ...]) -> dict[str, np.ndarray]:
        """Constant operands of scalar functions, quantized ones as the reals they stand for."""
        names = {name for node in nodes for name in node.input if name in self.values}
        return {
            name: value.real if isinstance(value, Weights) else value.value
            for name in names
            if isinstance(value := self.values[name], Constant | Weights)
        }

    def negated(self, node: NodeProto, stream: Edge, falling: np.ndarray) -> Edge:
        """Negate the weights of channels whose function falls, so that it rises over the negated sums."""
        index = next((i for i, n in enumerate(self.nodes) if stream.tensor in n.outputs), None)
        layer = None if index is None else self.nodes[index]
        if not isinstance(layer, Conv) or index is None:
            raise LoweringError(
                f"node {node.name} (Quant) quantizes a falling function of {stream.tensor}, which no weights feed: "
                "only a layer's own sums can be negated"
            )
        sign = np.where(falling, -1, 1)
        self.nodes[index] = replace(layer, weights=layer.weights * sign[:, None, None, None])
        low, high = np.where(falling, -stream.high, stream.low), np.where(falling, -stream.low, stream.high)
        self.new_tensor(stream.tensor, stream.shape, needed_bits(int(low.min()), int(high.max()), True), True)
        return replace(stream, low=low, high=high)

    # Layers with weights

    def conv(self, node: NodeProto) -> Value:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        weights = self.weights(node, 1, transposed=False)
        kernel = weights.integers.shape[2]
        expected = {
            "kernel_shape": [kernel, kernel], "pads": [kernel // 2] * 4, "strides": [1, 1],
            "dilations": [1, 1], "group": 1,
        }  # fmt: skip
        for key, need in expected.items():
            if attributes.get(key, need) != need:
                raise LoweringError(f"node {node.name} (Conv) has {key} {attributes[key]}, supported is {need}")
        stream = self.quantized(node, 0)
        name = f"{stream.block}_conv" if stream.block else self.numbered("conv")
        return self.layer(node, stream, weights, weights.integers.transpose(0, 2, 3, 1), name)

    def dense(self, node: NodeProto) -> Value:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        stream = self.quantized(node, 0)
        weights = self.weights(node, 1, transposed=not attributes.get("transB", 0))
        integers = weights.integers
        if stream.layout == "map":
            raise LoweringError(f"node {node.name} ({node.op_type}) reads a feature map: put a Flatten before it")
        source = next((n for n in self.nodes if stream.tensor in n.outputs), None)
        if isinstance(source, Flatten):
            height, width, channels = self.tensors[source.inputs[0]].shape
            integers = integers.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
        name = (
            f"{stream.block}_{self.numbered(stream.block + '_fc')[len(stream.block) + 1 :]}"
            if stream.block
            else (self.numbered("fc"))
        )
        return self.layer(node, stream, weights, integers.reshape(len(integers), 1, 1, -1), name)

    def layer(self, node: NodeProto, stream: Edge, weights: Weights, integers: np.ndarray, name: str) -> Edge | Pending:
        """Write a Conv node (outputs, k, k, inputs); a bias waits for the quantizer."""
        tensor = self.tensors[stream.tensor]
        if integers.shape[3] != tensor.shape[2]:
            raise LoweringError(
                f"node {node.name} ({node.op_type}) has weights for {integers.shape[3]} inputs, gets {tensor.shape[2]}"
            )
        low, high = accumulator_bounds(integers, tensor.low, tensor.high)
        shape = (*tensor.shape[:2], len(integers))
        self.new_tensor(name, shape, needed_bits(int(low.min()), int(high.max()), True), True)
        self.nodes.append(Conv(name, (stream.tensor,), (name,), integers, weights.bits))
        sums = Edge(name, shape, weights.scale * stream.scale, low, high, stream.layout, stream.block)
        if len(node.input) < 3:
            return sums
        bias = self.operand(node, 2)
        if not isinstance(bias, Weights) or (bias.scale != sums.scale).any():
            raise LoweringError(
                f"node {node.name} ({node.op_type}) has bias {node.input[2]}, which is not quantized at its sums' scale"
            )
        operand, source = f"{node.output[0]}_bias", f"{node.output[0]}_sums"
        shape_in_model = (-1, 1, 1) if stream.layout == "map" else (-1,)
        self.values[operand] = Constant(bias.real.reshape(shape_in_model))
        return Pending(sums, source, (helper.make_node("Add", [source, operand], [node.output[0]]),))

    def transpose(self, node: NodeProto) -> Value:
        weights = self.weights(node, 0, transposed=False)
        if weights.integers.ndim != 2:
            raise LoweringError(f"node {node.name} (Transpose) turns {weights.integers.ndim} axes, supported are 2")
        return replace(weights, transposed=True)

    # Scalar functions and products

    def scalar(self, node: NodeProto) -> Pending:
        dynamic = [i for i, name in enumerate(node.input) if not isinstance(self.values.get(name), Constant | Weights)]
        value = self.operand(node, dynamic[0]) if len(dynamic) == 1 else None
        if isinstance(value, Pending):
            return replace(value, nodes=(*value.nodes, node))
        if isinstance(value, Edge):
            return Pending(value, node.input[dynamic[0]], (node,))
        raise LoweringError(
            f"node {node.name} ({node.op_type}) must apply to one stream of sums, got {', '.join(node.input)}"
        )

    def multiply(self, node: NodeProto) -> Value:
        a, b = self.operand(node, 0), self.operand(node, 1)
        if isinstance(a, Constant):
            a, b = b, a
        if isinstance(b, Constant):
            factor = np.asarray(b.value, np.float64)
            exact = (np.frexp(factor)[0] == 0.5).all()
            if exact and isinstance(a, Edge) and factor.size in (1, a.shape[2]):
                return a.scaled(factor)
            if exact and isinstance(a, Reduced) and factor.size == 1:
                return replace(a, stream=a.stream.scaled(factor))
            return self.scalar(node)
        return self.product(node)

    # Shapes

    def max_pool(self, node: NodeProto) -> Edge:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        expected = {
            "kernel_shape": [2, 2],
            "strides": [2, 2],
            "pads": [0] * 4,
            "dilations": [1, 1],
            "ceil_mode": 0,
        }
        for key, need in expected.items():
            if attributes.get(key, need) != need:
                raise LoweringError(f"node {node.name} (MaxPool) has {key} {attributes[key]}, supported is {need}")
        stream = self.quantized(node, 0)
        height, width, channels = stream.shape
        if height % 2 or width % 2:
            raise LoweringError(f"node {node.name} (MaxPool) needs an even height and width, got {height} x {width}")
        tensor, name = self.tensors[stream.tensor], self.numbered("pool")
        self.new_tensor(name, (height // 2, width // 2, channels), tensor.bits, tensor.signed)
        self.nodes.append(MaxPool(name, (stream.tensor,), (name,)))
        return replace(stream, tensor=name, shape=self.tensors[name].shape)

    def flatten(self, node: NodeProto) -> Edge:
        stream = self.quantized(node, 0)
        shape = (1, 1, int(np.prod(stream.shape)))
        if stream.layout != "map":
            raise LoweringError(f"node {node.name} ({node.op_type}) flattens what is no feature map")
        tensor = self.tensors[stream.tensor]
        self.new_tensor("flatten", shape, tensor.bits, tensor.signed)
        self.nodes.append(Flatten("flatten", (stream.tensor,), ("flatten",)))
        return replace(stream, tensor="flatten", shape=shape, layout="vector")
