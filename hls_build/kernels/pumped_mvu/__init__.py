# SPDX-License-Identifier: Apache-2.0
"""PumpedMvu: a DspMvu at twice the clock, and so with half the slices."""

from hls_build.kernels.kernel import Kernel
from hls_build.kernels.pumped_mvu import node

KERNEL = Kernel(node.PumpedMvu_rtl)
