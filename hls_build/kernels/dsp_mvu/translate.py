# SPDX-License-Identifier: Apache-2.0
"""The matrix-vector product of a convolution or dense layer by this kernel, or by it at twice the clock."""

from __future__ import annotations

from onnx import NodeProto

from board.core.arrays import Integers
from hls_build.dataflow.links import Link
from hls_build.kernels.kernel_node import KernelNode
from hls_build.kernels.translation import product_fields


def multiplier(
    kind: type[KernelNode],
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
        kind: DspMvu_rtl, or PumpedMvu_rtl, whose simd is even.
        name: Of the layer.
        source: Vectors, in beats of simd.
        target: Sums, in beats of pe.
        matrix: Weights of shape (inputs, outputs).
        weight_bits: Of each, symmetric.
        simd: Inputs at once.
        style: Memory of the weights, block or distributed.
        clk_period_ns: Clock period of the streams, on which nothing depends: each adder has its register.
    """
    del clk_period_ns
    height, width, _ = target.shape
    spec = kind.spec_type(**product_fields(source, target, matrix, weight_bits, simd, style))
    return kind.make_node(spec, [source.tensor], [target.tensor], height, width, name)
