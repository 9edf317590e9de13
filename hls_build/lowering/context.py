# SPDX-License-Identifier: Apache-2.0
"""Lowering context: the values of ONNX tensors so far, and the integer graph so far."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from itertools import chain, count
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from board.core.arithmetic import EXACT_FLOAT32
from board.core.layers.flatten import Flatten
from board.core.layers.fork import Fork
from board.core.layers.threshold import Threshold
from board.core.node import Node, Tensor, identifier
from board.core.quantizer import Quantizer
from hls_build.lowering.abstract_values import Constant, Edge, Integers, Scales, Weights
from hls_build.lowering.errors import LoweringError
from hls_build.lowering.onnx_attributes import OLDEST_OPSET, ONNX_DOMAINS, attributes


class Unquantized(ABC):
    """An abstract value that waits for its quantizer; kernels have kinds of their own."""

    def scaled(self, factor: NDArray[Any]) -> Unquantized | None:
        """The same with its integers at another scale, by powers of two; None where it takes no factor."""
        del factor
        return None

    @abstractmethod
    def quantize(self, context: LoweringContext, node: NodeProto, quantizer: Quantizer) -> Edge:
        """Write the layer that ends in a Quant node.

        Args:
            context: Takes the layer.
            node: The Quant node.
            quantizer: What it computes, with one scale.
        """


Value: TypeAlias = Constant | Weights | Edge | Unquantized


class LoweringContext:
    """State of one lowering: the values of the model's tensors, and the parts of the integer graph."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.constants = model_constants(model)
        self.opset = _opset(model)
        self.values: dict[str, Value] = {name: Constant(value) for name, value in self.constants.items()}
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []
        self.negated: dict[str, str] = {}
        """Sums whose weights were negated for the one quantizer that reads them: tensor to Quant node."""
        self.remarks: list[str] = []
        """What a person should know of an integer graph that is as exact as float32 lets it be."""

    def new_tensor(self, name: str, shape: tuple[int, int, int], bits: int, signed: bool) -> Tensor:
        """Declare a tensor of the integer graph."""
        self.tensors[name] = Tensor(name, shape, bits, signed)
        return self.tensors[name]

    def add(self, node: Node, shape: tuple[int, int, int], bits: int, signed: bool) -> Tensor:
        """Append a layer and declare its one output.

        Raises:
            LoweringError: It reads sums that were negated for another reader.
        """
        for name in node.inputs:
            self.check_not_negated(name)
        self.nodes.append(node)
        return self.new_tensor(node.outputs[0], shape, bits, signed)

    def check_not_negated(self, tensor: str) -> None:
        """Refuse a second reader of sums whose weights were negated for the first."""
        if tensor in self.negated:
            raise LoweringError(
                f"node {self.negated[tensor]} (Quant) quantizes a falling function of {tensor}, which something else"
                " reads too: only sums with one reader can be negated"
            )

    def check_exact(self, node: NodeProto, low: Integers, high: Integers) -> None:
        """Refuse sums that float32, in which the model is defined, cannot add up exactly.

        Args:
            node: What sums up.
            low: Least sum of any part of the operands, of any shape.
            high: Greatest, likewise.
        """
        most = max(-int(low.min()), int(high.max()))
        if most > EXACT_FLOAT32:
            raise LoweringError(
                f"node {node.name} ({node.op_type}) has sums of up to {most}, which float32 does not hold exactly"
                f" beyond {EXACT_FLOAT32}: use fewer bits or inputs"
            )

    def layer_name(self, node: NodeProto) -> str:
        """What a layer is called: as its ONNX node, as an identifier; by type and number where that has no name."""
        if node.name:
            return self.unused_name(identifier(node.name))
        return next(name for number in count(1) if (name := f"{node.op_type}{number}") not in self.tensors)

    def unused_name(self, name: str) -> str:
        """A name, numbered where a tensor has it already."""
        names = chain([name], (f"{name}_{number}" for number in count(2)))
        return next(name for name in names if name not in self.tensors)

    def check_order(self, edge: Edge, what: str) -> None:
        """Refuse elements of a flattened map one by one: ONNX has them channels first, here pixels come first.

        Args:
            edge: Whose elements matter.
            what: Takes them, for the error.
        """
        height, width, channels = self.flattened(edge) or (1, 1, 1)
        if channels > 1 and height * width > 1:
            raise LoweringError(
                f"{what} takes the elements of a flattened map of {channels} channels one by one: put it before the"
                " Flatten, or leave the Flatten out"
            )

    def flattened(self, edge: Edge) -> tuple[int, int, int] | None:
        """Shape of the map whose elements a vector has, in its order, unquantized or quantized again; else None."""
        layer = self.writer(edge)
        while isinstance(layer, Threshold):
            (name,) = layer.inputs
            layer = next((node for node in self.nodes if name in node.outputs), None)
        return self.tensors[layer.inputs[0]].shape if isinstance(layer, Flatten) else None

    def writer(self, edge: Edge) -> Node | None:
        """The layer that an edge comes from, None for the pixels."""
        return next((node for node in self.nodes if edge.tensor in node.outputs), None)

    def with_forks(self) -> tuple[Node, ...]:
        """The nodes, with a Fork after each tensor that several read."""
        readers: dict[str, list[int]] = {}
        for index, node in enumerate(self.nodes):
            for name in node.inputs:
                readers.setdefault(name, []).append(index)
        forks: dict[str, Fork] = {}
        nodes = list(self.nodes)
        for name, indices in readers.items():
            if len(indices) == 1:
                continue
            copies = tuple(self.unused_name(f"{name}_{i}") for i in range(len(indices)))
            tensor = self.tensors[name]
            for index, copy in zip(indices, copies, strict=True):
                self.tensors[copy] = replace(tensor, name=copy)
                node = nodes[index]
                nodes[index] = replace(node, inputs=tuple(copy if i == name else i for i in node.inputs))
            forks[name] = Fork(self.unused_name(f"{name}_fork"), (name,), copies)
        written = {name for node in nodes for name in node.outputs}
        ordered: list[Node] = [fork for name, fork in forks.items() if name not in written]  # of the pixels
        for node in nodes:
            ordered.append(node)
            ordered += [forks[name] for name in node.outputs if name in forks]
        return tuple(ordered)

    # Operands of an ONNX node

    def operand(self, node: NodeProto, index: int) -> Value:
        """Whatever an input stands for.

        Raises:
            LoweringError: The node has no such input, or nothing writes it.
        """
        if index >= len(node.input):
            raise LoweringError(f"node {node.name} ({node.op_type}) has {len(node.input)} inputs, need {index + 1}")
        name = node.input[index]
        if name not in self.values:
            raise LoweringError(f"node {node.name} ({node.op_type}) reads {name}, which nothing writes")
        return self.values[name]

    def quantized(self, node: NodeProto, index: int) -> Edge:
        """An input that must have left a quantizer, and still have its one scale."""
        value = self.operand(node, index)
        if not isinstance(value, Edge) or not value.quantized:
            raise LoweringError(
                f"node {node.name} ({node.op_type}) reads {node.input[index]}, which is not quantized: "
                "put a Quant node with a power-of-two scale before it"
            )
        if len(value.scale) > 1:
            raise LoweringError(
                f"node {node.name} ({node.op_type}) reads {node.input[index]}, which has a scale per channel: "
                "put a Quant node with one scale before it"
            )
        return value

    def constant(self, node: NodeProto, index: int) -> NDArray[Any]:
        """An input that must be known at compile time, as reals."""
        value = self.operand(node, index)
        if isinstance(value, Weights):
            return value.real
        if not isinstance(value, Constant):
            raise LoweringError(f"node {node.name} ({node.op_type}) needs a constant for {node.input[index]}")
        return value.value

    def weights(self, node: NodeProto, index: int) -> Weights:
        """An input that must be quantized constants."""
        value = self.operand(node, index)
        if not isinstance(value, Weights):
            raise LoweringError(
                f"node {node.name} ({node.op_type}) has weights {node.input[index]} that are not quantized: "
                "put a Quant node with power-of-two scales before it"
            )
        return value

    def quantizer(self, node: NodeProto) -> Quantizer:
        """What a Quant, IntQuant or BipolarQuant node computes."""
        scale, *others = (self.constant(node, index) for index in range(1, len(node.input)))
        try:
            if node.op_type == "BipolarQuant":
                return Quantizer.bipolar_of_node(scale)
            return Quantizer.of_node(attributes(node), scale, *others)
        except ValueError as error:
            raise LoweringError(f"node {node.name} ({node.op_type}) {error}") from None


