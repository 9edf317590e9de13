# SPDX-License-Identifier: Apache-2.0
"""The windows of a map before a multiplier by this kernel."""

from __future__ import annotations

from onnx import NodeProto

from hls_build.dataflow.links import Link
from hls_build.kernels.column_window.node import ColumnWindow_rtl
from hls_build.kernels.column_window.spec import ColumnWindowSpec


def column_window(source: Link, target: Link, kernel: tuple[int, int], pads: tuple[int, ...]) -> tuple[NodeProto, int]:
    """The node between a map and its windows, called like the target's tensor, and its cycles per frame.

    Args:
        source: The map.
        target: Windows, in beats of all rows of the source's lanes.
        kernel: Rows and columns of a window.
        pads: Zeros above, before, below and behind the map.
    """
    height, width, channels = source.shape
    above, before, below, behind = pads
    spec = ColumnWindowSpec(
        height,
        width,
        channels,
        *kernel,
        above=above,
        before=before,
        below=below,
        behind=behind,
        pe=source.lanes,
        bits=source.bits,
        signed=source.signed,
    )
    return ColumnWindow_rtl.make_node(
        spec, [source.tensor], [target.tensor], height, width, target.tensor
    ), spec.cycles()
