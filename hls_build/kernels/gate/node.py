# SPDX-License-Identifier: Apache-2.0
"""Gate_rtl: the kernel's FINN node."""

from hls_build.kernels.gate.spec import GateSpec
from hls_build.kernels.kernel_node import KernelNode


class Gate_rtl(KernelNode):
    """FINN node of a gate: input 0 is the feature map, input 1 the gate."""

    spec_type = GateSpec
