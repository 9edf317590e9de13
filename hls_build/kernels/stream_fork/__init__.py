# SPDX-License-Identifier: Apache-2.0
"""StreamFork: one stream to several."""

from board.core.layers.fork import Fork
from hls_build.kernels.kernel import Kernel
from hls_build.kernels.stream_fork import node, translate

KERNEL = Kernel(node.StreamFork_rtl, layers={Fork: translate.fork})
