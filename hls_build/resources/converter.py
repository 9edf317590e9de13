# SPDX-License-Identifier: Apache-2.0
"""FINN+'s vpc.sv where one width is no multiple of the other: a register of several beats that shifts as it goes."""

from __future__ import annotations

from math import gcd, log2

from hls_build.resources.counts import Resources

CONTROL_LUT, UP_LUT, DOWN_LUT, CONTROL_FF = 10, 0.6, 1.15, 9


def converter(width_in: int, width_out: int) -> Resources:
    """What it takes, in bits of both its beats."""
    unit = gcd(width_in, width_out)
    taken, given = width_in // unit, width_out // unit
    moved = UP_LUT * width_out * taken if taken < given else DOWN_LUT * width_in * log2(taken * given)
    return Resources(round(CONTROL_LUT + moved), CONTROL_FF + round(1.1 * (width_in + width_out)))
