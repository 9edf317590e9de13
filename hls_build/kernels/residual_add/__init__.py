# SPDX-License-Identifier: Apache-2.0
"""ResidualAdd: the sum of two frames, element by element."""

from board.core.layers.residual_add import ResidualAdd
from hls_build.kernels.kernel import Kernel
from hls_build.kernels.residual_add import lower, node, translate

KERNEL = Kernel(node.ResidualAdd_rtl, layers={ResidualAdd: translate.residual_add}, rules=lower.RULES)
