# SPDX-License-Identifier: Apache-2.0
"""An Append of the integer graph as this kernel."""

from __future__ import annotations

from board.core.arithmetic import common_bits
from board.core.layers.append import Append
from hls_build.config.folding import Folding
from hls_build.dataflow import rules
from hls_build.dataflow.graph_writer import GraphWriter
from hls_build.dataflow.latency import latency_of, segments
from hls_build.dataflow.links import Link
from hls_build.kernels.append.node import Append_rtl
from hls_build.kernels.append.spec import AppendSpec
from hls_build.kernels.translation import waiting_elements, write_node


def append(writer: GraphWriter, node: Append, folding: Folding) -> None:
    """Channels behind channels; vectors element by element where nothing is said."""
    links = [writer.links[name] for name in node.inputs]
    is_vector = links[0].shape[:2] == (1, 1)
    pe = writer.parallelism(node, folding, 1 if is_vector else max(link.lanes for link in links))
    head, tail = _vectors(writer, node, folding, pe) if is_vector else _maps(writer, node, folding, pe)
    bits = common_bits((head.bits, head.signed), (tail.bits, tail.signed))
    if node.outputs[0] == writer.graph.output:
        bits = rules.whole_bytes(bits)
    height, width, channels = head.shape
    spec = AppendSpec(channels, head.bits, head.signed, tail.shape[2], tail.bits, tail.signed, bits, height * width, pe)
    write_node(writer, node, Append_rtl, spec, [head, tail])


def _maps(writer: GraphWriter, node: Append, folding: Folding, pe: int) -> tuple[Link, Link]:
    """Two maps, each of which waits in a FIFO for what the other one holds back."""
    head, tail = (writer.connect(node, index, pe, folding, waiting_elements(writer, node, index)) for index in (0, 1))
    return head, tail


def _vectors(writer: GraphWriter, node: Append, folding: Folding, pe: int) -> tuple[Link, Link]:
    """Two vectors, each of which waits in a FIFO for the other one."""
    head, tail = (writer.connect(node, index, pe, folding, _frames_that_wait(writer, node, index)) for index in (0, 1))
    beats = tail.elements // pe
    if folding.fifo_depths is not None and folding.fifo_depths[1] < beats:
        raise ValueError(
            f"fifo_depths of {node.name} needs at least {beats} beats at its second input, a whole frame that waits"
            f" for the first, got {folding.fifo_depths[1]}"
        )
    return head, tail


def _frames_that_wait(writer: GraphWriter, node: Append, index: int) -> int:
    """Elements of an input that wait while the layers work that only the other one comes through.

    The first input waits for nothing where the second one comes through no layer of its own.
    """
    graph, own, other = writer.graph, node.inputs[index], node.inputs[1 - index]
    between = {layer.name for layer in writer.upstream(other)} - {layer.name for layer in writer.upstream(own)}
    parts = segments([layer for layer in graph.nodes if layer.name in between], graph.tensors)
    if index == 0 and not parts:
        return 0
    wait_cycles = latency_of(parts, writer.layer_cycles)
    return rules.append_elements(writer.links[own].elements, writer.links[other].cycles, wait_cycles)
