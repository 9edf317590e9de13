# SPDX-License-Identifier: Apache-2.0
"""GlobalPool: sum and maximum over the pixels of a frame."""

from board.core import graph as ir
from hls_build.kernels.global_pool import lower, node
from hls_build.kernels.kernel import Kernel

KERNEL = Kernel(
    node.GlobalPool_rtl,
    layers={ir.GlobalDescriptors: lower.global_descriptors, ir.SumPixels: lower.sum_pixels},
)
