# SPDX-License-Identifier: Apache-2.0
"""Append_rtl: the kernel's FINN node."""

from hls_build.kernels.append.spec import AppendSpec
from hls_build.kernels.kernel_node import KernelNode


class Append_rtl(KernelNode):
    """FINN node of an append."""

    spec_type = AppendSpec
