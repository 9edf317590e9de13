# SPDX-License-Identifier: Apache-2.0
"""Gate: an attention gate as one table look-up."""

from board.core import graph as ir
from hls_build.kernels.gate import lower, node
from hls_build.kernels.kernel import Kernel

KERNEL = Kernel(node.Gate_rtl, layers={ir.Gate: lower.gate})
