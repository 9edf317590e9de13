# SPDX-License-Identifier: Apache-2.0
"""Turn an integer graph into a FINN+ dataflow graph of RTL nodes, folded as a build configuration says."""

from __future__ import annotations

from qonnx.core.modelwrapper import ModelWrapper

from board.core import graph as ir
from hls_build.config.build import BuildConfig
from hls_build.dataflow.builder import Builder

__all__ = ["Builder", "build"]


def build(graph: ir.IntegerGraph, config: BuildConfig) -> ModelWrapper:
    """Make the dataflow graph.

    Layers keep their names. A layer named X may have helpers: X_pad and X_window before a convolution,
    X_in0_fifo and X_in0_dwc before its input 0.

    Raises:
        ValueError: A folding is illegal, or is given for no layer.
    """
    return Builder(graph, config).build()
