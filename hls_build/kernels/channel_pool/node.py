# SPDX-License-Identifier: Apache-2.0
"""ChannelPool_rtl: the kernel's FINN node."""

from hls_build.kernels.channel_pool.spec import ChannelPoolSpec
from hls_build.kernels.kernel_node import KernelNode


class ChannelPool_rtl(KernelNode):
    """FINN node of a channel pool."""

    spec_type = ChannelPoolSpec
