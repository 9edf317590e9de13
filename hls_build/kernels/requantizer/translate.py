# SPDX-License-Identifier: Apache-2.0
"""A quantizer by this kernel."""

from __future__ import annotations

from onnx import NodeProto

from hls_build.dataflow.links import Link
from hls_build.dataflow.requantization import Requantization
from hls_build.kernels.requantizer.node import Requantizer_rtl
from hls_build.kernels.requantizer.spec import RequantizerSpec
from hls_build.kernels.translation import geometry


def requantizer(name: str, source: Link, target: Link, scales: Requantization, style: str) -> NodeProto:
    """The node between integers of one link and codes of another, which has its lanes.

    Args:
        name: Of the layer.
        source: Integers.
        target: Codes.
        scales: Bias and shift of each channel, or one for all.
        style: Memory of them: block or distributed.
    """
    height, width, _ = source.shape
    spec = RequantizerSpec(*geometry(source), target.bits, target.signed, style, scales.biases, scales.shifts)
    return Requantizer_rtl.make_node(spec, [source.tensor], [target.tensor], height, width, name)
