# SPDX-License-Identifier: Apache-2.0
"""A MaxPool of the integer graph as this kernel."""

from __future__ import annotations

from board.core.layers.max_pool import MaxPool
from hls_build.config.folding import Folding
from hls_build.dataflow.graph_writer import GraphWriter
from hls_build.kernels.max_pool_2x2.node import MaxPool2x2_rtl
from hls_build.kernels.max_pool_2x2.spec import MaxPool2x2Spec
from hls_build.kernels.translation import write_single_input


def max_pool(writer: GraphWriter, node: MaxPool, folding: Folding) -> None:
    """Maximum over 2x2 tiles."""
    write_single_input(
        writer, node, folding, MaxPool2x2_rtl, lambda x: MaxPool2x2Spec(*x.shape, x.lanes, x.bits, x.signed)
    )
