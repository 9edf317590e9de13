# SPDX-License-Identifier: Apache-2.0
"""A link of a dataflow graph behind registers, by this kernel."""

from __future__ import annotations

from onnx import NodeProto

from hls_build.dataflow.links import Link
from hls_build.kernels.register_slice.node import RegisterSlice_rtl
from hls_build.kernels.register_slice.spec import RegisterSliceSpec
from hls_build.kernels.translation import geometry


def register_slice(source: Link, target: Link) -> NodeProto:
    """The node between two links that are alike, called like the target's tensor."""
    height, width, _ = source.shape
    spec = RegisterSliceSpec(*geometry(source))
    return RegisterSlice_rtl.make_node(spec, [source.tensor], [target.tensor], height, width, target.tensor)
