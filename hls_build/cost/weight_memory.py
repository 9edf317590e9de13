# SPDX-License-Identifier: Apache-2.0
"""FINN+'s memstream.sv: a multiplier's weights, read again and again."""

from __future__ import annotations

from hls_build.cost.resources import Resources, block_rams, block_select_luts, log2, single_port_luts

LUT_CONTROL, BLOCK_CONTROL = 24, 18
"""LUTs besides the memory and its queue of words read ahead, where it is made of LUTs and where of block RAM."""
FF_CONTROL, FF_COUNT = 13, 2
"""Flip-flops of control, and per bit of the address."""


def weight_memory(depth: int, width: int, style: str) -> Resources:
    """What a memory takes.

    Args:
        depth: Words.
        width: Bits of a word, padding included.
        style: block or distributed.
    """
    ff = FF_CONTROL + FF_COUNT * log2(depth)
    if style == "distributed":
        return Resources(single_port_luts(depth, width) + width + LUT_CONTROL, ff + 3 * width)
    lut = width + BLOCK_CONTROL + block_select_luts(depth, width)
    return Resources(lut, ff + 2 * width, block_rams(depth, width))
