# SPDX-License-Identifier: Apache-2.0
"""PumpedMvu_rtl: the kernel's FINN node."""

from hls_build.kernels.kernel_node import KernelNode
from hls_build.kernels.pumped_mvu.spec import PumpedMvuSpec


class PumpedMvu_rtl(KernelNode):
    """FINN node of a matrix-vector product on DSP slices at twice the clock."""

    spec_type = PumpedMvuSpec
