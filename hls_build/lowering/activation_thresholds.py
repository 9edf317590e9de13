# SPDX-License-Identifier: Apache-2.0
"""Activation thresholds by evaluation: the model's own scalar functions on every reachable accumulator value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import onnxruntime
from onnx import NodeProto, TensorProto, helper, numpy_helper

from board.core.quantizer import Quantizer
from hls_build.lowering.abstract_values import CHANNEL_AXIS, Edge

CHUNK = 1 << 15
"""Accumulator values evaluated at once, per channel: bounds memory, not the result."""


class ScalarFunction:
    """A chain of elementwise ONNX nodes, run by ONNX Runtime as it stands in the model."""

    def __init__(self, source: str, nodes: Sequence[NodeProto], constants: dict[str, np.ndarray]) -> None:
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
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Evaluate on real values in the model's layout."""
        if self.session is None:
            return x
        return self.session.run(None, {self.source: x})[0]


def tabulate(
    stream: Edge, function: ScalarFunction, quantizer: Quantizer, channels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Codes of every reachable integer of every channel.

    Args:
        stream: Source of the integers.
        function: What stands between them and the quantizer.
        quantizer: The next quantizer.
        channels: Channels to evaluate; 1 where all are alike.

    Returns:
        The integers -R..R that hold every channel's range, and their codes, shape (channels, 2R + 1). Beyond a
        channel's own range its outermost code repeats.
    """
    radius = max(int(-stream.low.min()), int(stream.high.max()))
    values = np.arange(-radius, radius + 1)
    low, high, scale = (np.broadcast_to(a, channels)[:, None] for a in (stream.low, stream.high, stream.scale))
    codes = np.empty((channels, len(values)), np.int64)
    for start in range(0, len(values), CHUNK):
        part = values[start : start + CHUNK]
        real = (np.clip(part, low, high) * scale).astype(np.float32)  # (channels, part)
        if stream.layout == "map":
            real = real[None, :, :, None]
        elif CHANNEL_AXIS[stream.layout] == 2:
            real = real.T[None]
        else:
            real = real.T
        result = function(np.ascontiguousarray(real))
        result = result[0, :, :, 0] if stream.layout == "map" else result.reshape(len(part), channels).T
        codes[:, start : start + len(part)] = quantizer.codes(result)
    return values, codes


def directions(codes: np.ndarray, node: NodeProto) -> np.ndarray:
    """+1 for each channel (rows of codes) that never falls, -1 for each that never rises.

    Raises:
        ValueError: A channel does both.
    """
    steps = np.diff(codes, axis=1)
    rises, falls = (steps > 0).any(axis=1), (steps < 0).any(axis=1)
    if (rises & falls).any():
        channel = int((rises & falls).argmax())
        raise ValueError(
            f"node {node.name} ({node.op_type}) quantizes a function that rises and falls over channel {channel}'s "
            "accumulator range: only monotone functions become thresholds"
        )
    return np.where(falls, -1, 1)


def thresholds_from_codes(values: np.ndarray, codes: np.ndarray, quantizer: Quantizer) -> np.ndarray:
    """Least integer that reaches each code above the lowest, shape (channels, high - low), rows ascending.

    A code that is never reached gets one more than the greatest value.
    """
    levels = np.arange(quantizer.low + 1, quantizer.high + 1)
    beyond = np.append(values, values[-1] + 1)
    return np.stack([beyond[np.searchsorted(row, levels, side="left")] for row in codes])


def gate_table(feature: Quantizer, gate: Quantizer, result: Quantizer) -> np.ndarray:
    """Codes of feature * gate, shape (2**feature.bits, 2**gate.bits), indexed by two's complement codes."""

    def reals(quantizer: Quantizer) -> np.ndarray:
        codes = np.arange(1 << quantizer.bits)
        if quantizer.signed:
            codes = np.where(codes >> (quantizer.bits - 1), codes - (1 << quantizer.bits), codes)
        return quantizer.real(codes)

    return result.codes(np.multiply.outer(reals(feature), reals(gate)))


def read_model_constants(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """Initializers and Constant nodes by name."""
    constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            constants[node.output[0]] = numpy_helper.to_array(helper.get_attribute_value(node.attribute[0]))
    return constants
