# SPDX-License-Identifier: Apache-2.0
"""FINN+'s thresholding.sv: a binary search, one stage and one memory per output bit and lane.

Thresholds that are not in block RAM become logic that selects one by the channel and by what the stages before found.
Its size depends on their values: a bit that no channel changes is a wire, one that follows another's is that one.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

import numpy as np
import numpy.typing as npt

from hls_build.cost.resources import Resources, block_roms, log2, mux_luts

CONTROL_LUT, STAGE_LUT, COMPARE_LUT, SELECT_LUT = 25.3, 1.61, 1.16, 1.03
"""LUTs of control, per stage of a lane, per two bits that it compares, and per LUT of _select_luts."""
CONTROL_FF, COUNT_FF, BIT_FF, RESULT_FF = 6.6, 1.44, 1.89, 1.48
"""Flip-flops of control, per stage and bit of the count of channels, per bit of a stage's input, per stage and bit of
the output."""
LUT_INPUTS = 6

Table = npt.NDArray[np.int64]


def threshold(table: Table, pe: int, width: int, block_from: int) -> Resources:
    """What it takes.

    Args:
        table: Thresholds in rising order (channels, steps), of one row where all channels share them; steps are one
            less than a power of two.
        pe: Lanes.
        width: Bits of a threshold.
        block_from: Words from which a stage's memory is of block RAM.
    """
    bits = log2(table.shape[1] + 1)
    assert table.shape[1] == (1 << bits) - 1
    fold = max(1, len(table) // pe)
    select = constants = rams = 0
    for words in stages(table, pe):
        if words.size >= block_from:
            rams += block_roms(words.size, width)
            continue
        inputs = _inputs(words, width)
        constants += len(inputs)
        select += sum(_select_luts(count) for count in inputs)
    lut = CONTROL_LUT + pe * bits * (STAGE_LUT + COMPARE_LUT * ceil(width / 2)) + SELECT_LUT * select
    ff = CONTROL_FF + COUNT_FF * bits * log2(fold) + pe * (BIT_FF * bits * width + RESULT_FF * bits**2) + constants
    return Resources(round(lut), round(ff), rams)


def stages(table: Table, pe: int) -> Iterator[Table]:
    """The memory of each stage of each lane (channels, words): words by what the stages before found."""
    rows, steps = table.shape
    bits = log2(steps + 1)
    for lane in range(pe):
        own = table[lane::pe] if rows > 1 else table
        for stage in range(bits):
            first = (1 << (bits - 1 - stage)) - 1
            yield own[:, first :: 2 * (first + 1)]


def _inputs(words: Table, width: int) -> list[int]:
    """On how many bits of the address each bit of the words depends, where it is no constant and none of them."""
    channels, found = words.shape
    unused = (1 << log2(channels)) - channels
    filled = np.pad(words, ((0, unused), (0, 0)), mode="edge")  # as if the last channel came again
    columns = np.unique((filled.reshape(-1, 1) >> np.arange(width)) & 1, axis=1)  # (words, at most width)
    address = log2(channels) + log2(found)
    cube = columns.reshape(*[2] * address, -1)
    halves = (np.moveaxis(cube, axis, 0) for axis in range(address))
    inputs = sum((low != high).any(axis=tuple(range(address - 1))).astype(int) for low, high in halves)
    return [int(count) for count in np.atleast_1d(inputs) if count > 1]


def _select_luts(inputs: int) -> int:
    """LUTs of one bit that depends on so many: those of six inputs, and a multiplexer of them."""
    parts = 1 << max(0, inputs - LUT_INPUTS)
    return parts + (mux_luts(parts) if parts > 1 else 0)
