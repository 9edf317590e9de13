# SPDX-License-Identifier: Apache-2.0
"""Attention in QONNX: pooled descriptors, gates and what they multiply."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from onnx import NodeProto

from board.core.arithmetic import needed_bits
from board.core.graph import ChannelDescriptors, Gate, GlobalDescriptors, SumPixels
from board.core.quantizer import Quantizer
from hls_build.lowering.abstract_values import Edge, Product, Reduced, Value
from hls_build.lowering.activation_thresholds import gate_table
from hls_build.lowering.context import LoweringContext, LoweringError


class Attention(LoweringContext):
    """Reductions wait for each other, products for their quantizer."""

    def axes(self, node: NodeProto) -> list[int]:
        return sorted(int(a) for a in np.asarray(self.constant(node, 1)).reshape(-1))

    def reduce_sum(self, node: NodeProto) -> Value:
        value = self.operand(node, 0)
        if isinstance(value, Edge) and value.layout == "pixels" and self.axes(node) == [1]:
            return self.sum_pixels(node, value)
        return self.reduced(node, "sum")

    def reduce_max(self, node: NodeProto) -> Value:
        return self.reduced(node, "max")

    def reduced(self, node: NodeProto, kind: Any) -> Reduced:
        stream = self.quantized(node, 0)
        over = {(2, 3): "pixels", (-2, -1): "pixels", (1,): "channels"}.get(tuple(self.axes(node)))
        if over is None or stream.layout != "map":
            raise LoweringError(
                f"node {node.name} ({node.op_type}) reduces axes {self.axes(node)}, supported are all pixels or all "
                "channels of a feature map"
            )
        return Reduced(stream, kind, over)  # type: ignore[arg-type]

    def sum_pixels(self, node: NodeProto, stream: Edge) -> Edge:
        pixels = stream.shape[0] * stream.shape[1]
        low, high = stream.low * pixels, stream.high * pixels
        name, shape = f"{stream.block}_sum", (1, 1, stream.shape[2])
        self.new_tensor(name, shape, needed_bits(int(low.min()), int(high.max()), True), True)
        self.nodes.append(SumPixels(name, (stream.tensor,), (name,)))
        return replace(stream, tensor=name, shape=shape, low=low, high=high, layout="vector")

    def concat(self, node: NodeProto) -> Edge:
        parts = [self.operand(node, i) for i in range(len(node.input))]
        if not all(isinstance(p, Reduced) for p in parts) or len(parts) != 2:
            raise LoweringError(f"node {node.name} (Concat) must join a sum and a maximum of one feature map")
        total, top = parts
        assert isinstance(total, Reduced) and isinstance(top, Reduced)
        pair = (total.kind, top.kind, total.over == top.over, total.stream.tensor == top.stream.tensor)
        if pair != ("sum", "max", True, True):
            raise LoweringError(f"node {node.name} (Concat) must join a sum and a maximum of one feature map, in order")
        shift = int(np.log2(top.stream.scale[0] / total.stream.scale[0]))
        if shift < 0:
            raise LoweringError(f"node {node.name} (Concat) has a maximum of finer scale than the sum's")
        source = self.tensors[total.stream.tensor]
        height, width, channels = source.shape
        if total.over == "pixels":
            block, count, shape = self.numbered("attention"), height * width, (1, 2, channels)
        else:
            block, count, shape = (
                f"attention{max(1, self.count['attention'])}_spatial",
                channels,
                (height, width, 2),
            )
        low, high = (min(bound * count, bound << shift) if bound < 0 else max(bound * count, bound << shift)
                     for bound in (source.low, source.high))  # fmt: skip
        bits = needed_bits(low, high, True) if source.signed else high.bit_length()
        name = f"{block}_descriptors"
        self.new_tensor(name, shape, bits, source.signed)
        kind = GlobalDescriptors if total.over == "pixels" else ChannelDescriptors
        self.nodes.append(kind(name, (source.name,), (name,), shift))
        return Edge(
            name, shape, total.stream.scale, np.array([low]), np.array([high]),
            "pixels" if total.over == "pixels" else "map", block,
        )  # fmt: skip

    def unsqueeze(self, node: NodeProto) -> Value:
        value = self.operand(node, 0)
        if isinstance(value, Reduced) and value.over == "pixels":
            return value
        stream = self.quantized(node, 0)
        if stream.layout != "vector" or self.axes(node) not in ([2, 3], [-2, -1]):
            raise LoweringError(
                f"node {node.name} (Unsqueeze) adds axes {self.axes(node)}, supported is a channel gate"
            )
        return replace(stream, layout="map")

    def gated(self, node: NodeProto, product: Product, quantizer: Quantizer) -> Edge:
        feature, gate = (self.tensors[s.tensor] for s in (product.feature, product.gate))
        edges = (product.feature, feature), (product.gate, gate)
        inputs = [Quantizer(edge.scale, tensor.bits, tensor.signed) for edge, tensor in edges]
        table = gate_table(inputs[0], inputs[1], quantizer)
        name = f"{product.gate.block}_gate"
        tensor = self.new_tensor(name, feature.shape, quantizer.bits, quantizer.signed)
        self.nodes.append(Gate(name, (feature.name, gate.name), (name,), table))
        return self.typed_stream(tensor, quantizer.scale.reshape(1), quantized=True)

    def product(self, node: NodeProto) -> Product:
        """A feature map times a gate per channel or per pixel."""
        streams = [self.quantized(node, 0), self.quantized(node, 1)]
        streams.sort(key=lambda s: int(np.prod(s.shape)), reverse=True)
        feature, gate = streams
        height, width, channels = feature.shape
        if gate.shape not in ((1, 1, channels), (height, width, 1)):
            raise LoweringError(
                f"node {node.name} (Mul) multiplies {feature.shape} by {gate.shape}, supported are one gate per "
                "channel or one per pixel"
            )
        return Product(feature, gate)
