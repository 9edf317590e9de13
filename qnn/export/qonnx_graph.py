# SPDX-License-Identifier: Apache-2.0
"""From the frozen quantized network to QONNX, every quantizer called by its layer's name, nothing else left behind."""

from __future__ import annotations

import copy
import logging
from ast import literal_eval
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path

import numpy as np
import onnx
import torch
from brevitas.export import export_qonnx
from onnx import NodeProto, helper, numpy_helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.infer_shapes import InferShapes
from torch import Tensor, nn

from board.core import arithmetic
from board.core.arithmetic import EXACT_FLOAT32
from board.core.quantizer import Quantizer, powers_of_two
from qnn.network.model import IMAGE_SIZE
from qnn.network.quantized import QuantCbamCnn

INPUT, OUTPUT = "pixels", "accumulators"
LAYER_OPS = ("Quant", "Conv", "MatMul", "Gemm")
"""Nodes that carry their module's name."""

GATE, FRAME = "attention1.spatial_gate_q", "output_frame"
"""The first spatial gate's quantizer, and the node that puts its codes behind the accumulators."""

REDUCTIONS = {"ReduceSum": "sum", "ReduceMax": "max"}
"""Nodes that carry the name of what they reduce, with this behind it."""


class Accumulators(nn.Module):
    """The quantized network with its last accumulators as integers: their scale, a power of two, taken out."""

    inverse: Tensor

    def __init__(self, network: QuantCbamCnn) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("inverse", 1 / network.output_scale())

    def forward(self, pixels: Tensor) -> Tensor:
        return self.network.scaled_accumulators(pixels) * self.inverse


def to_qonnx(network: QuantCbamCnn) -> onnx.ModelProto:
    """Export a frozen network; pixels (1, 3, 48, 48) holding 0..255 to accumulators (1, aus) holding integers.

    Each quantizer's node and output tensor carry the layer's name, such as `attention1.channel_gate_q`; weights
    and biases are `conv1.weight` and `conv1.bias`, and so on. Hardware is called alike, by `graph.identifier`.
    """
    module = Accumulators(copy.deepcopy(network)).eval()  # the exporter leaves its marks on what it exports
    with _quiet():
        model = export_qonnx(
            module,
            torch.zeros(1, 3, IMAGE_SIZE, IMAGE_SIZE),
            input_names=[INPUT],
            output_names=[OUTPUT],
            verbose=False,
        )
    return _annotate(_tidy(model))


