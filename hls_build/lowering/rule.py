# SPDX-License-Identifier: Apache-2.0
"""Rule: how ONNX nodes of one type become layers of the integer graph, and which of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from onnx import NodeProto

from hls_build.lowering.context import LoweringContext, Value

Handler: TypeAlias = Callable[[LoweringContext, NodeProto], Value]
"""Turns the operands' values of one ONNX node into its result's; writes layers into the context."""


def always(context: LoweringContext, node: NodeProto) -> bool:
    """Match every node of the type; what the handler cannot do, it refuses in its own words."""
    del context, node
    return True


@dataclass(frozen=True)
class Rule:
    """How nodes of one ONNX type are lowered, where they match.

    Several rules may be for one type. They are tried in order, and the first that matches lowers the node.

    Attributes:
        op_type: ONNX type.
        takes: What it lowers, for the error of a node that no rule matches: "the maximum over 2x2 tiles".
        handler: Lowers a node that matches; raises LoweringError where it is wrong in a detail.
        matches: Whether a node is meant for this rule, by its attributes and its operands' values. It writes nothing.
    """

    op_type: str
    takes: str
    handler: Handler
    matches: Callable[[LoweringContext, NodeProto], bool] = always
