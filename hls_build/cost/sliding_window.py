# SPDX-License-Identifier: Apache-2.0
"""FINN+'s sliding window, swg_template_default.sv: one memory that is written and read in a circle."""

from __future__ import annotations

from hls_build.cost.resources import LUT_WORDS, Resources, block_rams, dual_port_luts, log2

CONTROL_LUT, BUFFER_LUT, MAP_LUT = 60, 6.3, 7.9
CONTROL_FF, BUFFER_FF, MAP_FF = 21, 4.4, 2.8
"""Of control: at least, per bit of the buffer's addresses, per bit of the count of a map's elements."""
BANK_LUT = 3
"""Per 64 words of a memory of LUTs."""


def window(buffer: int, elements: int, width: int, style: str) -> Resources:
    """What a window takes.

    Args:
        buffer: Beats that its memory holds.
        elements: Beats of a padded map.
        width: Bits of a beat.
        style: block or distributed.
    """
    lut = round(CONTROL_LUT + BUFFER_LUT * log2(buffer) + MAP_LUT * log2(elements))
    ff = round(CONTROL_FF + BUFFER_FF * log2(buffer) + MAP_FF * log2(elements))
    if style == "distributed":
        lut += dual_port_luts(buffer, width) + BANK_LUT * -(-buffer // LUT_WORDS)
        return Resources(lut, ff + width)
    return Resources(lut, ff, block_rams(buffer, width))
