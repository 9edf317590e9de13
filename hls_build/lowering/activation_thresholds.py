# SPDX-License-Identifier: Apache-2.0
"""Activation thresholds by evaluation: the model's own scalar functions on the reachable accumulator values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from board.core.quantizer import Quantizer
from hls_build.lowering.abstract_values import CHANNEL_AXIS, Edge, Integers, Reals
from hls_build.lowering.errors import LoweringError
from hls_build.lowering.order import keeps_order

CHUNK = 1 << 15
"""Integers evaluated at once, per channel: bounds memory, not the result."""
ROUNDING = 2.0**-22
"""How far, relatively, float32 sums of rounded products are taken to lie from the number that they stand for."""
SMALL_SUMS = 1 / 16
"""Share of the greatest sum below which rounding is no smaller: what cancels was rounded before."""
BORDERLINE = 1 / 50
"""Share of the activation thresholds that may lie within rounding of a sum: by chance few do, by the scales all."""


class ScalarFunction:
    """A chain of elementwise ONNX nodes, run by ONNX Runtime as it stands in the model."""

    def __init__(
        self, source: str, nodes: Sequence[NodeProto], constants: Mapping[str, NDArray[Any]], opset: int
    ) -> None:
        """Take the name that the first node reads, the nodes, their other operands, and the model's opset."""
        self.source = source
        self.session = None
        self.keeps_order = all(keeps_order(node, constants) for node in nodes)
        if not nodes:
            return
        used = {name for node in nodes for name in node.input if name in constants}
        graph = helper.make_graph(
            list(nodes),
            "scalar",
            [helper.make_tensor_value_info(source, TensorProto.FLOAT, None)],
            [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)],
            [numpy_helper.from_array(constants[name].astype(np.float32), name) for name in sorted(used)],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, x: Reals) -> Reals:
        """Evaluate on real values in the model's layout."""
        if self.session is None:
            return x
        return np.asarray(self.session.run(None, {self.source: x})[0])


def find(
    node: NodeProto, edge: Edge, function: ScalarFunction, quantizer: Quantizer, channels: int, side: int = 0
) -> tuple[NDArray[np.bool_], Integers]:
    """Which channels fall, and the least integer that reaches each code.

    Where every step of the function is proven to keep order, codes are searched for; else the function is evaluated on
    every integer, block by block, and what it does is seen.

    Args:
        node: The quantizer's node, for errors.
        edge: Source of the integers.
        function: What stands between them and the quantizer.
        quantizer: The next quantizer.
        channels: Channels to evaluate; 1 where all are alike.
        side: -1 or 1 to evaluate where rounding may put the sums below or above themselves; 0 at the sums.

    Returns:
        Shape (channels,), and thresholds (channels, codes above the lowest), rows ascending. Those of a channel that
        falls are for its negated integers. A code that is never reached gets more than the greatest integer.

    Raises:
        LoweringError: The function is no number somewhere, or rises and falls.
    """
    evaluate = partial(_codes, node, edge, function, quantizer, side)
    low, high = (np.broadcast_to(bound, channels)[:, None] for bound in (edge.low, edge.high))  # (channels, 1)
    if function.keeps_order:
        return _searched(evaluate, low, high, quantizer)
    return _tabulated(node, evaluate, low, high, quantizer)


def borderline(node: NodeProto, edge: Edge, function: ScalarFunction, quantizer: Quantizer, found: Integers) -> int:
    """Count the sums that float32 may round to either side of an activation threshold.

    Float32 holds sums at a scale that is no power of two only rounded, by an error that depends on the order of
    summation. So what the model gives near a threshold is not defined to the last bit.

    Args:
        node: The quantizer's node, for errors.
        edge: Source of the sums.
        function: What stands between them and the quantizer.
        quantizer: The quantizer.
        found: The thresholds of `find`, (channels, codes above the lowest).

    Returns:
        How many there are, over all channels and thresholds.

    Raises:
        LoweringError: They are so many that the scales put them there.
    """
    moved = [find(node, edge, function, quantizer, len(found), side)[1] - found for side in (-1, 1)]
    count = int(sum(np.abs(each).sum() for each in moved))
    within = (found > edge.low[:, None].min()) & (found <= edge.high[:, None].max())
    steps = sum(len(np.unique(row[inside])) for row, inside in zip(found, within, strict=True))
    if count > steps * BORDERLINE:
        channel, level = np.argwhere(moved[0] != 0 if moved[0].any() else moved[1] != 0)[0]
        raise LoweringError(
            f"node {node.name} ({node.op_type}) has a sum beside {found[channel, level]} of channel {channel} on the"
            f" border of code {quantizer.low + 1 + level}, where float32 rounds to either side, as {count} sums at"
            f" {steps} borders do: use scales that are powers of two, or another ratio of scales"
        )
    return count


Evaluate: TypeAlias = Callable[[Integers], Integers]
"""Codes of integers, both (channels, any number)."""


