# SPDX-License-Identifier: Apache-2.0
"""LutMvu_rtl: the kernel's FINN node."""

from hls_build.kernels.kernel_node import KernelNode
from hls_build.kernels.lut_mvu.spec import LutMvuSpec


class LutMvu_rtl(KernelNode):
    """FINN node of a matrix-vector product in LUTs."""

    spec_type = LutMvuSpec
