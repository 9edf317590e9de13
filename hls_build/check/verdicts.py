# SPDX-License-Identifier: Apache-2.0
"""Lower a network to its end, whatever of it is refused, and say so of each node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import NodeProto, helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.infer_shapes import InferShapes

from board.core.graph import IntegerGraph
from hls_build.lowering.abstract_values import Constant, Edge, Layout, Weights
from hls_build.lowering.context import LoweringContext, Value, typed_edge
from hls_build.lowering.errors import LoweringError
from hls_build.lowering.lower import lower
from hls_build.lowering.rule import Rule

STAND_IN_BITS = 4
"""Of what a refused node is taken to give, so that those behind it are judged by themselves."""
ACCUMULATORS = "Identity", "check.accumulators"
"""Type and name of the node that is put behind the network: it takes the scale out of the last integers."""


@dataclass(frozen=True)
class Verdict:
    """What becomes of one node.

    Attributes:
        node: Its name.
        op_type: Its ONNX type.
        shape: Of what it gives, as ONNX holds it; empty where nobody knows.
        refusal: Why it has no hardware; empty where it has.
    """

    node: str
    op_type: str
    shape: tuple[int, ...]
    refusal: str = ""


@dataclass(frozen=True)
class Checked:
    """A network that was checked.

    Attributes:
        verdicts: Of each node, in the order of execution.
        refusal: Why the network as a whole is refused, where no node alone is to blame; else empty.
        graph: Its integer graph; None where anything is refused.
    """

    verdicts: tuple[Verdict, ...]
    refusal: str
    graph: IntegerGraph | None

    @property
    def refused(self) -> int:
        """How many things are."""
        return sum(bool(one.refusal) for one in self.verdicts) + bool(self.refusal)


def check(model: onnx.ModelProto, rules: Sequence[Rule]) -> Checked:
    """Lower a model node by node.

    Args:
        model: QONNX, see hls_build.lowering.lower.lower; it may end in integers of any scale.
        rules: What lowers its nodes, see hls_build.compiler.RULES.
    """
    judge = _Judge(_shapes(model), rules)
    try:
        graph = lower(_with_accumulators(model), judge.rules(model))
    except ValueError as error:  # that the graph is not whole is told already, where a node was refused
        return Checked(tuple(judge.verdicts), "" if any(v.refusal for v in judge.verdicts) else str(error), None)
    refused = any(verdict.refusal for verdict in judge.verdicts)
    return Checked(tuple(judge.verdicts), "", None if refused else graph)


class _Judge:
    """Rules that lower by other rules, and go on behind what these refuse."""

    def __init__(self, shapes: dict[str, tuple[int, ...]], rules: Sequence[Rule]) -> None:
        self.shapes, self._rules = shapes, rules
        self.verdicts: list[Verdict] = []

    def rules(self, model: onnx.ModelProto) -> tuple[Rule, ...]:
        """One for each type of node in a model."""
        types = dict.fromkeys([*(node.op_type for node in model.graph.node), ACCUMULATORS[0]])
        return tuple(Rule(op_type, "anything", self.judge) for op_type in types)

    def judge(self, context: LoweringContext, node: NodeProto) -> Value:
        """Lower a node, or note why not and take it for one that gives small integers."""
        refusal, value = "", None
        try:
            value = self._accumulators(context, node) if node.name == ACCUMULATORS[1] else self._lower(context, node)
        except LoweringError as error:
            refusal = str(error)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            refusal = f"node {node.name} ({node.op_type}) must be as ONNX defines it, got {error}"
        if node.name != ACCUMULATORS[1] or refusal:
            self.verdicts.append(Verdict(node.name, node.op_type, self.shapes.get(node.output[0], ()), refusal))
        return self._stand_in(context, node) if value is None else value

    def _lower(self, context: LoweringContext, node: NodeProto) -> Value:
        of_type = [rule for rule in self._rules if rule.op_type == node.op_type]
        for rule in of_type:
            if rule.matches(context, node):
                return rule.handler(context, node)
        takes = "; ".join(dict.fromkeys(rule.takes for rule in of_type))
        raise LoweringError(
            f"node {node.name} ({node.op_type}) has no hardware"
            + (f": supported is {takes}" if takes else ", as every node of its type")
        )

    @staticmethod
    def _accumulators(context: LoweringContext, node: NodeProto) -> Value:
        """The last integers without their scale."""
        value = context.operand(node, 0)
        if not isinstance(value, Edge):
            raise LoweringError(
                f"the output {node.input[0]} must be a layer's sums or a quantizer's integers, got a function of them:"
                " leave the last bias or activation to the host, or quantize what it gives"
            )
        scaled = value.scaled(1 / value.scale)
        assert scaled is not None, "it has as many scales as it has itself"
        return scaled

    def _stand_in(self, context: LoweringContext, node: NodeProto) -> Value:
        """What a refused node is taken for."""
        sizes = self.shapes.get(node.output[0], ())
        if node.input and isinstance(context.values.get(node.input[0]), Constant | Weights):
            ones = np.ones(sizes or (1,), np.int64)
            return Weights(ones, np.ones((1,) * ones.ndim), STAND_IN_BITS)
        layout: Layout = "map" if len(sizes) == 4 else "vector"
        shape = (sizes[2], sizes[3], sizes[1]) if layout == "map" else (1, 1, int(np.prod(sizes[1:] or (1,))))
        tensor = context.new_tensor(f"{node.name}.refused", shape, STAND_IN_BITS, False)
        return typed_edge(tensor, np.ones(1), layout=layout, quantized=True)


def _shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor that one is known of."""
    wrapped = ModelWrapper(model).transform(InferShapes())
    values = [*wrapped.graph.value_info, *wrapped.graph.output, *wrapped.graph.input]
    found = {value.name: tuple(int(d.dim_value) for d in value.type.tensor_type.shape.dim) for value in values}
    return {**found, **{one.name: tuple(one.dims) for one in wrapped.graph.initializer}}


def _with_accumulators(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose output is behind one more node; of a model with several outputs, which is refused, a mere copy."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    if len(copy.graph.output) == 1:
        (output,) = copy.graph.output
        op_type, name = ACCUMULATORS
        copy.graph.node.append(helper.make_node(op_type, [output.name], [name], name))
        output.name = name
    return copy
