# SPDX-License-Identifier: Apache-2.0
"""Gate: an attention gate as one table look-up."""

from board.core.layers.gate import Gate
from hls_build.kernels.gate import lower, node, translate
from hls_build.kernels.kernel import Kernel

KERNEL = Kernel(node.Gate_rtl, layers={Gate: translate.gate}, rules=lower.RULES)
