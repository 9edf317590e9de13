# SPDX-License-Identifier: Apache-2.0
"""ResidualAdd_rtl: the kernel's FINN node."""

from hls_build.kernels.kernel_node import KernelNode
from hls_build.kernels.residual_add.spec import ResidualAddSpec


class ResidualAdd_rtl(KernelNode):
    """FINN node of a residual add."""

    spec_type = ResidualAddSpec
