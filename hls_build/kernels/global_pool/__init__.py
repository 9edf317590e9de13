# SPDX-License-Identifier: Apache-2.0
"""GlobalPool: sum and maximum over the pixels of a frame."""

from board.core.layers.global_descriptors import GlobalDescriptors
from board.core.layers.sum_pixels import SumPixels
from hls_build.kernels.global_pool import lower, node, translate
from hls_build.kernels.kernel import Kernel

KERNEL = Kernel(
    node.GlobalPool_rtl,
    layers={GlobalDescriptors: translate.global_descriptors, SumPixels: translate.sum_pixels},
    rules=lower.RULES,
)
