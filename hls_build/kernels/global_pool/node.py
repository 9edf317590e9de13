# SPDX-License-Identifier: Apache-2.0
"""GlobalPool_rtl: the kernel's FINN node."""

from hls_build.kernels.global_pool.spec import GlobalPoolSpec
from hls_build.kernels.kernel_node import KernelNode


class GlobalPool_rtl(KernelNode):
    """FINN node of a global pool."""

    spec_type = GlobalPoolSpec
