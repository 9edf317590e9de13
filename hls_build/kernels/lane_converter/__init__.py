# SPDX-License-Identifier: Apache-2.0
"""LaneConverter: the same elements in more or fewer lanes; no layer, but what stands between two of them."""

from hls_build.kernels.kernel import Kernel
from hls_build.kernels.lane_converter import node

KERNEL = Kernel(node.LaneConverter_rtl)
