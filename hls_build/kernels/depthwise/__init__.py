# SPDX-License-Identifier: Apache-2.0
"""Depthwise: the weighted sum of every channel's windows."""

from board.core.layers.depthwise import Depthwise
from hls_build.kernels.depthwise import lower, node, translate
from hls_build.kernels.kernel import Kernel

KERNEL = Kernel(node.Depthwise_rtl, layers={Depthwise: translate.depthwise}, rules=lower.RULES)
