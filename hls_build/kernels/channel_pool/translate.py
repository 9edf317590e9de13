# SPDX-License-Identifier: Apache-2.0
"""ChannelDescriptors of the integer graph as this kernel."""

from __future__ import annotations

from board.core.layers.channel_descriptors import ChannelDescriptors
from hls_build.config.folding import Folding
from hls_build.dataflow.graph_writer import GraphWriter
from hls_build.kernels.channel_pool.node import ChannelPool_rtl
from hls_build.kernels.channel_pool.spec import ChannelPoolSpec
from hls_build.kernels.translation import geometry, write_single_input


def channel_descriptors(writer: GraphWriter, node: ChannelDescriptors, folding: Folding) -> None:
    """Sum and maximum over channels."""
    write_single_input(writer, node, folding, ChannelPool_rtl, lambda x: ChannelPoolSpec(*geometry(x), node.shift))
