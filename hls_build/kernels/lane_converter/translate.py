# SPDX-License-Identifier: Apache-2.0
"""A link of a dataflow graph to one of more or fewer lanes, by this kernel."""

from __future__ import annotations

from onnx import NodeProto

from hls_build.dataflow.links import Link
from hls_build.kernels.lane_converter.node import LaneConverter_rtl
from hls_build.kernels.lane_converter.spec import LaneConverterSpec


def converter(source: Link, target: Link) -> NodeProto:
    """The node between two links of the same elements, called like the target's tensor."""
    height, width, channels = source.shape
    spec = LaneConverterSpec(height * width, channels, source.lanes, target.lanes, source.bits, source.signed)
    return LaneConverter_rtl.make_node(spec, [source.tensor], [target.tensor], height, width, target.tensor)
