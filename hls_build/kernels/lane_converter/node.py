# SPDX-License-Identifier: Apache-2.0
"""LaneConverter_rtl: the kernel's FINN node."""

from hls_build.kernels.kernel_node import KernelNode
from hls_build.kernels.lane_converter.spec import LaneConverterSpec


class LaneConverter_rtl(KernelNode):
    """FINN node of a lane converter."""

    spec_type = LaneConverterSpec
