# SPDX-License-Identifier: Apache-2.0
"""standard.onnx: the integer network in standard ONNX operators, since ONNX Runtime knows no Quant."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from board.core.quantizer import Quantizer
from qnn.export.qonnx_graph import INPUT, OUTPUT, constants, quantizer

BATCH = "N"


def to_standard(model: onnx.ModelProto) -> onnx.ModelProto:
    """Rewrite a QONNX model of `qonnx_graph.to_qonnx` for any ONNX runtime.

    A Quant of an activation becomes Mul by 1 / scale, Round, Clip and Mul by scale, exact for powers of two;
    one of weights or a bias becomes an initializer. The batch dimension is free, the output int32.

    Returns:
        pixels float32 (N, 3, 48, 48), holding 0..255, to accumulators int32 (N, aus).
    """
    values = constants(model)
    nodes: list[NodeProto] = []
    for node in model.graph.node:
        if node.op_type == "Quant" and node.input[0] in values:
            quant = quantizer(node, values)
            values[node.output[0]] = quant.real(quant.codes(values[node.input[0]]))
        elif node.op_type == "Transpose" and node.input[0] in values:
            values[node.output[0]] = values[node.input[0]].T.copy()
        elif node.op_type == "Quant":
            nodes += _quantize(node, quantizer(node, values), values)
        else:
            nodes.append(node)
    last = nodes.pop()
    attributes = {a.name: helper.get_attribute_value(a) for a in last.attribute}
    nodes.append(helper.make_node(last.op_type, last.input, [f"{OUTPUT}.real"], last.name, **attributes))
    nodes.append(helper.make_node("Cast", [f"{OUTPUT}.real"], [OUTPUT], OUTPUT, to=TensorProto.INT32))
    used = {name for node in nodes for name in node.input}
    (pixels,), (accumulators,) = model.graph.input, model.graph.output
    graph = helper.make_graph(
        nodes,
        "auflow-standard",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [BATCH, *_frame(pixels)])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.INT32, [BATCH, *_frame(accumulators)])],
        [numpy_helper.from_array(values[name], name) for name in sorted(used & set(values))],
    )
    standard = [entry for entry in model.opset_import if entry.domain == ""]
    result = helper.make_model(graph, opset_imports=standard, ir_version=model.ir_version, producer_name="auflow")
    onnx.checker.check_model(result, full_check=True)
    return result


def _quantize(node: NodeProto, quant: Quantizer, values: dict[str, np.ndarray]) -> list[NodeProto]:
    """Four standard nodes for one Quant; their constants join values."""
    name = node.name
    constants = {"inverse": 1 / quant.scale, "low": quant.low, "high": quant.high}
    for role, value in constants.items():
        values[f"{name}.{role}"] = np.array(value, np.float32)
    scaled, rounded, code = (f"{name}.{part}" for part in ("scaled", "rounded", "code"))
    return [
        helper.make_node("Mul", [node.input[0], f"{name}.inverse"], [scaled], f"{name}.Mul"),
        helper.make_node("Round", [scaled], [rounded], f"{name}.Round"),
        helper.make_node("Clip", [rounded, f"{name}.low", f"{name}.high"], [code], f"{name}.Clip"),
        helper.make_node("Mul", [code, node.input[1]], [node.output[0]], name),
    ]


def _frame(value: onnx.ValueInfoProto) -> list[int]:
    """Shape without the batch."""
    return [d.dim_value for d in value.type.tensor_type.shape.dim][1:]
