# SPDX-License-Identifier: Apache-2.0
"""ChannelPool: sum and maximum over channels."""

from board.core import graph as ir
from hls_build.kernels.channel_pool import lower, node
from hls_build.kernels.kernel import Kernel

KERNEL = Kernel(node.ChannelPool_rtl, layers={ir.ChannelDescriptors: lower.channel_descriptors})