def typed_edge(tensor: Tensor, scale: Scales, **more: Any) -> Edge:
    """An edge that reaches its type's whole range."""
    return Edge(tensor.name, tensor.shape, scale, np.array([tensor.low]), np.array([tensor.high]), **more)


def model_constants(model: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    """Initializers and Constant nodes by name."""
    try:
        constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    except Exception as error:  # onnx raises what numpy and protobuf do
        raise LoweringError(f"a network's constants must be whole tensors, got {error}: export it again") from None
    for node in model.graph.node:
        if node.op_type == "Constant":
            constants[node.output[0]] = _constant(node)
    return constants


def _opset(model: onnx.ModelProto) -> int:
    """The version of ONNX's own ops.

    Raises:
        LoweringError: There is none, or one that means something else by them.
    """
    versions = [entry.version for entry in model.opset_import if entry.domain in ONNX_DOMAINS]
    newest = onnx.defs.onnx_opset_version()
    if len(versions) != 1 or not OLDEST_OPSET <= versions[0] <= newest:
        told = ", ".join(map(str, versions)) or "none"
        raise LoweringError(f"a network must have an opset from {OLDEST_OPSET} to {newest}, got {told}: export it so")
    return int(versions[0])


def _constant(node: NodeProto) -> NDArray[Any]:
    """The value of a Constant node."""
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    value, numbers = given.get("value"), ("value_float", "value_floats", "value_int", "value_ints")
    if isinstance(value, TensorProto):
        return numpy_helper.to_array(value)
    for name in numbers:
        if name in given:
            return np.asarray(given[name], np.float32 if "float" in name else np.int64)
    raise LoweringError(
        f"node {node.name} (Constant) must hold a tensor, {', '.join(numbers)}, got {', '.join(given) or 'nothing'}"
    )
