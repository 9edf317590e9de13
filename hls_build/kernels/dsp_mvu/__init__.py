# SPDX-License-Identifier: Apache-2.0
"""DspMvu: a matrix-vector product of narrow weights, several in each DSP slice."""

from hls_build.kernels.dsp_mvu import node
from hls_build.kernels.kernel import Kernel

KERNEL = Kernel(node.DspMvu_rtl)
