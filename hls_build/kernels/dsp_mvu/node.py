# SPDX-License-Identifier: Apache-2.0
"""DspMvu_rtl: the kernel's FINN node."""

from hls_build.kernels.dsp_mvu.spec import DspMvuSpec
from hls_build.kernels.kernel_node import KernelNode


class DspMvu_rtl(KernelNode):
    """FINN node of a matrix-vector product on DSP slices."""

    spec_type = DspMvuSpec
