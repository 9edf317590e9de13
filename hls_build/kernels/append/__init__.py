# SPDX-License-Identifier: Apache-2.0
"""Append: the elements of one frame and then those of another, as one frame."""

from board.core.layers.append import Append
from hls_build.kernels.append import lower, node, translate
from hls_build.kernels.kernel import Kernel

KERNEL = Kernel(node.Append_rtl, layers={Append: translate.append}, rules=lower.RULES)
