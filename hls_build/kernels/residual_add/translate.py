# SPDX-License-Identifier: Apache-2.0
"""A ResidualAdd of the integer graph as this kernel."""

from __future__ import annotations

from math import ceil

from board.core.layers.residual_add import ResidualAdd
from hls_build.config.folding import Folding
from hls_build.dataflow.graph_writer import GraphWriter
from hls_build.dataflow.latency import frames_held
from hls_build.kernels.residual_add.node import ResidualAdd_rtl
from hls_build.kernels.residual_add.spec import ResidualAddSpec
from hls_build.kernels.translation import geometry, write_node


def residual_add(writer: GraphWriter, node: ResidualAdd, folding: Folding) -> None:
    """The sum of two branches; each waits in a FIFO for what the other one holds back."""
    pe = writer.parallelism(node, folding, max(writer.links[name].lanes for name in node.inputs))
    a, b = (writer.connect(node, index, pe, folding, _waiting_elements(writer, node, index)) for index in (0, 1))
    pixels, channels, lanes, bits, signed = geometry(a)
    spec = ResidualAddSpec(pixels, channels, lanes, bits, signed, node.shifts[0], b.bits, b.signed, node.shifts[1])
    write_node(writer, node, ResidualAdd_rtl, spec, [a, b])


def _waiting_elements(writer: GraphWriter, node: ResidualAdd, index: int) -> int:
    """Elements of an input that come before the other one's first: what the layers hold that only that one has."""
    own = {layer.name for layer in writer.upstream(node.inputs[index])}
    other = [layer for layer in writer.upstream(node.inputs[1 - index]) if layer.name not in own]
    held = sum(frames_held(layer, writer.graph.tensors) for layer in other)
    link = writer.links[node.inputs[index]]
    return ceil(link.elements * held) + 2 * link.shape[2] * len(other)
