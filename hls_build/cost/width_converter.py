# SPDX-License-Identifier: Apache-2.0
"""FINN+'s vpc.sv where one width is no multiple of the other: a register of several beats that shifts as it goes.

It works in units of the greatest common divisor of the widths. A beat's units are rotated before they are put away, by
one of as many rotations as there are units in it; each output moves on by the units given modulo those taken.
"""

from __future__ import annotations

from math import gcd, log2

from hls_build.cost.resources import Resources

CONTROL_LUT, PLACE_LUT, CONTROL_FF, BIT_FF = 10, 2.9, 9, 1.1
"""LUTs of control and per place of the register; flip-flops of control and per bit of a beat."""
ROTATE_LUT = {
    (2, 1): 4.0,
    **{(3, 1): 9.0, (3, 2): 6.2},
    **{(4, 1): 19.0, (4, 3): 18.0},
    **{(5, 1): 25.7, (5, 2): 16.2, (5, 3): 18.0, (5, 4): 19.3},
    **{(6, 1): 25.8, (6, 5): 26.5},
    **{(7, 1): 34.8, (7, 2): 29.3, (7, 3): 34.3, (7, 4): 37.5, (7, 5): 33.7, (7, 6): 34.2},
    **{(8, 1): 50.8, (8, 3): 43.0, (8, 5): 44.5, (8, 7): 47.5},
    **{(9, 1): 41.3, (9, 2): 61.0, (9, 4): 35.8, (9, 5): 37.0, (9, 7): 56.7, (9, 8): 38.8},
}
"""LUTs per bit of a unit by units taken, and units given modulo those: as synthesised (hls_build.yosys.calibrate). How
well Yosys finds such a selection follows no rule."""
WIDE_LUT = 2.0
"""The same of more units taken, per unit and bit of their number."""


def converter(width_in: int, width_out: int) -> Resources:
    """What it takes, in bits of both its beats."""
    unit = gcd(width_in, width_out)
    taken, given = width_in // unit, width_out // unit
    rotate = ROTATE_LUT.get((taken, given % taken), WIDE_LUT * taken * log2(taken))
    lut = CONTROL_LUT + PLACE_LUT * (taken + given) + rotate * unit
    return Resources(round(lut), CONTROL_FF + round(BIT_FF * (width_in + width_out)))
