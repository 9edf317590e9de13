# SPDX-License-Identifier: Apache-2.0
"""A layer's weights from memory: what hls_build/shell/rtl/weight_reader.sv takes, and how fast it is."""

from __future__ import annotations

from math import gcd

from hls_build.cost.resources import Resources, dual_port_luts

DEPTH = 64
"""Words of memory that each stream has ahead: 512 bytes of 64-bit words."""
MOST_STREAMS = 8
"""That one DMA reads: so many layers at most have their weights in memory."""
LUT_CONTROL, FF_CONTROL = 152, 155
"""Of a stream besides its words and beats, with half of what the DMA has in common: two streams are usual."""


def cycles(beats: int, bytes_per_beat: int, word_bytes: int) -> int:
    """Least cycles in which a stream gives so many beats: a unit of the greatest common divisor per cycle."""
    return beats * bytes_per_beat // gcd(word_bytes, bytes_per_beat)


def weight_stream(bytes_per_beat: int, word_bytes: int) -> Resources:
    """What a stream takes in the shell."""
    unit, word, beat = (8 * size for size in (gcd(word_bytes, bytes_per_beat), word_bytes, bytes_per_beat))
    cuts, joins = unit * (word // unit) // 4 if word > unit else 0, beat if beat > unit else 0
    lut = dual_port_luts(DEPTH, word) + cuts + joins // 2 + beat + LUT_CONTROL
    return Resources(lut=lut, ff=FF_CONTROL + 2 * beat + (unit if cuts else 0) + joins)
