# SPDX-License-Identifier: Apache-2.0
"""Kernels of ours as FINN dataflow nodes; importing this package makes FINN find them by op_type."""

from finn.util.exception import FINNUserError
from finn.util.settings import get_settings, initialize_dummy_settings
from qonnx.custom_op.registry import add_op_to_domain

try:
    get_settings()
except FINNUserError:  # outside of FINN's own command line
    initialize_dummy_settings()

from hls_build.kernels.channel_pool.spec import ChannelPool_rtl
from hls_build.kernels.gate.spec import Gate_rtl
from hls_build.kernels.global_pool.spec import GlobalPool_rtl
from hls_build.kernels.kernel_node import DOMAIN, KernelNode
from hls_build.kernels.lane_converter.spec import LaneConverter_rtl
from hls_build.kernels.max_pool_2x2.spec import MaxPool2x2_rtl
from hls_build.kernels.stream_fork.spec import StreamFork_rtl

KERNEL_NODES: tuple[type[KernelNode], ...] = (
    ChannelPool_rtl,
    Gate_rtl,
    GlobalPool_rtl,
    LaneConverter_rtl,
    MaxPool2x2_rtl,
    StreamFork_rtl,
)
"""Every node class of ours."""

for _op in KERNEL_NODES:
    add_op_to_domain(DOMAIN, _op)
