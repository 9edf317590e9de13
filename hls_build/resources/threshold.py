# SPDX-License-Identifier: Apache-2.0
"""FINN+'s thresholding.sv: a binary search, one stage and one memory per output bit and lane."""

from __future__ import annotations

from math import ceil

from hls_build.resources.counts import Resources, block_rams, log2

CONTROL_LUT, STAGE_LUT, LANE_LUT = 17.5, 0.7, 4
"""LUTs of control, per stage, and per stage of a lane besides its comparison, which takes one for two bits."""
FEW, SHALLOW = 4, 64
SHALLOW_LUT, CONSTANT_LUT = 0.35, 1.28
"""LUTs per bit of a stage of 4 to 64 constants, and per 64 of deeper ones. The selection of constants is logic, whose
size depends on their values: these are means over thresholds such as trained networks have."""
CONTROL_FF, COUNT_FF, BIT_FF, CONSTANT_FF, RESULT_FF = 2.5, 1.8, 1.75, 0.73, 2
"""Flip-flops of control, per stage and bit of the count of channels, per bit of a stage's input, per bit of a constant
that is not in block RAM, per stage and bit of the output."""


def threshold(fold: int, pe: int, bits: int, width: int, block_from: int) -> Resources:
    """What it takes.

    Args:
        fold: Channels of a lane; 1 where all share their thresholds.
        pe: Lanes.
        bits: Of its output.
        width: Bits of a threshold.
        block_from: Words from which a stage's memory is of block RAM.
    """
    depths = [fold << stage for stage in range(bits)]
    lut = CONTROL_LUT + STAGE_LUT * bits + pe * bits * (LANE_LUT + ceil(width / 2))
    lut += pe * sum(_constants(depth, width) for depth in depths if depth < block_from)
    constants = sum(FEW < depth < block_from for depth in depths)
    ff = CONTROL_FF + COUNT_FF * bits * log2(fold)
    ff += pe * (BIT_FF * bits * width + CONSTANT_FF * width * constants + RESULT_FF * bits**2)
    rams = pe * sum(block_rams(depth, width) for depth in depths if depth >= block_from)
    return Resources(round(lut), round(ff), rams)


def _constants(depth: int, width: int) -> float:
    """LUTs of so many constants, of which one is selected."""
    if depth <= SHALLOW:
        return SHALLOW_LUT * width if depth >= FEW else 0.0
    return CONSTANT_LUT * width * depth / SHALLOW
