# SPDX-License-Identifier: Apache-2.0
"""FINN+'s fmpadding.sv: zeros around a map."""

from __future__ import annotations

from hls_build.cost.resources import Resources, log2

CONTROL_LUT, FOLD_LUT = 22.6, 0.8
CONTROL_FF, SIZE_FF, FOLD_FF = 6.4, 1.9, 0.6
"""Of control: at least, per bit of the count of columns, per bit of the count of a pixel's beats."""


def padding(size: int, fold: int, width: int) -> Resources:
    """What it takes.

    Args:
        size: Columns of the padded map.
        fold: Beats of a pixel.
        width: Bits of a beat.
    """
    lut = CONTROL_LUT + FOLD_LUT * log2(fold) + width
    ff = CONTROL_FF + SIZE_FF * log2(size) + FOLD_FF * log2(fold) + 2 * width
    return Resources(round(lut), round(ff))
