# SPDX-License-Identifier: Apache-2.0
"""How long a frame takes from its first pixel to its result, as a linear function of the layers' cycles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from board.core.layers.conv import Conv
from board.core.layers.flatten import Flatten
from board.core.node import Node, Tensor


@dataclass(frozen=True)
class Segment:
    """Layers that work on a frame at the same time, row after row; the next segment waits for their last element.

    Attributes:
        layers: Their names; the slowest one sets the pace.
        tails: Share of its cycles that a convolution still needs when its input has ended: its last kernel // 2 rows.
    """

    layers: tuple[str, ...]
    tails: Mapping[str, float]


def segments(layers: Sequence[Node], tensors: Mapping[str, Tensor]) -> list[Segment]:
    """Layers, in stream order, cut where one needs a whole frame before it gives its first element.

    That is behind every layer that needs one by its kind, and before and behind every dense layer.
    """
    groups: list[list[Node]] = [[]]
    for node in layers:
        dense = isinstance(node, Conv) and node.kernel == (1, 1)
        if dense:
            groups.append([])
        if not isinstance(node, Flatten):
            groups[-1].append(node)
        if dense or node.needs_whole_frame:
            groups.append([])
    return [_segment(group, tensors) for group in groups if group]


def _segment(group: list[Node], tensors: Mapping[str, Tensor]) -> Segment:
    tails = {}
    for node in group:
        if isinstance(node, Conv):
            height = tensors[node.inputs[0]].shape[0]
            tails[node.name] = min(1.0, (node.kernel[0] // 2) / height)
    return Segment(tuple(node.name for node in group), tails)


def latency_of(parts: Sequence[Segment], cycles: Mapping[str, int]) -> int:
    """Cycles from a frame's first element into the segments to its last one out of them.

    Args:
        parts: Segments, those of a whole network or some that follow each other.
        cycles: Per frame, by layer.
    """
    slowest = sum(max(cycles[layer] for layer in part.layers) for part in parts)
    return round(slowest + sum(tail * cycles[layer] for part in parts for layer, tail in part.tails.items()))


def frames_held(layer: Node, tensors: Mapping[str, Tensor]) -> float:
    """Frames that a layer takes before it gives its first element, and while it gives none of them room.

    A window waits for its rows, and while it gives its last ones it takes none of the next frame, which waits in the
    FIFO in front of it. What needs a whole frame has the next one come in before it has used the first.

    Args:
        layer: The layer.
        tensors: Of its graph.
    """
    if layer.needs_whole_frame:
        return 2.0
    rows, _ = getattr(layer, "kernel", (1, 1))
    height = tensors[layer.inputs[0]].shape[0]
    return 0.0 if rows == 1 else (rows + rows // 2 + 1) / height