def _codes(
    node: NodeProto, edge: Edge, function: ScalarFunction, quantizer: Quantizer, side: int, integers: Integers
) -> Integers:
    """Codes of some integers of every channel, both (channels, any number).

    Raises:
        LoweringError: The function is no number for one.
    """
    channels, count = integers.shape
    radius = max(int(-edge.low.min()), int(edge.high.max()))
    off = side * ROUNDING * np.maximum(np.abs(integers), SMALL_SUMS * radius)
    real = ((integers + off) * np.broadcast_to(edge.scale, channels)[:, None]).astype(np.float32)
    if edge.layout == "map":
        real = real[None, :, :, None]
    elif CHANNEL_AXIS[edge.layout] == 2:
        real = real.T[None]
    else:
        real = real.T
    result = function(np.ascontiguousarray(real))
    result = result[0, :, :, 0] if edge.layout == "map" else result.reshape(count, channels).T
    if np.isnan(result).any():
        channel, column = np.argwhere(np.isnan(result))[0]
        raise LoweringError(
            f"node {node.name} ({node.op_type}) quantizes a function that is no number for the sum"
            f" {integers[channel, column]} of channel {channel}: look for a negative variance, a division by zero or a"
            " root"
        )
    return quantizer.codes(result)


def _searched(
    evaluate: Evaluate, low: Integers, high: Integers, quantizer: Quantizer
) -> tuple[NDArray[np.bool_], Integers]:
    """Thresholds of functions that keep order, or turn it round, by bisection for all of them at once."""
    ends = evaluate(np.hstack([low, high]))
    falling = ends[:, 1] < ends[:, 0]
    sign = np.where(falling, -1, 1)[:, None]
    levels = np.arange(quantizer.low + 1, quantizer.high + 1)
    first, beyond = np.where(sign < 0, -high, low), np.where(sign < 0, -low, high) + 1
    least, most = (np.repeat(bound, len(levels), axis=1) for bound in (first, beyond))
    while (least < most).any():
        middle = (least + most) // 2
        reached = evaluate(sign * np.minimum(middle, beyond - 1)) >= levels
        open_ = least < most
        most = np.where(open_ & reached, middle, most)
        least = np.where(open_ & ~reached, middle + 1, least)
    return falling, least


def _tabulated(
    node: NodeProto, evaluate: Evaluate, low: Integers, high: Integers, quantizer: Quantizer
) -> tuple[NDArray[np.bool_], Integers]:
    """Thresholds of any functions, by evaluation of every integer; only where codes change is kept."""
    channels, radius = len(low), max(int(-low.min()), int(high.max()))
    start = evaluate(np.clip(np.full((channels, 1), -radius), low, high))
    before, risen, fallen = start, np.zeros(channels, bool), np.zeros(channels, bool)
    changes: list[tuple[Integers, Integers, Integers]] = []  # channels, integers, codes from there on
    for begin in range(-radius, radius + 1, CHUNK):
        part = np.arange(begin, min(begin + CHUNK, radius + 1))
        codes = evaluate(np.clip(part, low, high))
        steps = np.diff(codes, axis=1, prepend=before)
        risen, fallen = risen | (steps > 0).any(axis=1), fallen | (steps < 0).any(axis=1)
        _check_direction(node, risen & fallen)
        rows, columns = np.nonzero(steps)
        changes.append((rows, part[columns], codes[rows, columns]))
        before = codes[:, -1:]
    rows, integers, codes = (np.concatenate(parts) for parts in zip(*changes, strict=True))
    thresholds = []
    for channel in range(channels):
        where, seen = integers[rows == channel], np.append(start[channel], codes[rows == channel])
        if fallen[channel]:
            where, seen = 1 - where[::-1], seen[::-1]
        thresholds.append(thresholds_from_steps(np.append(-radius, where), seen, radius, quantizer))
    return fallen, np.stack(thresholds)


def _check_direction(node: NodeProto, both: NDArray[np.bool_]) -> None:
    """Refuse channels that rise and fall.

    Raises:
        LoweringError: There is one.
    """
    if both.any():
        raise LoweringError(
            f"node {node.name} ({node.op_type}) quantizes a function that rises and falls over channel"
            f" {int(both.argmax())}'s accumulator range: only monotone functions become thresholds"
        )


def thresholds_from_steps(integers: Integers, codes: Integers, last: int, quantizer: Quantizer) -> Integers:
    """Least integer that reaches each code above the lowest.

    Args:
        integers: Where codes change, ascending; the first is the least integer that there is.
        codes: From each of them on, ascending.
        last: The greatest integer; a code that is never reached gets one more.
        quantizer: Whose codes they are.
    """
    levels = np.arange(quantizer.low + 1, quantizer.high + 1)
    return np.append(integers, last + 1)[np.searchsorted(codes, levels, side="left")]
