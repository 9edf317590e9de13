# SPDX-License-Identifier: Apache-2.0
"""QONNX nodes that become a Gate: a feature map times a gate per channel or per pixel."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from onnx import NodeProto

from board.core.layers.gate import Gate
from board.core.node import Tensor
from board.core.quantizer import Quantizer
from hls_build.kernels import descriptors
from hls_build.lowering.abstract_values import Edge, Integers, Reals
from hls_build.lowering.context import LoweringContext, Unquantized, typed_edge
from hls_build.lowering.errors import LoweringError
from hls_build.lowering.rule import Rule


@dataclass(frozen=True)
class Product(Unquantized):
    """A feature map times its gate."""

    feature: Edge
    gate: Edge

    def quantize(self, context: LoweringContext, node: NodeProto, quantizer: Quantizer) -> Edge:
        """Write a Gate, whose table holds every product's code."""
        feature, gate = (context.tensors[edge.tensor] for edge in (self.feature, self.gate))
        table = gate_table(_quantizer(self.feature, feature), _quantizer(self.gate, gate), quantizer)
        name = context.layer_name(node)
        layer = Gate(name, (feature.name, gate.name), (name,), table)
        result = context.add(layer, feature.shape, quantizer.bits, quantizer.signed)
        return typed_edge(result, quantizer.scale.reshape(1), quantized=True)


def product(context: LoweringContext, node: NodeProto) -> Product:
    """A feature map times a gate, which waits for its quantizer."""
    return Product(*_larger_first([context.quantized(node, 0), context.quantized(node, 1)]))


def is_product(context: LoweringContext, node: NodeProto) -> bool:
    """Whether a Mul has two edges, of which one holds an integer per channel or per pixel of the other."""
    edges = [value for index in (0, 1) if isinstance(value := context.operand(node, index), Edge)]
    if len(edges) != 2:
        return False
    feature, gate = _larger_first(edges)
    height, width, channels = feature.shape
    return feature.layout == gate.layout == "map" and gate.shape in ((1, 1, channels), (height, width, 1))


def _larger_first(edges: list[Edge]) -> list[Edge]:
    return sorted(edges, key=lambda edge: int(np.prod(edge.shape)), reverse=True)


def unsqueeze(context: LoweringContext, node: NodeProto) -> Edge:
    """A channel gate (B, C) as a map (B, C, 1, 1)."""
    edge = context.quantized(node, 0)
    if (added := descriptors.axes(context, node, 4)) != [2, 3]:
        raise LoweringError(f"node {node.name} (Unsqueeze) adds axes {added} to a vector, supported are axes 2 and 3")
    return replace(edge, layout="map")


def is_vector(context: LoweringContext, node: NodeProto) -> bool:
    """Whether an Unsqueeze takes an edge (B, C)."""
    value = context.operand(node, 0)
    return isinstance(value, Edge) and value.layout == "vector"


def gate_table(feature: Quantizer, gate: Quantizer, result: Quantizer) -> Integers:
    """Codes of feature * gate, shape (2**feature.bits, 2**gate.bits), indexed by two's complement codes."""

    def reals(quantizer: Quantizer) -> Reals:
        codes = np.arange(1 << quantizer.bits)
        if quantizer.signed:
            codes = np.where(codes >> (quantizer.bits - 1), codes - (1 << quantizer.bits), codes)
        return quantizer.real(codes)

    return result.codes(np.multiply.outer(reals(feature), reals(gate)))


def _quantizer(edge: Edge, tensor: Tensor) -> Quantizer:
    """What a quantized edge has left."""
    return Quantizer(edge.scale, tensor.bits, tensor.signed)


RULES = (
    Rule("Mul", "a feature map by one gate per channel or one per pixel", product, is_product),
    Rule("Unsqueeze", "a channel gate as a map", unsqueeze, is_vector),
)
