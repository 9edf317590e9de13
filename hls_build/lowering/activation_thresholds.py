# SPDX-License-Identifier: Apache-2.0
"""Activation thresholds by evaluation: the model's own scalar functions on every reachable accumulator value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from board.core.quantizer import Quantizer
from hls_build.lowering.abstract_values import CHANNEL_AXIS, Edge, Integers, Reals
from hls_build.lowering.errors import LoweringError

CHUNK = 1 << 15
"""Accumulator values evaluated at once, per channel: bounds memory, not the result."""
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


def tabulate(
    node: NodeProto, edge: Edge, function: ScalarFunction, quantizer: Quantizer, channels: int, side: int = 0
) -> tuple[Integers, Integers]:
    """Codes of every reachable integer of every channel.

    Args:
        node: The quantizer's node, for errors.
        edge: Source of the integers.
        function: What stands between them and the quantizer.
        quantizer: The next quantizer.
        channels: Channels to evaluate; 1 where all are alike.
        side: -1 or 1 to evaluate where rounding may put the sums below or above themselves; 0 at the sums.

    Returns:
        The integers -R..R that hold every channel's range, and their codes, shape (channels, 2R + 1). Beyond a
        channel's own range its outermost code repeats.

    Raises:
        LoweringError: The function is no number somewhere.
    """
    radius = max(int(-edge.low.min()), int(edge.high.max()))
    values = np.arange(-radius, radius + 1)
    low, high, scale = (np.broadcast_to(a, channels)[:, None] for a in (edge.low, edge.high, edge.scale))
    codes = np.empty((channels, len(values)), np.int64)
    for start in range(0, len(values), CHUNK):
        part = values[start : start + CHUNK]
        sums = np.clip(part, low, high)
        off = side * ROUNDING * np.maximum(np.abs(sums), SMALL_SUMS * radius)
        real = ((sums + off) * scale).astype(np.float32)  # (channels, part)
        if edge.layout == "map":
            real = real[None, :, :, None]
        elif CHANNEL_AXIS[edge.layout] == 2:
            real = real.T[None]
        else:
            real = real.T
        result = function(np.ascontiguousarray(real))
        result = result[0, :, :, 0] if edge.layout == "map" else result.reshape(len(part), channels).T
        if np.isnan(result).any():
            channel, column = np.argwhere(np.isnan(result))[0]
            raise LoweringError(
                f"node {node.name} ({node.op_type}) quantizes a function that is no number for the sum {part[column]}"
                f" of channel {channel}: look for a negative variance, a division by zero or a root"
            )
        codes[:, start : start + len(part)] = quantizer.codes(result)
    return values, codes


def borderline(node: NodeProto, edge: Edge, function: ScalarFunction, quantizer: Quantizer, codes: Integers) -> int:
    """Count the sums that float32 may round to either side of an activation threshold.

    Float32 holds sums at a scale that is no power of two only rounded, by an error that depends on the order of
    summation. So what the model gives near a threshold is not defined to the last bit.

    Args:
        node: The quantizer's node, for errors.
        edge: Source of the sums.
        function: What stands between them and the quantizer.
        quantizer: The quantizer.
        codes: Of `tabulate`.

    Returns:
        How many there are, over all channels.

    Raises:
        LoweringError: They are so many that the scales put them there.
    """
    off = np.zeros(codes.shape, np.bool_)
    for side in (-1, 1):
        off |= tabulate(node, edge, function, quantizer, len(codes), side)[1] != codes
    steps = int(np.count_nonzero(np.diff(codes, axis=1)))
    if (found := int(np.count_nonzero(off))) > steps * BORDERLINE:
        channel, column = np.argwhere(off)[0]
        total = column - codes.shape[1] // 2
        raise LoweringError(
            f"node {node.name} ({node.op_type}) has the sum {total} of channel {channel} on the border of code"
            f" {codes[channel, column]}, where float32 rounds to either side, as {found} sums at {steps} borders do:"
            " use scales that are powers of two, or another ratio of scales"
        )
    return found


def directions(codes: Integers, node: NodeProto) -> Integers:
    """+1 for each channel (rows of codes) that never falls, -1 for each that never rises.

    Raises:
        LoweringError: A channel does both.
    """
    steps = np.diff(codes, axis=1)
    rises, falls = (steps > 0).any(axis=1), (steps < 0).any(axis=1)
    if (rises & falls).any():
        channel = int((rises & falls).argmax())
        raise LoweringError(
            f"node {node.name} ({node.op_type}) quantizes a function that rises and falls over channel {channel}'s "
            "accumulator range: only monotone functions become thresholds"
        )
    return np.where(falls, -1, 1)


def thresholds_from_codes(values: Integers, codes: Integers, quantizer: Quantizer) -> Integers:
    """Least integer that reaches each code above the lowest, shape (channels, high - low), rows ascending.

    A code that is never reached gets one more than the greatest value.
    """
    levels = np.arange(quantizer.low + 1, quantizer.high + 1)
    beyond = np.append(values, values[-1] + 1)
    return np.stack([beyond[np.searchsorted(row, levels, side="left")] for row in codes])
