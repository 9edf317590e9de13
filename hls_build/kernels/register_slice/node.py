# SPDX-License-Identifier: Apache-2.0
"""RegisterSlice_rtl: the kernel's FINN node."""

from hls_build.kernels.kernel_node import KernelNode
from hls_build.kernels.register_slice.spec import RegisterSliceSpec


class RegisterSlice_rtl(KernelNode):
    """FINN node of a register slice."""

    spec_type = RegisterSliceSpec
