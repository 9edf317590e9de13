# SPDX-License-Identifier: Apache-2.0
"""An Append of the integer graph as this kernel."""

from __future__ import annotations

from board.core.layers.append import Append
from hls_build.config.folding import Folding
from hls_build.dataflow import rules
from hls_build.dataflow.graph_writer import GraphWriter
from hls_build.dataflow.latency import latency_of, segments
from hls_build.kernels.append.node import Append_rtl
from hls_build.kernels.append.spec import AppendSpec, common_bits
from hls_build.kernels.translation import write_node


def append(writer: GraphWriter, node: Append, folding: Folding) -> None:
    """One vector behind another, which waits for it in a FIFO; element by element, whatever the neighbours' lanes."""
    if folding.pe not in (None, 1):
        raise ValueError(f"{node.name} joins frames element by element: leave pe out, got {folding.pe}")
    head = writer.connect(node, 0, 1, folding)
    elements = writer.links[node.inputs[1]].elements
    if folding.fifo_depths is not None and folding.fifo_depths[1] < elements:
        raise ValueError(
            f"fifo_depths of {node.name} needs at least {elements} beats at its second input, a whole frame that waits"
            f" for the first, got {folding.fifo_depths[1]}"
        )
    tail = writer.connect(node, 1, 1, folding, _waiting_elements(writer, node))
    bits = common_bits((head.bits, head.signed), (tail.bits, tail.signed))
    if node.outputs[0] == writer.graph.output:
        bits = rules.whole_bytes(bits)
    spec = AppendSpec(head.elements, head.bits, head.signed, tail.elements, tail.bits, tail.signed, bits)
    write_node(writer, node, Append_rtl, spec, [head, tail])


def _waiting_elements(writer: GraphWriter, node: Append) -> int:
    """Elements of the second input that wait while the layers work that only the first one comes through."""
    graph, (head, tail) = writer.graph, node.inputs
    between = {layer.name for layer in writer.upstream(head)} - {layer.name for layer in writer.upstream(tail)}
    parts = segments([layer for layer in graph.nodes if layer.name in between], graph.tensors)
    wait_cycles = latency_of(parts, writer.layer_cycles)
    return rules.append_elements(writer.links[tail].elements, writer.links[head].cycles, wait_cycles)
