# SPDX-License-Identifier: Apache-2.0
"""Depthwise_rtl: the kernel's FINN node."""

from hls_build.kernels.depthwise.spec import DepthwiseSpec
from hls_build.kernels.kernel_node import KernelNode


class Depthwise_rtl(KernelNode):
    """FINN node of a depthwise convolution behind a ConvolutionInputGenerator_rtl with depthwise=1."""

    spec_type = DepthwiseSpec
