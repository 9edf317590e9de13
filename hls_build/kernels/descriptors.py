# SPDX-License-Identifier: Apache-2.0
"""Pooled descriptors of attention in QONNX: a sum and a maximum over pixels or channels, which a Concat joins.

Two kernels share these rules: one reduces over pixels, the other over channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto

from board.core.arithmetic import needed_bits
from board.core.layers.channel_descriptors import ChannelDescriptors
from board.core.layers.global_descriptors import GlobalDescriptors
from board.core.quantizer import Quantizer
from hls_build.lowering.abstract_values import Edge, Layout
from hls_build.lowering.context import LoweringContext, Unquantized
from hls_build.lowering.errors import LoweringError
from hls_build.lowering.onnx_attributes import attributes, check_attributes
from hls_build.lowering.rule import Rule

Over: TypeAlias = Literal["pixels", "channels"]
AXES: dict[Over, list[int]] = {"pixels": [2, 3], "channels": [1]}
"""Of a feature map (B, C, H, W)."""


@dataclass(frozen=True)
class Descriptor(Unquantized):
    """The sum or the maximum over all pixels or all channels, waiting for its partner in a Concat.

    Attributes:
        edge: What is reduced; its scale is that of the result.
        kind: `sum` or `max`.
        over: What is reduced away.
    """

    edge: Edge
    kind: Literal["sum", "max"]
    over: Over

    def scaled(self, factor: NDArray[Any]) -> Descriptor | None:
        """The same at another scale, which both descriptors have one of."""
        edge = self.edge.scaled(factor) if factor.size == 1 else None
        return None if edge is None else replace(self, edge=edge)

    def quantize(self, context: LoweringContext, node: NodeProto, quantizer: Quantizer) -> Edge:
        """Refuse: no kernel gives one descriptor alone."""
        raise LoweringError(f"node {node.name} (Quant) quantizes one descriptor alone: Concat sum and maximum")


def rules(over: Over, concat: Callable[[LoweringContext, NodeProto], Edge]) -> tuple[Rule, Rule, Rule]:
    """Rules for both reductions of a feature map, and for the Concat that joins them.

    Args:
        over: What is reduced away.
        concat: Writes the layer.
    """

    def is_reduction(context: LoweringContext, node: NodeProto) -> bool:
        value = context.operand(node, 0)
        return isinstance(value, Edge) and value.layout == "map" and axes(context, node, 4) == AXES[over]

    def reduction(kind: Literal["sum", "max"]) -> Callable[[LoweringContext, NodeProto], Descriptor]:
        def reduce(context: LoweringContext, node: NodeProto) -> Descriptor:
            check_attributes(node, {"keepdims": int(over == "channels")})
            return Descriptor(context.quantized(node, 0), kind, over)

        return reduce

    def is_pair(context: LoweringContext, node: NodeProto) -> bool:
        parts = [context.operand(node, index) for index in range(len(node.input))]
        return all(isinstance(part, Descriptor) and part.over == over for part in parts)

    return (
        Rule("ReduceSum", f"the sum over all {over} of a feature map", reduction("sum"), is_reduction),
        Rule("ReduceMax", f"the maximum over all {over} of a feature map", reduction("max"), is_reduction),
        Rule("Concat", f"a sum and a maximum over all {over} of one feature map", concat, is_pair),
    )


def write_pair(
    context: LoweringContext,
    node: NodeProto,
    kind: type[GlobalDescriptors | ChannelDescriptors],
    count: int,
    shape: tuple[int, int, int],
    layout: Layout,
) -> Edge:
    """Write the layer of a Concat that joins a sum and a maximum.

    Args:
        context: Takes the layer.
        node: The Concat.
        kind: Of layer.
        count: How many elements are reduced to one.
        shape: (height, width, channels) of the result.
        layout: How ONNX holds it.
    """
    check_attributes(node, {"axis": 1})
    total, shift = _sum_and_shift(context, node)
    source = context.tensors[total.edge.tensor]
    low, high = (min(bound * count, bound << shift) if bound < 0 else max(bound * count, bound << shift)
                 for bound in (source.low, source.high))  # fmt: skip
    context.check_exact(node, np.array([low]), np.array([high]))
    bits = needed_bits(low, high, True) if source.signed else high.bit_length()
    name = context.layer_name(node)
    context.add(kind(name, (source.name,), (name,), shift), shape, bits, source.signed)
    return Edge(name, shape, total.edge.scale, np.array([low]), np.array([high]), layout)


def _sum_and_shift(context: LoweringContext, node: NodeProto) -> tuple[Descriptor, int]:
    """The sum, and the shift that gives the maximum the sum's scale."""
    parts = [context.operand(node, index) for index in range(len(node.input))]
    pair = [part for part in parts if isinstance(part, Descriptor)]
    if [part.kind for part in pair] != ["sum", "max"] or pair[0].edge.tensor != pair[1].edge.tensor:
        raise LoweringError(f"node {node.name} (Concat) must join a sum and a maximum of one feature map, in order")
    total, top = pair
    shift = int(np.log2(top.edge.scale[0] / total.edge.scale[0]))
    if shift < 0:
        raise LoweringError(f"node {node.name} (Concat) has a maximum of finer scale than the sum's")
    return total, shift


def axes(context: LoweringContext, node: NodeProto, rank: int) -> list[int]:
    """The axes that a node names, or all of a tensor's rank where it names none, from the front, ascending."""
    named = attributes(node)["axes"]  # before opset 13
    if named is None:
        named = context.constant(node, 1).reshape(-1) if len(node.input) > 1 and node.input[1] else range(rank)
    return sorted(int(axis) % rank for axis in named)
