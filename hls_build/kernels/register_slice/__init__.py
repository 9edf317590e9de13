# SPDX-License-Identifier: Apache-2.0
"""RegisterSlice: a stream whose handshake is cut by registers; no layer, but what stands before a sliding window."""

from hls_build.kernels.kernel import Kernel
from hls_build.kernels.register_slice import node

KERNEL = Kernel(node.RegisterSlice_rtl)
