# SPDX-License-Identifier: Apache-2.0
"""Lowering context: the values of ONNX tensors so far, and the integer graph so far."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, helper

from board.core.graph import Fork, Node, Tensor
from board.core.quantizer import Quantizer
from hls_build.lowering.abstract_values import Constant, Edge, Value, Weights
from hls_build.lowering.activation_thresholds import read_model_constants


class LoweringError(ValueError):
    """The model is outside the family that the compiler knows; one sentence says where."""


class LoweringContext:
    """State of one lowering: the values of the model's tensors, and the parts of the integer graph."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.constants = read_model_constants(model)
        self.values: dict[str, Value] = {name: Constant(value) for name, value in self.constants.items()}
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []
        self.count: Counter[str] = Counter()

    def new_tensor(self, name: str, shape: tuple[int, int, int], bits: int, signed: bool) -> Tensor:
        self.tensors[name] = Tensor(name, shape, bits, signed)
        return self.tensors[name]

    def typed_stream(self, tensor: Tensor, scale: np.ndarray, **more: Any) -> Edge:
        """A stream that reaches its type's whole range."""
        bounds = np.array([tensor.low]), np.array([tensor.high])
        return Edge(tensor.name, tensor.shape, scale, *bounds, **more)

    def numbered(self, kind: str) -> str:
        self.count[kind] += 1
        return f"{kind}{self.count[kind]}"

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
            block = next(n.name for i in indices if (n := self.nodes[i]).name.endswith("descriptors"))
            copies = tuple(f"{name}_{i}" for i in range(len(indices)))
            tensor = self.tensors[name]
            for index, copy in zip(indices, copies, strict=True):
                self.tensors[copy] = replace(tensor, name=copy)
                node = nodes[index]
                nodes[index] = replace(node, inputs=tuple(copy if i == name else i for i in node.inputs))
            forks[name] = Fork(block.removesuffix("descriptors") + "fork", (name,), copies)
        ordered: list[Node] = []
        for node in nodes:
            ordered.append(node)
            ordered += [forks[name] for name in node.outputs if name in forks]
        return tuple(ordered)

    def operand(self, node: NodeProto, index: int) -> Value:
        name = node.input[index]
        if name not in self.values:
            raise LoweringError(f"node {node.name} ({node.op_type}) reads {name}, which nothing writes")
        return self.values[name]

    def quantized(self, node: NodeProto, index: int) -> Edge:
        value = self.operand(node, index)
        if not isinstance(value, Edge) or not value.quantized:
            raise LoweringError(
                f"node {node.name} ({node.op_type}) reads {node.input[index]}, which is not quantized: "
                "put a Quant node with a power-of-two scale before it"
            )
        return value

    def constant(self, node: NodeProto, index: int) -> np.ndarray:
        value = self.operand(node, index)
        if isinstance(value, Weights):
            return value.real
        if not isinstance(value, Constant):
            raise LoweringError(f"node {node.name} ({node.op_type}) needs a constant for {node.input[index]}")
        return value.value

    def weights(self, node: NodeProto, index: int, transposed: bool) -> Weights:
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
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        scale, zero_point, bits = (self.constant(node, index) for index in (1, 2, 3))
        try:
            return Quantizer.of_node(attributes, scale, zero_point, bits)
        except ValueError as error:
            raise LoweringError(f"node {node.name} (Quant) {error}") from None
