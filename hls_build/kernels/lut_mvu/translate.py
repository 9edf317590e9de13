# SPDX-License-Identifier: Apache-2.0
"""The matrix-vector product of a convolution or dense layer by this kernel."""

from __future__ import annotations

from onnx import NodeProto

from board.core.arrays import Integers
from hls_build.dataflow.links import Link
from hls_build.kernels.lut_mvu.node import LutMvu_rtl
from hls_build.kernels.lut_mvu.spec import MOST_FOLDS, LutMvuSpec
from hls_build.kernels.translation import product_fields

LEVEL_NS = 3.3
"""Of a clock period for a LUT and the wires to it, a third of that of 100 MHz, until placing and routing say better."""


def multiplier(
    name: str,
    source: Link,
    target: Link,
    matrix: Integers,
    weight_bits: int,
    simd: int,
    style: str,
    clk_period_ns: float,
) -> NodeProto:
    """The node between the vectors of one link and the sums of another.

    Args:
        name: Of the layer.
        source: Vectors, in beats of simd.
        target: Sums, in beats of pe.
        matrix: Weights of shape (inputs, outputs).
        weight_bits: Of each, symmetric.
        simd: Inputs at once.
        style: Memory of the weights: block or distributed; the latter is in the products' LUTs where they hold it.
        clk_period_ns: Clock period, by which the compressors are registered.
    """
    height, width, outputs = target.shape
    folds = len(matrix) // simd * (outputs // target.lanes)
    memory = "logic" if style == "distributed" and folds <= MOST_FOLDS["logic"] else style
    spec = LutMvuSpec(
        **product_fields(source, target, matrix, weight_bits, simd, memory),
        levels=max(1, int(clk_period_ns // LEVEL_NS)),
    )
    return LutMvu_rtl.make_node(spec, [source.tensor], [target.tensor], height, width, name)
