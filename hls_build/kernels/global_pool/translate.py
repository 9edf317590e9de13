# SPDX-License-Identifier: Apache-2.0
"""GlobalDescriptors and SumPixels of the integer graph as this kernel."""

from __future__ import annotations

from board.core.layers.global_descriptors import GlobalDescriptors
from board.core.layers.sum_pixels import SumPixels
from hls_build.config.folding import Folding
from hls_build.dataflow.graph_writer import GraphWriter
from hls_build.kernels.global_pool.node import GlobalPool_rtl
from hls_build.kernels.global_pool.spec import GlobalPoolSpec
from hls_build.kernels.translation import geometry, write_single_input


def global_descriptors(writer: GraphWriter, node: GlobalDescriptors, folding: Folding) -> None:
    """Sum and maximum over pixels."""
    write_single_input(
        writer, node, folding, GlobalPool_rtl, lambda x: GlobalPoolSpec(*geometry(x), "descriptors", node.shift)
    )


def sum_pixels(writer: GraphWriter, node: SumPixels, folding: Folding) -> None:
    """Sum over pixels."""
    write_single_input(writer, node, folding, GlobalPool_rtl, lambda x: GlobalPoolSpec(*geometry(x), "sum"))
