# SPDX-License-Identifier: Apache-2.0
"""Requantizer_rtl: the kernel's FINN node."""

from hls_build.kernels.kernel_node import KernelNode
from hls_build.kernels.requantizer.spec import RequantizerSpec


class Requantizer_rtl(KernelNode):
    """FINN node of a quantizer that adds and shifts."""

    spec_type = RequantizerSpec
