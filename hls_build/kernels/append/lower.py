# SPDX-License-Identifier: Apache-2.0
"""QONNX nodes that become an Append."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto

from board.core.layers.append import Append
from board.core.layers.flatten import Flatten
from hls_build.kernels.append.spec import common_bits
from hls_build.lowering.abstract_values import Edge
from hls_build.lowering.context import LoweringContext
from hls_build.lowering.errors import LoweringError
from hls_build.lowering.onnx_attributes import check_attributes
from hls_build.lowering.rule import Rule


def concat(context: LoweringContext, node: NodeProto) -> Edge:
    """One vector behind another."""
    check_attributes(node, {"axis": 1})
    edges = _vectors(context, node)
    for edge in edges:
        _check_order(context, node, edge)
    tensors = [context.tensors[edge.tensor] for edge in edges]
    signed = any(tensor.signed for tensor in tensors)
    shape = (1, 1, sum(edge.shape[2] for edge in edges))
    bits = common_bits(*((tensor.bits, tensor.signed) for tensor in tensors))
    name = context.layer_name(node)
    context.add(Append(name, tuple(edge.tensor for edge in edges), (name,)), shape, bits, signed)
    sizes = [edge.shape[2] for edge in edges]
    scale, low, high = (_joined([getattr(edge, key) for edge in edges], sizes) for key in ("scale", "low", "high"))
    return Edge(name, shape, scale, low, high, "vector", all(edge.quantized for edge in edges))


def is_pair_of_vectors(context: LoweringContext, node: NodeProto) -> bool:
    """Whether a Concat joins two edges (B, C)."""
    return len(node.input) == 2 == len(_vectors(context, node))


def _vectors(context: LoweringContext, node: NodeProto) -> list[Edge]:
    """Those operands that are vectors."""
    values = [context.operand(node, index) for index in range(len(node.input))]
    return [value for value in values if isinstance(value, Edge) and value.layout == "vector"]


def _check_order(context: LoweringContext, node: NodeProto, edge: Edge) -> None:
    """Refuse a flattened map that ONNX orders by channels first: here pixels come first."""
    writer = context.writer(edge)
    if isinstance(writer, Flatten):
        height, width, channels = context.tensors[writer.inputs[0]].shape
        if channels > 1 and height * width > 1:
            raise LoweringError(
                f"node {node.name} (Concat) joins a flattened map of {channels} channels, supported is one channel"
            )


def _joined(parts: Sequence[NDArray[Any]], sizes: Sequence[int]) -> NDArray[Any]:
    """What every element has, of arrays that have one entry or one for each of so many; one entry where all agree."""
    joined = np.concatenate([np.broadcast_to(values, size) for values, size in zip(parts, sizes, strict=True)])
    return joined[:1] if (joined == joined[0]).all() else joined


RULES = (Rule("Concat", "one vector behind another", concat, is_pair_of_vectors),)
