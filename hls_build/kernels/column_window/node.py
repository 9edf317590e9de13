# SPDX-License-Identifier: Apache-2.0
"""ColumnWindow_rtl: the kernel's FINN node."""

from hls_build.kernels.column_window.spec import ColumnWindowSpec
from hls_build.kernels.kernel_node import KernelNode


class ColumnWindow_rtl(KernelNode):
    """FINN node of a sliding window that gives whole columns."""

    spec_type = ColumnWindowSpec
