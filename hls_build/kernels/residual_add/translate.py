# SPDX-License-Identifier: Apache-2.0
"""A ResidualAdd of the integer graph as this kernel."""

from __future__ import annotations

from board.core.layers.residual_add import ResidualAdd
from hls_build.config.folding import Folding
from hls_build.dataflow.graph_writer import GraphWriter
from hls_build.kernels.residual_add.node import ResidualAdd_rtl
from hls_build.kernels.residual_add.spec import ResidualAddSpec
from hls_build.kernels.translation import geometry, waiting_elements, write_node


def residual_add(writer: GraphWriter, node: ResidualAdd, folding: Folding) -> None:
    """The sum of two branches; each waits in a FIFO for what the other one holds back."""
    pe = writer.parallelism(node, folding, max(writer.links[name].lanes for name in node.inputs))
    a, b = (writer.connect(node, index, pe, folding, waiting_elements(writer, node, index)) for index in (0, 1))
    pixels, channels, lanes, bits, signed = geometry(a)
    spec = ResidualAddSpec(pixels, channels, lanes, bits, signed, node.shifts[0], b.bits, b.signed, node.shifts[1])
    write_node(writer, node, ResidualAdd_rtl, spec, [a, b])
