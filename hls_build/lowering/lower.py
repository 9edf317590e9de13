# SPDX-License-Identifier: Apache-2.0
"""Lower a QONNX graph to the integer graph, in one pass over its nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx
from onnx import NodeProto

from board.core.graph import IntegerGraph
from board.core.layers.flatten import Flatten
from hls_build.lowering import quantizers, shapes, weighted
from hls_build.lowering.abstract_values import Edge, Scales
from hls_build.lowering.context import LoweringContext, Value, typed_edge
from hls_build.lowering.errors import LoweringError
from hls_build.lowering.joining import join
from hls_build.lowering.onnx_attributes import ONNX_DOMAINS
from hls_build.lowering.rule import Rule
from hls_build.lowering.scalars import SCALAR_OPS, ScalarChain, identity, is_scalar, scalar

PIXEL_BITS = 8
QUANTIZERS = ("Quant", "IntQuant", "BipolarQuant")
QONNX_DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")

OWN_RULES = (
    *(Rule(op_type, "any quantizer", quantizers.quant) for op_type in QUANTIZERS),
    Rule("Conv", "a convolution of a feature map", weighted.conv),
    Rule("Gemm", "a dense layer", weighted.dense),
    Rule("MatMul", "a dense layer", weighted.dense),
    Rule("Transpose", "weights", weighted.transpose),
    Rule("Flatten", "a feature map", shapes.flatten),
    Rule("Reshape", "a feature map as a vector", shapes.flatten),
    *(Rule(op_type, "a value that inference passes on", identity) for op_type in ("Identity", "Dropout")),
    *(Rule(op_type, "one edge of sums with constants", scalar, is_scalar) for op_type in SCALAR_OPS),
)
"""What becomes FINN+'s own blocks. Kernels have rules of their own; see hls_build.compiler.RULES for all."""


