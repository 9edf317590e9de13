# SPDX-License-Identifier: Apache-2.0
"""Gates of attention: a feature map times a gate per channel or per pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import NodeProto

from board.core.layers.gate import Gate
from board.core.node import Tensor
from board.core.quantizer import Quantizer
from hls_build.lowering.abstract_values import Edge, Integers, Reals
from hls_build.lowering.context import LoweringContext, LoweringError, Unquantized, typed_edge


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
    """A Mul of two edges."""
    edges = [context.quantized(node, 0), context.quantized(node, 1)]
    feature, gate = sorted(edges, key=lambda edge: int(np.prod(edge.shape)), reverse=True)
    height, width, channels = feature.shape
    if gate.shape not in ((1, 1, channels), (height, width, 1)):
        raise LoweringError(
            f"node {node.name} (Mul) multiplies {feature.shape} by {gate.shape}, supported are one gate per "
            "channel or one per pixel"
        )
    return Product(feature, gate)


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
