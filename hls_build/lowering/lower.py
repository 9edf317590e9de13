# SPDX-License-Identifier: Apache-2.0
"""Walk a QONNX graph once, in order, and write the integer graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto

from board.core.graph import IntegerGraph
from hls_build.lowering import descriptors, gates, quantizers, shapes, weighted
from hls_build.lowering.abstract_values import Edge
from hls_build.lowering.context import Handler, LoweringContext, LoweringError, typed_edge
from hls_build.lowering.scalars import SCALAR_OPS, scalar, varying_inputs

PIXEL_BITS = 8

HANDLERS: Mapping[str, Handler] = {
    "Quant": quantizers.quant,
    "Conv": weighted.conv,
    "Gemm": weighted.dense,
    "MatMul": weighted.dense,
    "Transpose": weighted.transpose,
    "MaxPool": shapes.max_pool,
    "Reshape": shapes.flatten,
    "Flatten": shapes.flatten,
    "ReduceSum": descriptors.reduce_sum,
    "ReduceMax": descriptors.reduce_max,
    "Concat": descriptors.concat,
    "Unsqueeze": descriptors.unsqueeze,
    "Mul": gates.product,
}
"""What lowers a node of each type; elementwise nodes with one varying input are scalar functions instead."""


def lower_file(path: Path) -> IntegerGraph:
    """Read a QONNX file and lower it.

    Raises:
        LoweringError: The file is no ONNX model, or `lower` refuses it.
    """
    try:
        model = onnx.load(path)
    except FileNotFoundError:
        raise LoweringError(f"no model at {path}: run `auflow export` first") from None
    except Exception as error:  # protobuf's own class is not public
        raise LoweringError(f"{path} cannot be read as ONNX: {error}") from None
    return lower(model)


def lower(model: onnx.ModelProto, handlers: Mapping[str, Handler] = HANDLERS) -> IntegerGraph:
    """Turn a QONNX model with raw pixels in and integer accumulators out into integers only.

    Args:
        model: One input (1, C, H, W) that holds integers 0..255, one output; see `qnn.export.export`.
        handlers: What lowers a node of each type.

    Returns:
        Its exact integer form, with a Fork wherever a tensor is read twice.

    Raises:
        LoweringError: An unknown op, an unquantized tensor, or a function that no thresholds express.
    """
    context = LoweringContext(model)
    (source,) = [i for i in model.graph.input if i.name not in context.constants]
    _, channels, height, width = (d.dim_value for d in source.type.tensor_type.shape.dim)
    pixels = context.new_tensor("pixels", (height, width, channels), PIXEL_BITS, False)
    context.values[source.name] = typed_edge(pixels, np.ones(1))
    for node in model.graph.node:
        if node.op_type != "Constant":
            context.values[node.output[0]] = _handler(context, node, handlers)(context, node)
    output = model.graph.output[0].name
    result = context.values.get(output)
    if not isinstance(result, Edge) or not (result.scale == 1).all():
        raise LoweringError(f"output {output} is not made of integer accumulators: multiply it by its inverse scale")
    return IntegerGraph(context.tensors, context.with_forks(), pixels.name, result.tensor)


def _handler(context: LoweringContext, node: NodeProto, handlers: Mapping[str, Handler]) -> Handler:
    """What lowers a node."""
    handler = handlers.get(node.op_type)
    if node.op_type in SCALAR_OPS and (handler is None or len(varying_inputs(context, node)) == 1):
        return scalar
    if handler is None:
        raise LoweringError(
            f"node {node.name} is of type {node.op_type}, which has no hardware; supported are "
            f"{', '.join(sorted({*handlers, *SCALAR_OPS}))}"
        )
    return handler
