# SPDX-License-Identifier: Apache-2.0
"""LutMvu: a matrix-vector product whose weights are ternary digits, in LUTs alone."""

from hls_build.kernels.kernel import Kernel
from hls_build.kernels.lut_mvu import node

KERNEL = Kernel(node.LutMvu_rtl)
