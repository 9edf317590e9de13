# SPDX-License-Identifier: Apache-2.0
"""A Fork of the integer graph as this kernel."""

from __future__ import annotations

from board.core.layers.fork import Fork
from hls_build.config.folding import Folding
from hls_build.dataflow.graph_writer import GraphWriter
from hls_build.kernels.stream_fork.node import StreamFork_rtl
from hls_build.kernels.stream_fork.spec import StreamForkSpec
from hls_build.kernels.translation import geometry, write_single_input


def fork(writer: GraphWriter, node: Fork, folding: Folding) -> None:
    """One stream to several."""
    write_single_input(
        writer, node, folding, StreamFork_rtl, lambda x: StreamForkSpec(*geometry(x), copies=len(node.outputs))
    )