@dataclass(frozen=True)
class Lowered:
    """What lowering made of a model.

    Attributes:
        graph: Its integer form.
        scale: What one unit of each output channel is worth, float64 (channels,): real = integer * scale + offset.
        offset: Real value of each output channel at integer 0, likewise.
        heads: Where the model has several outputs, name and shape (height, width, channels) of each: the graph's output
            is a vector of the elements of the first, then those of the next, each by row, column and channel.
        remarks: What a person should know of how exact it is, a sentence each.
    """

    graph: IntegerGraph
    scale: Scales
    offset: Scales
    heads: tuple[tuple[str, tuple[int, int, int]], ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Output:
    """One output of a model: the edge of its integers, and what their channels are worth."""

    name: str
    edge: Edge
    scale: Scales
    offset: Scales

    @property
    def head(self) -> tuple[str, tuple[int, int, int]]:
        """Its name and shape."""
        return self.name, self.edge.shape

    @property
    def pixels(self) -> int:
        """Of its map."""
        return self.edge.shape[0] * self.edge.shape[1]


def lower(model: onnx.ModelProto, rules: Sequence[Rule]) -> IntegerGraph:
    """Turn a QONNX model with raw pixels in and integer accumulators out into integers only.

    Args:
        model: One input (1, C, H, W) that holds integers 0..255, one output; see `qnn.export.export`.
        rules: What lowers its nodes; of several that match one, the first.

    Returns:
        Its exact integer form, with a Fork wherever a tensor is read twice.

    Raises:
        LoweringError: A node that no rule matches, an unquantized tensor, a function that no thresholds express, or an
            output that is no integer.
    """
    lowered = lower_scaled(model, rules)
    if not ((lowered.scale == 1).all() and (lowered.offset == 0).all()):
        names = ", ".join(value.name for value in model.graph.output)
        raise LoweringError(f"output {names} is not made of integer accumulators: multiply it by its inverse scale")
    return lowered.graph


def lower_scaled(model: onnx.ModelProto, rules: Sequence[Rule]) -> Lowered:
    """Turn a QONNX model with raw pixels in into integers only, and say what those at its output are worth.

    Args:
        model: One input (1, C, H, W) that holds integers 0..255; outputs of sums or codes that were scaled and shifted
            at most.
        rules: What lowers its nodes; of several that match one, the first.

    Raises:
        LoweringError: As `lower`, but for outputs that are no integers.
    """
    context = LoweringContext(model)
    source, (channels, height, width) = _pixels(model, context)
    pixels = context.new_tensor("pixels", (height, width, channels), PIXEL_BITS, False)
    context.values[source] = typed_edge(pixels, np.ones(1))
    for node in model.graph.node:
        if node.op_type != "Constant":
            context.values[node.output[0]] = _lowered(context, node, rules)
    _check_readers(model)
    outputs = [_output(context, value.name) for value in model.graph.output]
    if not outputs:
        raise LoweringError("a network must have an output, got none")
    several = len(outputs) > 1
    output = _joined(context, outputs) if several else outputs[0]
    heads = tuple(one.head for one in outputs) if several else ()
    graph = IntegerGraph(context.tensors, context.with_forks(), pixels.name, output.edge.tensor)
    return Lowered(graph, output.scale, output.offset, heads, tuple(context.remarks))


def _output(context: LoweringContext, name: str) -> _Output:
    """One output of the model.

    Raises:
        LoweringError: It is not made of integers.
    """
    result = context.values.get(name)
    if not isinstance(result, Edge | ScalarChain):
        raise LoweringError(f"output {name} is not made of integer accumulators: end the network behind a layer")
    chain = result if isinstance(result, ScalarChain) else ScalarChain(result)
    context.check_not_negated(chain.edge.tensor)
    context.check_order(chain.edge, f"output {name}")
    return _Output(name, chain.edge, *chain.linear(context))


def _joined(context: LoweringContext, outputs: Sequence[_Output]) -> _Output:
    """Several outputs as one vector, so that they leave in one stream; maps are flattened."""
    edges = [_flat(context, output) for output in outputs]
    edge = join(context, context.unused_name("outputs"), edges, f"outputs {', '.join(one.name for one in outputs)}")
    scale = np.concatenate([np.tile(one.scale, one.pixels) for one in outputs])
    offset = np.concatenate([np.tile(one.offset, one.pixels) for one in outputs])
    return _Output("outputs", edge, scale, offset)


def _flat(context: LoweringContext, output: _Output) -> Edge:
    """The elements of an output as a vector, by row, column and channel."""
    edge = output.edge
    if edge.shape[:2] == (1, 1):
        return replace(edge, layout="vector")
    tensor, name = context.tensors[edge.tensor], context.unused_name(f"{edge.tensor}_elements")
    shape = (1, 1, int(np.prod(edge.shape)))
    context.add(Flatten(name, (edge.tensor,), (name,)), shape, tensor.bits, tensor.signed)
    channels, pixels = edge.shape[2], output.pixels
    return Edge(
        name,
        shape,
        np.tile(np.broadcast_to(edge.scale, channels), pixels),
        np.tile(np.broadcast_to(edge.low, channels), pixels),
        np.tile(np.broadcast_to(edge.high, channels), pixels),
        "vector",
    )


def _pixels(model: onnx.ModelProto, context: LoweringContext) -> tuple[str, tuple[int, int, int]]:
    """Name and shape (C, H, W) of the only input.

    Raises:
        LoweringError: There is another number of inputs, another shape, or a constant that is not finite.
    """
    sources = {value.name: value for value in model.graph.input if value.name not in context.constants}
    name = _only(list(sources), "input")
    dims = sources[name].type.tensor_type.shape.dim
    sizes = [dim.dim_value for dim in dims]
    if len(sizes) != 4 or min(sizes) < 1 or sizes[0] != 1:
        told = ", ".join(str(dim.dim_value or dim.dim_param or "?") for dim in dims)
        raise LoweringError(f"input {name} must have a shape (1, C, H, W) of fixed sizes, got ({told}): export it so")
    for constant, value in context.constants.items():
        if np.issubdtype(value.dtype, np.floating) and not np.isfinite(value).all():
            odd = value[~np.isfinite(value)].ravel()[0]
            raise LoweringError(f"constants must be finite, got {odd} in {constant}: train or export again")
    return name, (sizes[1], sizes[2], sizes[3])


def _check_readers(model: onnx.ModelProto) -> None:
    """Refuse a node whose result goes nowhere: its author meant it to.

    Raises:
        LoweringError: There is one.
    """
    read = {name for node in model.graph.node for name in node.input} | {value.name for value in model.graph.output}
    for node in model.graph.node:
        if node.output and not read.intersection(node.output):
            raise LoweringError(
                f"node {node.name} ({node.op_type}) writes {node.output[0]}, which nothing reads: remove it"
            )


def _only(names: Sequence[str], what: str) -> str:
    """The one name that there must be."""
    if len(names) != 1:
        raise LoweringError(f"a network must have one {what}, got {len(names)} ({', '.join(names) or 'none'})")
    return names[0]


def _lowered(context: LoweringContext, node: NodeProto, rules: Sequence[Rule]) -> Value:
    """What a node becomes.

    Raises:
        LoweringError: No rule matches it, or it is not as ONNX defines its kind.
    """
    if not node.output:
        raise LoweringError(f"node {node.name} of type {node.op_type} must have an output, got none")
    try:
        return _rule(context, node, rules).handler(context, node)
    except LoweringError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        said = f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise LoweringError(
            f"node {node.name} of type {node.op_type} must be as ONNX defines it, got {said}: export the network again"
        ) from error


def _rule(context: LoweringContext, node: NodeProto, rules: Sequence[Rule]) -> Rule:
    """The rule that lowers a node.

    Raises:
        LoweringError: There is none.
    """
    domains = QONNX_DOMAINS if node.op_type in QUANTIZERS else ONNX_DOMAINS
    of_type = [rule for rule in rules if rule.op_type == node.op_type and node.domain in domains]
    if not of_type:
        supported = ", ".join(sorted({rule.op_type for rule in rules}))
        raise LoweringError(
            f"node {node.name} is of type {_type(node)}, which has no hardware; supported are {supported}"
        )
    for rule in of_type:
        if rule.matches(context, node):
            return rule
    for index in range(len(node.input)):
        if isinstance(context.operand(node, index), ScalarChain):
            context.quantized(node, index)  # says what to do
    operands = ", ".join(_described(context, node, index) for index in range(len(node.input)))
    raise LoweringError(
        f"node {node.name} ({node.op_type}) of {operands} has no hardware; supported are "
        f"{'; '.join(dict.fromkeys(rule.takes for rule in of_type))}"
    )


def _type(node: NodeProto) -> str:
    """A node's type, with its domain where that is not ONNX's own."""
    return node.op_type if node.domain in ONNX_DOMAINS else f"{node.domain}.{node.op_type}"


def _described(context: LoweringContext, node: NodeProto, index: int) -> str:
    """An operand in an error: its name, and the (height, width, channels) of what flows there."""
    value = context.operand(node, index)
    return f"{node.input[index]} {value.shape}" if isinstance(value, Edge) else node.input[index]
