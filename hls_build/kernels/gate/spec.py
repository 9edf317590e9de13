# SPDX-License-Identifier: Apache-2.0
"""Gate: multiply a feature map by an attention gate and requantize, both as one table look-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from board.core.arrays import Integers
from board.core.layers import gate
from hls_build.cost.resources import Resources, dual_port_luts
from hls_build.kernels.kernel_spec import KernelSpec, Port, check_bits, check_lanes, check_positive

KINDS = ("channel", "spatial")
MAX_INDEX_BITS = 12
"""Widest table index: 4096 entries are 64 LUTs per output bit and lane."""


@dataclass(frozen=True)
class GateSpec(KernelSpec):
    """Geometry and table of one gate, shared by model, RTL and tests.

    Attributes:
        pixels: Pixels per frame.
        channels: Channels per pixel.
        pe: Lanes per beat of the feature map and of the output, divides channels.
        x_bits: Bits per lane of the feature map.
        x_signed: Whether the feature map is two's complement.
        g_bits: Bits per lane of the gate, which is unsigned.
        out_bits: Bits per lane of the output.
        out_signed: Whether the output is two's complement.
        kind: "channel", one gate per channel of a frame, or "spatial", one gate per pixel.
        table: Outputs, one row per code of x, one column per code of the gate: an array of shape
            (2**x_bits, 2**g_bits) or its entries row by row, which is how they are kept.
    """

    pixels: int
    channels: int
    pe: int
    x_bits: int
    x_signed: bool
    g_bits: int
    out_bits: int
    out_signed: bool
    kind: str
    table: tuple[int, ...] | Integers

    module: ClassVar[str] = "gate"
    shared_sources: ClassVar[tuple[str, ...]] = ("skid_buffer.sv",)

    def __post_init__(self) -> None:
        check_positive("pixels", self.pixels)
        check_lanes(self.channels, self.pe)
        for name in ("x_bits", "g_bits", "out_bits"):
            check_bits(name, getattr(self, name))
        if self.x_bits + self.g_bits > MAX_INDEX_BITS:
            raise ValueError(f"need x_bits + g_bits <= {MAX_INDEX_BITS}, got {self.x_bits} + {self.g_bits}")
        if self.kind not in KINDS:
            raise ValueError(f"need kind in {KINDS}, got kind={self.kind!r}")
        object.__setattr__(self, "table", tuple(int(entry) for entry in np.ravel(self.table)))
        if len(self.table) != 1 << (self.x_bits + self.g_bits):
            raise ValueError(f"need 2**(x_bits + g_bits) table entries, got {len(self.table)}")
        low, high = self.outputs[0].limits
        if min(self.table) < low or max(self.table) > high:
            found = f"{min(self.table)} to {max(self.table)}"
            raise ValueError(f"need table entries from {low} to {high}, got {found}")

    @property
    def inputs(self) -> tuple[Port, ...]:
        """The feature map and the gate."""
        x = Port("s_axis", self.pixels, self.channels, self.pe, self.x_bits, self.x_signed)
        if self.kind == "channel":
            return x, Port("s_axis_gate", 1, self.channels, self.pe, self.g_bits, False)
        return x, Port("s_axis_gate", self.pixels, 1, 1, self.g_bits, False)

    @property
    def outputs(self) -> tuple[Port, ...]:
        """The gated feature map."""
        return (Port("m_axis", self.pixels, self.channels, self.pe, self.out_bits, self.out_signed),)

    def model(self, *inputs: Integers) -> Integers:
        """Look up x, of shape (N, H, W, C), with a gate of shape (N, 1, 1, C) or (N, H, W, 1)."""
        x, g = inputs
        return gate.gate(x, g, np.array(self.table).reshape(1 << self.x_bits, 1 << self.g_bits))

    def rtl_parameters(self) -> dict[str, int | str]:
        """Return the parameters of gate.sv; the table travels as one literal, entry 0 least significant."""
        mask = (1 << self.out_bits) - 1
        packed = sum((entry & mask) << (i * self.out_bits) for i, entry in enumerate(self.table))
        return {
            "PIXELS": self.pixels,
            "CHANNELS": self.channels,
            "PE": self.pe,
            "X_BITS": self.x_bits,
            "G_BITS": self.g_bits,
            "OUT_BITS": self.out_bits,
            "SPATIAL": int(self.kind == "spatial"),
            "TABLE": f"{len(self.table) * self.out_bits}'h{packed:x}",
        }

    def cycles(self) -> int:
        """Return the cycles per frame: one per beat of the feature map."""
        return self.inputs[0].beats

    @property
    def latency(self) -> int:
        """The first set of gates, or the feature map's register where that takes longer; then the output's register."""
        gates = self.inputs[1].beats if self.kind == "channel" else 1
        return max(2, gates + 1)

    def resources(self) -> Resources:
        """Estimate: a ROM per lane, the feature map's register and spill, two sets of gates, counters."""
        x, gates = self.inputs
        channel = self.kind == "channel"
        rom = self.pe * self.out_bits * -(-len(self.table) // 64)
        memory = dual_port_luts(2 * gates.beats if channel else 1, gates.width)
        counters = sum(n.bit_length() for n in (self.pixels, 2 * self.channels // self.pe))
        return Resources(
            lut=memory + round(1.1 * rom) + (33 if channel else 18),
            ff=round(2.6 * x.width + 0.7 * counters) + (17 if channel else 5),
        )
