# SPDX-License-Identifier: Apache-2.0
"""A Depthwise of the integer graph as FINN+'s sliding window and this kernel."""

from __future__ import annotations

from math import prod

from board.core.layers.depthwise import Depthwise
from hls_build.config.folding import Folding
from hls_build.dataflow import rules
from hls_build.dataflow.graph_writer import GraphWriter
from hls_build.dataflow.links import Link
from hls_build.dataflow.multipliers import geometry, symmetric_bits
from hls_build.dataflow.sliding_windows import slide
from hls_build.kernels.depthwise.node import Depthwise_rtl
from hls_build.kernels.depthwise.spec import DepthwiseSpec
from hls_build.kernels.translation import write_node


def depthwise(writer: GraphWriter, node: Depthwise, folding: Folding) -> None:
    """Padding and sliding window, channels before places, and the kernel, all in the same lanes."""
    window = geometry(writer.graph, node)
    pe = writer.parallelism(node, folding, writer.links[node.inputs[0]].lanes)
    ahead = 0 if node.inputs[0] == writer.graph.input or window.is_pixel else window.elements_ahead
    link = writer.connect(node, 0, pe, folding, ahead, in_bursts=True)
    if not window.is_pixel:
        link = slide(writer, window, link, folding, depthwise=True)
    write_node(writer, node, Depthwise_rtl, _spec(node, window.shape[2], link, folding), [link])


def _spec(node: Depthwise, channels: int, link: Link, folding: Folding) -> DepthwiseSpec:
    """The kernel that takes the windows of a link."""
    matrix = node.weights.reshape(channels, -1)
    taps, weight_bits = matrix.shape[1], symmetric_bits(matrix)
    return DepthwiseSpec(
        pixels=prod(link.shape[:2]),
        channels=channels,
        taps=taps,
        pe=link.lanes,
        bits=link.bits,
        signed=link.signed,
        weight_bits=weight_bits,
        ram_style=rules.memory_style(folding.ram_style, channels // link.lanes * taps, link.lanes * weight_bits),
        weights=matrix,
    )