def with_attention(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model of `to_qonnx` that also gives the first spatial gate's codes, row by row behind the accumulators.

    Raises:
        ValueError: Its network has no attention.
    """
    gates = layers(model)
    if GATE not in gates:
        raise ValueError("attention in the output needs a network with attention, got one without: leave it out")
    nodes = list(model.graph.node)
    last = NodeProto()
    last.CopyFrom(nodes.pop())
    last.output[0] = last.name
    codes, flat, factor = f"{GATE}.codes", f"{GATE}.flat", f"{GATE}.inverse"
    nodes += [
        last,
        helper.make_node("Mul", [GATE, factor], [codes], codes),
        helper.make_node("Flatten", [codes], [flat], flat),
        helper.make_node("Concat", [last.name, flat], [OUTPUT], FRAME, axis=1),
    ]
    inverse = numpy_helper.from_array(np.array(1 / gates[GATE].scale, np.float32), factor)
    gate = next(value for value in model.graph.value_info if value.name == GATE)
    aus, pixels = _shape(model.graph.output[0])[1], prod(_shape(gate))
    graph = helper.make_graph(
        nodes,
        model.graph.name,
        list(model.graph.input),
        [helper.make_tensor_value_info(OUTPUT, onnx.TensorProto.FLOAT, [1, aus + pixels])],
        [*model.graph.initializer, inverse],
    )
    joined = helper.make_model(
        graph, opset_imports=list(model.opset_import), ir_version=model.ir_version, producer_name=model.producer_name
    )
    return _annotate(joined)


def constants(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """Initializers by name."""
    return {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}


def quantizer(node: NodeProto, values: dict[str, np.ndarray]) -> Quantizer:
    """Constants of a Quant node of a tidy model, whose scales are powers of two.

    Raises:
        ValueError: One is not, or the node is none that `Quantizer` takes.
    """
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    try:
        quantizer = Quantizer.of_node(attributes, *(values[name] for name in node.input[1:4]))
    except ValueError as error:
        raise ValueError(f"node {node.name} (Quant) {error}") from None
    if not powers_of_two(quantizer.scale):
        raise ValueError(f"node {node.name} (Quant) has scale {quantizer.scale.ravel()[0]:g}, need powers of two")
    return quantizer


def layers(model: onnx.ModelProto) -> dict[str, Quantizer]:
    """The quantizers of activations by their layers' names, in the order of execution."""
    values = constants(model)
    quants = [node for node in model.graph.node if node.op_type == "Quant" and node.input[0] not in values]
    return {node.name: quantizer(node, values) for node in quants}


def accumulator_bounds(model: onnx.ModelProto) -> dict[str, int]:
    """Largest magnitude that each convolution's and dense layer's accumulator, bias included, can have.

    Raises:
        ValueError: One reaches 2**24, where float32 stops being exact.
    """
    values = constants(model)
    writers = {node.output[0]: node for node in model.graph.node}

    def source(name: str, skip: tuple[str, ...]) -> NodeProto:
        node = writers[name]
        return source(node.input[0], skip) if node.op_type in skip else node

    def integers(name: str) -> np.ndarray:
        node = source(name, ("Transpose",))
        return quantizer(node, values).codes(values[node.input[0]])

    bounds: dict[str, int] = {}
    for node in model.graph.node:
        if node.op_type not in ("Conv", "MatMul", "Gemm"):
            continue
        read = quantizer(source(node.input[0], ("MaxPool", "Flatten")), values)
        least, greatest = arithmetic.accumulator_bounds(integers(node.input[1]), read.low, read.high)
        sums = np.maximum(-least, greatest)
        if len(node.input) > 2:
            sums = sums + np.abs(integers(node.input[2]))
        bounds[node.name] = int(sums.max())
        if bounds[node.name] >= EXACT_FLOAT32:
            raise ValueError(
                f"accumulators must stay below 2**24, where float32 is exact, got up to {bounds[node.name]}"
                f" in {node.name}: train longer or with larger scales"
            )
    return bounds


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's remarks about packages that are not installed."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(previous)


def _layer(node: NodeProto) -> str:
    """Name of the network's module that a node came from, empty at the top."""
    scopes = literal_eval({p.key: p.value for p in node.metadata_props}["pkg.torch.onnx.name_scopes"])
    module = scopes[-2].removeprefix("network").removeprefix(".")
    if node.op_type != "Quant":
        return module
    module = module.removesuffix(".export_handler").removesuffix(".act_quant")
    return module.removesuffix("_quant").replace(".weight_quant", ".weight")


def _tidy(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same network with readable names, a constant of its own per use, and no trace of how it was made."""
    values = constants(model)
    readers = {read: node for node in model.graph.node for read in node.input}
    names: Counter[str] = Counter()
    renamed = {INPUT: INPUT}
    nodes, initializers = [], []
    for node in model.graph.node:
        op = "Flatten" if node.op_type == "Reshape" else node.op_type  # the one Reshape is a Flatten for one frame
        name = _name(op, _layer(node), renamed.get(node.input[0], ""), readers.get(node.output[0]))
        names[name] += 1
        name = f"{name}{names[name]}" if op == "MaxPool" else name if names[name] == 1 else f"{name}_{names[name]}"
        inputs = []
        for index, read in enumerate(node.input[:1] if op == "Flatten" else node.input):
            if read in values:
                inputs.append(f"{name}.{_role(op, index)}")
                initializers.append(numpy_helper.from_array(values[read], inputs[-1]))
            else:
                inputs.append(renamed[read])
        (written,) = node.output
        renamed[written] = OUTPUT if written == OUTPUT else name
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute if op != "Flatten"}
        nodes.append(helper.make_node(op, inputs, [renamed[written]], name, domain=node.domain, **attributes))
    graph = helper.make_graph(
        nodes,
        "auflow",
        [helper.make_tensor_value_info(INPUT, onnx.TensorProto.FLOAT, _shape(model.graph.input[0]))],
        [helper.make_tensor_value_info(OUTPUT, onnx.TensorProto.FLOAT, _shape(model.graph.output[0]))],
        initializers,
    )
    return helper.make_model(
        graph, opset_imports=list(model.opset_import), ir_version=model.ir_version, producer_name="auflow"
    )


def _name(op: str, layer: str, read: str, reader: NodeProto | None) -> str:
    """Name of a node without its number, such that hardware of the same name reads well.

    Args:
        op: Its type.
        layer: Its module.
        read: Name of the node that it reads.
        reader: The last node that reads it.
    """
    if op in LAYER_OPS or op == "MaxPool":
        return layer
    if op in REDUCTIONS:
        return f"{read}_{REDUCTIONS[op]}"
    if op == "Concat" and reader is not None and reader.op_type == "Quant":
        return _layer(reader).removesuffix("_q")
    if op == "Flatten":
        return "flatten"
    return f"{layer}.{op}".strip(".")


def _role(op: str, index: int) -> str:
    """What a constant input is for."""
    return ("float", "scale", "zero_point", "bits")[index] if op == "Quant" else f"constant{index}"


def _shape(value: onnx.ValueInfoProto) -> list[int]:
    return [d.dim_value for d in value.type.tensor_type.shape.dim]


def read_model(path: Path) -> onnx.ModelProto:
    """Read an ONNX file.

    Raises:
        ValueError: It is missing or broken.
    """
    try:
        model = onnx.load(path)
    except Exception as error:  # protobuf's own class is not public
        raise ValueError(f"a model must be a whole ONNX file, got {error} in {path}: export again") from None
    if not model.graph.node or not model.graph.input or not model.graph.output:
        raise ValueError(f"a model must have nodes, an input and an output, got one without in {path}: export again")
    return model


def _annotate(model: onnx.ModelProto) -> onnx.ModelProto:
    """Every tensor's shape, and the types of what enters and leaves."""
    wrapper = ModelWrapper(model).transform(InferShapes())
    wrapper.set_tensor_datatype(INPUT, DataType["UINT8"])
    wrapper.set_tensor_datatype(OUTPUT, DataType["INT32"])
    return wrapper.model
