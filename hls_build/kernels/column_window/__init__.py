# SPDX-License-Identifier: Apache-2.0
"""ColumnWindow: the windows of a map, a column at once; no layer, but what stands before a multiplier."""

from hls_build.kernels.column_window import node
from hls_build.kernels.kernel import Kernel

KERNEL = Kernel(node.ColumnWindow_rtl)
