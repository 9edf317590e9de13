# SPDX-License-Identifier: Apache-2.0
"""Requantizer: integers scaled by powers of two to fewer bits; another quantizer than FINN+'s for some layers."""

from hls_build.kernels.kernel import Kernel
from hls_build.kernels.requantizer import node

KERNEL = Kernel(node.Requantizer_rtl)
