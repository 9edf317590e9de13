# SPDX-License-Identifier: Apache-2.0
"""Lowering context: the values of ONNX tensors so far, and the integer graph so far."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain, count
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, helper, numpy_helper

from board.core.layers.fork import Fork
from board.core.node import Node, Tensor, identifier
from board.core.quantizer import Quantizer
from hls_build.lowering.abstract_values import Constant, Edge, Scales, Weights


class LoweringError(ValueError):
    """The model is outside the family that the compiler knows; one sentence says where."""


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
        self.values: dict[str, Value] = {name: Constant(value) for name, value in self.constants.items()}
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []

    def new_tensor(self, name: str, shape: tuple[int, int, int], bits: int, signed: bool) -> Tensor:
        """Declare a tensor of the integer graph."""
        self.tensors[name] = Tensor(name, shape, bits, signed)
        return self.tensors[name]

    def add(self, node: Node, shape: tuple[int, int, int], bits: int, signed: bool) -> Tensor:
        """Append a layer and declare its one output."""
        self.nodes.append(node)
        return self.new_tensor(node.outputs[0], shape, bits, signed)

    def layer_name(self, node: NodeProto) -> str:
        """What a layer is called: as its ONNX node, as an identifier; by type and number where that has no name."""
        if node.name:
            return self._unused(identifier(node.name))
        return next(name for number in count(1) if (name := f"{node.op_type}{number}") not in self.tensors)

    def _unused(self, name: str) -> str:
        """A name, numbered where a tensor has it already."""
        names = chain([name], (f"{name}_{number}" for number in count(2)))
        return next(name for name in names if name not in self.tensors)

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
            copies = tuple(self._unused(f"{name}_{i}") for i in range(len(indices)))
            tensor = self.tensors[name]
            for index, copy in zip(indices, copies, strict=True):
                self.tensors[copy] = replace(tensor, name=copy)
                node = nodes[index]
                nodes[index] = replace(node, inputs=tuple(copy if i == name else i for i in node.inputs))
            forks[name] = Fork(self._unused(f"{name}_fork"), (name,), copies)
        ordered: list[Node] = []
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

    def weights(self, node: NodeProto, index: int, transposed: bool) -> Weights:
        """An input that must be quantized constants, outputs last if transposed."""
        value = self.operand(node, index)
        if not isinstance(value, Weights):
            raise LoweringError(
                f"node {node.name} ({node.op_type}) has weights {node.input[index]} that are not quantized: "
                "put a Quant node with power-of-two scales before it"
            )
        if value.transposed != transposed:
            raise LoweringError(f"node {node.name} ({node.op_type}) has its weights the wrong way round")
        return value

    def quantizer(self, node: NodeProto) -> Quantizer:
        """What a Quant node computes."""
        scale, zero_point, bits = (self.constant(node, index) for index in (1, 2, 3))
        try:
            return Quantizer.of_node(attributes(node), scale, zero_point, bits)
        except ValueError as error:
            raise LoweringError(f"node {node.name} (Quant) {error}") from None


def typed_edge(tensor: Tensor, scale: Scales, **more: Any) -> Edge:
    """An edge that reaches its type's whole range."""
    return Edge(tensor.name, tensor.shape, scale, np.array([tensor.low]), np.array([tensor.high]), **more)


def attributes(node: NodeProto) -> dict[str, Any]:
    """A node's attributes by name."""
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def check_attributes(node: NodeProto, supported: Mapping[str, Any], defaults: Mapping[str, Any] | None = None) -> None:
    """Refuse a node with any other value of an attribute.

    Args:
        node: ONNX node.
        supported: The one supported value of each attribute.
        defaults: What a missing attribute stands for, where that is not the supported value.

    Raises:
        LoweringError: It has another value.
    """
    found = {**supported, **(defaults or {}), **attributes(node)}
    for key, need in supported.items():
        if found[key] != need:
            raise LoweringError(f"node {node.name} ({node.op_type}) has {key} {found[key]}, supported is {need}")


def model_constants(model: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    """Initializers and Constant nodes by name."""
    try:
        constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    except Exception as error:  # onnx raises what numpy and protobuf do
        raise LoweringError(f"a network's constants must be whole tensors, got {error}: export it again") from None
    for node in model.graph.node:
        if node.op_type == "Constant":
            constants[node.output[0]] = numpy_helper.to_array(helper.get_attribute_value(node.attribute[0]))
    return constants
