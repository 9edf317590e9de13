# SPDX-License-Identifier: Apache-2.0
"""Several edges as one, channels behind channels: what a Concat does, and several outputs of a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from board.core.arithmetic import common_bits
from board.core.layers.append import Append
from hls_build.lowering.abstract_values import Edge
from hls_build.lowering.context import LoweringContext
from hls_build.lowering.errors import LoweringError


def join(context: LoweringContext, name: str, edges: Sequence[Edge], what: str) -> Edge:
    """Write the layers that join edges of one size, the first ones' channels in front.

    Args:
        context: Takes the layers.
        name: Of the last layer, unused so far; those before it are called NAME_join.
        edges: Two at least.
        what: Joins them, for the error.

    Raises:
        LoweringError: Their sizes or layouts differ, or one comes twice.
    """
    first = edges[0]
    if any((edge.shape[:2], edge.layout) != (first.shape[:2], first.layout) for edge in edges):
        told = " and ".join(str(edge.shape) for edge in edges)
        raise LoweringError(f"{what} joins {told}, supported are maps of one height and width, or vectors")
    if len({edge.tensor for edge in edges}) < len(edges):
        raise LoweringError(f"{what} joins one tensor with itself: join it once, and give its readers more weights")
    joined = first
    for edge in edges[1:]:
        own = name if edge is edges[-1] else context.unused_name(f"{name}_join")
        joined = _pair(context, own, joined, edge)
    return joined


def _pair(context: LoweringContext, name: str, head: Edge, tail: Edge) -> Edge:
    """Write one Append."""
    edges = (head, tail)
    types = [(tensor.bits, tensor.signed) for tensor in (context.tensors[edge.tensor] for edge in edges)]
    sizes = [edge.shape[2] for edge in edges]
    shape = (*head.shape[:2], sum(sizes))
    layer = Append(name, (head.tensor, tail.tensor), (name,))
    context.add(layer, shape, common_bits(*types), any(signed for _, signed in types))
    scale, low, high = (_each([getattr(edge, key) for edge in edges], sizes) for key in ("scale", "low", "high"))
    return Edge(name, shape, scale, low, high, head.layout, all(edge.quantized for edge in edges))


def _each(parts: Sequence[NDArray[Any]], sizes: Sequence[int]) -> NDArray[Any]:
    """What every channel has, of arrays that have one entry or one for each of so many; one entry where all agree."""
    joined = np.concatenate([np.broadcast_to(values, size) for values, size in zip(parts, sizes, strict=True)])
    return joined[:1] if (joined == joined[0]).all() else joined
