# SPDX-License-Identifier: Apache-2.0
"""ChannelPool: sum and maximum over channels."""

from board.core.layers.channel_descriptors import ChannelDescriptors
from hls_build.kernels.channel_pool import lower, node, translate
from hls_build.kernels.kernel import Kernel

KERNEL = Kernel(node.ChannelPool_rtl, layers={ChannelDescriptors: translate.channel_descriptors}, rules=lower.RULES)
