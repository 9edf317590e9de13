# SPDX-License-Identifier: Apache-2.0
"""Quant nodes: constants become weights, everything else ends a layer."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from hls_build.lowering.abstract_values import Constant, Weights
from hls_build.lowering.context import LoweringContext, Unquantized, Value
from hls_build.lowering.errors import LoweringError
from hls_build.lowering.scalars import ScalarChain


def quant(context: LoweringContext, node: NodeProto) -> Value:
    """Quantize constants, or end the layer that waits for this quantizer."""
    value = context.operand(node, 0)
    quantizer = context.quantizer(node)
    if isinstance(value, Constant):
        missing = value.value.ndim - quantizer.scale.ndim
        scale = quantizer.scale.reshape(*[1] * missing, *quantizer.scale.shape) if missing >= 0 else quantizer.scale
        if np.broadcast_shapes(scale.shape, value.value.shape) != value.value.shape:
            raise LoweringError(
                f"node {node.name} ({node.op_type}) has scales of shape {quantizer.scale.shape} for constants of shape"
                f" {value.value.shape}: they must not make these larger"
            )
        return Weights(quantizer.codes(value.value), scale, quantizer.bits)
    if isinstance(value, Weights):
        raise LoweringError(f"node {node.name} ({node.op_type}) quantizes weights a second time")
    if (scales := quantizer.scale.size) != 1:
        raise LoweringError(f"node {node.name} ({node.op_type}) has {scales} scales, need one for an activation")
    waiting = value if isinstance(value, Unquantized) else ScalarChain(value)
    return waiting.quantize(context, node, quantizer)
