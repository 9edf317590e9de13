# SPDX-License-Identifier: Apache-2.0
"""MaxPool2x2: maximum over 2x2 tiles."""

from board.core.layers.max_pool import MaxPool
from hls_build.kernels.kernel import Kernel
from hls_build.kernels.max_pool_2x2 import lower, node, translate

KERNEL = Kernel(node.MaxPool2x2_rtl, layers={MaxPool: translate.max_pool}, rules=lower.RULES)
