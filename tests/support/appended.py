# SPDX-License-Identifier: Apache-2.0
"""Any integer network with the codes of a spatial gate behind its outputs, as the lowering writes it."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from board.core.graph import IntegerGraph
from board.core.layers.append import Append
from board.core.layers.flatten import Flatten
from board.core.layers.fork import Fork
from board.core.node import Node, Tensor

FRAME = "output_frame"


def with_codes(graph: IntegerGraph, gate: str) -> IntegerGraph:
    """A network whose output frame also carries a tensor that one of its Gates reads."""
    codes, out = graph.tensors[gate], graph.tensors[graph.output]
    copies = (f"{gate}_0", f"{gate}_1")
    nodes: list[Node] = []
    for node in graph.nodes:
        nodes.append(replace(node, inputs=tuple(copies[0] if name == gate else name for name in node.inputs)))
        if gate in node.outputs:
            nodes.append(Fork(f"{gate}_fork", (gate,), copies))
    nodes += [Flatten("flat_codes", copies[1:], ("flat_codes",)), Append(FRAME, (out.name, "flat_codes"), (FRAME,))]
    count = prod(codes.shape)
    added = [
        *(replace(codes, name=name) for name in copies),
        Tensor("flat_codes", (1, 1, count), codes.bits, codes.signed),
        Tensor(FRAME, (1, 1, out.shape[2] + count), max(out.bits, codes.bits + 1), True),
    ]
    tensors = {**graph.tensors, **{tensor.name: tensor for tensor in added}}
    return IntegerGraph(tensors, tuple(nodes), graph.input, FRAME)
