# SPDX-License-Identifier: Apache-2.0
"""StreamFork_rtl: the kernel's FINN node."""

from hls_build.kernels.kernel_node import KernelNode
from hls_build.kernels.stream_fork.spec import StreamForkSpec


class StreamFork_rtl(KernelNode):
    """FINN node of a stream fork."""

    spec_type = StreamForkSpec
