# SPDX-License-Identifier: Apache-2.0
"""What a block takes, and the memories that all blocks are made of: block RAM and LUTs as memory (AMD UG473, UG474)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, inf
from typing import Any

ASPECTS = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
"""Words and bits of a block RAM of 18 kbit with one port to write and one to read."""
LUT_WORDS = 64
"""Words of one bit that a LUT holds."""
SELECT_WEIGHT = 0.4
"""What selecting among banks counts against memory, when a memory's parts are chosen."""
WIDE_MUX = 8
AUTO_BLOCK = 140
"""Eight for each RAM64M and one for each bit: from so many on, a memory whose style the RTL leaves open lies in block
RAM, as Yosys decides."""


LABELS: Mapping[str, str] = {"lut": "LUT", "ff": "FF", "bram18": "BRAM18", "dsp": "DSP"}
"""What a person reads for each field of Resources, in their order."""


@dataclass(frozen=True)
class Resources:
    """Resources of an FPGA: what a block takes, or what a device holds. `sum(parts, Resources())` adds several up.

    Attributes:
        lut: Look-up tables, those that hold memory included.
        ff: Flip-flops.
        bram18: Block RAMs in halves of 18 kbit.
        dsp: DSP slices.
    """

    lut: int = 0
    ff: int = 0
    bram18: int = 0
    dsp: int = 0

    def __add__(self, other: Resources) -> Resources:
        """Both together."""
        return Resources(self.lut + other.lut, self.ff + other.ff, self.bram18 + other.bram18, self.dsp + other.dsp)

    def __sub__(self, other: Resources) -> Resources:
        """What is left of these without the others."""
        return Resources(self.lut - other.lut, self.ff - other.ff, self.bram18 - other.bram18, self.dsp - other.dsp)

    def as_json(self) -> dict[str, int]:
        """By name of the field, for programs and for loops."""
        return {name: getattr(self, name) for name in LABELS}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Resources:
        """Out of a JSON object that has them among its keys."""
        return cls(**{name: int(content[name]) for name in LABELS})

    def shares(self, budget: Resources) -> dict[str, float]:
        """Share of a budget that each takes; of a resource that the budget lacks, 0 or infinity."""
        return {name: _share(used, getattr(budget, name)) for name, used in self.as_json().items()}

    def beyond(self, budget: Resources) -> tuple[str, ...]:
        """Names of those of which a budget has too few."""
        return tuple(name for name, used in self.as_json().items() if used > getattr(budget, name))


def _share(used: int, held: int) -> float:
    if held:
        return used / held
    return inf if used else 0.0


def log2(count: int) -> int:
    """Bits that tell so many things apart: $clog2."""
    return (count - 1).bit_length()


def block_rams(depth: int, width: int) -> int:
    """Block RAMs of 18 kbit for one simple dual-port memory, in the one aspect ratio that needs fewest."""
    return _block_shape(depth, width)[0]


def block_select_luts(depth: int, width: int) -> int:
    """LUTs that select among block RAMs, where one memory takes several behind each other."""
    return width * mux_luts(_block_shape(depth, width)[1])


def _block_shape(depth: int, width: int) -> tuple[int, int]:
    """Block RAMs, and how many of them lie behind each other."""
    return min((ceil(depth / rows) * ceil(width / columns), ceil(depth / rows)) for rows, columns in ASPECTS)


def block_roms(depth: int, width: int) -> int:
    """Block RAMs of 18 kbit for a memory that is only read, in several aspect ratios: 13 bits of 4,096 as 9 and 4."""
    fewest = [0]
    for bits in range(1, width + 1):
        fewest.append(min(ceil(depth / rows) + fewest[max(0, bits - columns)] for rows, columns in ASPECTS))
    return fewest[width]


def mux_luts(inputs: int) -> int:
    """LUTs that select one bit of so many; Yosys uses no F7 and F8 multiplexers, so wide ones take more than needed."""
    return ceil((inputs - 1) / 3) if inputs < WIDE_MUX else round(0.46 * inputs)


def single_port_luts(depth: int, width: int) -> int:
    """LUTs of a memory that is written and read at one address, and of what selects among its parts.

    Four LUTs hold 8 bits of 32 words, 4 of 64, 2 of 128 or 1 of 256; the cheapest of these is taken.
    """
    found = []
    for words, bits in ((32, 8), (64, 4), (128, 2), (256, 1)):
        banks = ceil(depth / words)
        luts = 4 * ceil(width / bits) * banks
        found.append((luts + SELECT_WEIGHT * width * (banks - 1), luts + width * mux_luts(banks)))
    return min(found)[1]


def dual_port_rams(depth: int, width: int) -> int:
    """RAM64M of a memory with a port to write and one to read: three bits of 64 words in four LUTs."""
    return ceil(width / 3) * ceil(depth / LUT_WORDS)


def dual_port_luts(depth: int, width: int) -> int:
    """LUTs of such a memory and of what selects among its parts; RAM32M holds six bits of 32 words."""
    if depth <= LUT_WORDS // 2:
        return 4 * ceil(width / 6)
    banks = ceil(depth / LUT_WORDS)
    return 4 * dual_port_rams(depth, width) + width * mux_luts(banks) + (banks if banks > 1 else 0)


def auto_memory(depth: int, width: int) -> Resources:
    """A memory with a port to write and one to read whose style the RTL leaves open."""
    if depth > LUT_WORDS and 8 * dual_port_rams(depth, width) + width >= AUTO_BLOCK:
        return Resources(bram18=block_rams(depth, width))
    return Resources(lut=dual_port_luts(depth, width))
