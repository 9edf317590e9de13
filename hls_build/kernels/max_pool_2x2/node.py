# SPDX-License-Identifier: Apache-2.0
"""MaxPool2x2_rtl: the kernel's FINN node."""

from hls_build.kernels.kernel_node import KernelNode
from hls_build.kernels.max_pool_2x2.spec import MaxPool2x2Spec


class MaxPool2x2_rtl(KernelNode):
    """FINN node of a 2x2 maximum pool."""

    spec_type = MaxPool2x2Spec
