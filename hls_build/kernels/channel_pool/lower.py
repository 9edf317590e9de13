# SPDX-License-Identifier: Apache-2.0
"""QONNX nodes that become ChannelDescriptors."""

from __future__ import annotations

from onnx import NodeProto

from board.core.layers.channel_descriptors import ChannelDescriptors
from hls_build.kernels import descriptors
from hls_build.kernels.descriptors import Descriptor
from hls_build.lowering.abstract_values import Edge
from hls_build.lowering.context import LoweringContext


def concat(context: LoweringContext, node: NodeProto) -> Edge:
    """Sum and maximum over channels, as two channels: what spatial attention looks at."""
    value = context.operand(node, 0)
    assert isinstance(value, Descriptor)
    height, width, channels = value.edge.shape
    return descriptors.write_pair(context, node, ChannelDescriptors, channels, (height, width, 2), "map")


RULES = descriptors.rules("channels", concat)
