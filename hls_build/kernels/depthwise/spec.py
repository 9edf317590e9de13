# SPDX-License-Identifier: Apache-2.0
"""Depthwise: multiply every channel's windows by weights of its own and add up, one place of a window per beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from board.core.arithmetic import accumulator_bounds, needed_bits
from board.core.arrays import Integers
from board.core.layers.depthwise import weighted_sum
from hls_build.cost.resources import Resources, block_roms, log2
from hls_build.kernels.kernel_spec import KernelSpec, Port, check_bits, check_lanes, check_positive

RAM_STYLES = ("block", "distributed")


@dataclass(frozen=True)
class DepthwiseSpec(KernelSpec):
    """Geometry and weights of one depthwise convolution, shared by model, RTL and tests.

    Attributes:
        pixels: Windows per frame.
        channels: Channels per window.
        taps: Places per window.
        pe: Lanes per beat, divides channels: so many channels' elements of one place. All places of some channels come
            before those of the next ones.
        bits: Bits per lane of the input.
        signed: Whether they are two's complement.
        weight_bits: Bits per weight, two's complement, at least 2.
        ram_style: "block" or "distributed": what the weights' memory is made of.
        weights: Integers of shape (channels, taps), or row by row, which is how they are kept.
    """

    pixels: int
    channels: int
    taps: int
    pe: int
    bits: int
    signed: bool
    weight_bits: int
    ram_style: str
    weights: tuple[int, ...] | Integers

    module: ClassVar[str] = "depthwise"
    shared_sources: ClassVar[tuple[str, ...]] = ("skid_buffer.sv",)

    def __post_init__(self) -> None:
        for name in ("pixels", "taps"):
            check_positive(name, getattr(self, name))
        check_lanes(self.channels, self.pe)
        check_bits("bits", self.bits)
        check_bits("weight_bits", self.weight_bits)
        if self.weight_bits < 2:
            raise ValueError(f"need weight_bits >= 2, got weight_bits={self.weight_bits}")
        if self.ram_style not in RAM_STYLES:
            raise ValueError(f"need ram_style in {RAM_STYLES}, got ram_style={self.ram_style!r}")
        object.__setattr__(self, "weights", tuple(int(weight) for weight in np.ravel(self.weights)))
        if len(self.weights) != self.channels * self.taps:
            raise ValueError(f"need channels * taps weights, {self.channels} * {self.taps}, got {len(self.weights)}")
        most = (1 << (self.weight_bits - 1)) - 1
        if min(self.weights) < -most - 1 or max(self.weights) > most:
            found = f"{min(self.weights)} to {max(self.weights)}"
            raise ValueError(f"need weights from {-most - 1} to {most}, got {found}")
        check_bits("out_bits", self.out_bits)

    @property
    def out_bits(self) -> int:
        """Bits per lane of the output, two's complement: enough for every sum and product."""
        lows, highs = accumulator_bounds(self.matrix, *self.inputs[0].limits)
        return max(needed_bits(int(lows.min()), int(highs.max()), True), self.bits + self.weight_bits)

    @property
    def matrix(self) -> Integers:
        """The weights, of shape (channels, taps)."""
        return np.array(self.weights).reshape(self.channels, self.taps)

    @property
    def inputs(self) -> tuple[Port, ...]:
        """Windows, each as one pixel."""
        return (Port("s_axis", self.pixels, self.taps * self.channels, self.pe, self.bits, self.signed),)

    @property
    def outputs(self) -> tuple[Port, ...]:
        """Sums."""
        return (Port("m_axis", self.pixels, self.channels, self.pe, self.out_bits, True),)

    def model(self, *inputs: Integers) -> Integers:
        """Weigh x, windows of shape (N, H, W, taps * channels) in the order of their beats, to (N, H, W, channels)."""
        (x,) = inputs
        taps = x.reshape(*x.shape[:3], self.channels // self.pe, self.taps, self.pe)
        places = np.moveaxis(taps, 4, 0).reshape(self.taps, *x.shape[:3], self.channels)
        return weighted_sum(places, self.matrix)

    def rtl_parameters(self) -> dict[str, int | str]:
        """Return the parameters of depthwise.sv; weights travel as one literal, the first beat's least significant."""
        beats = self.matrix.reshape(-1, self.pe, self.taps).swapaxes(1, 2).ravel()
        mask = (1 << self.weight_bits) - 1
        packed = sum((int(weight) & mask) << (i * self.weight_bits) for i, weight in enumerate(beats))
        return {
            "CHANNELS": self.channels,
            "TAPS": self.taps,
            "PE": self.pe,
            "BITS": self.bits,
            "SIGNED": int(self.signed),
            "WEIGHT_BITS": self.weight_bits,
            "OUT_BITS": self.out_bits,
            "BLOCK": int(self.ram_style == "block"),
            "WEIGHTS": f"{len(beats) * self.weight_bits}'h{packed:x}",
        }

    def cycles(self) -> int:
        """Return the cycles per frame: one per beat of the windows."""
        return self.inputs[0].beats

    @property
    def latency(self) -> int:
        """All places but the last, then the registers of input, factors, products and sums."""
        return self.taps + 3

    def resources(self) -> Resources:
        """Estimate: a memory of weights; per lane a product as a sum of partial ones, an adder and four registers."""
        depth, word = self.channels // self.pe * self.taps, self.pe * self.weight_bits
        products = self.pe * (self.bits + self.weight_bits)
        block = self.ram_style == "block"
        rom = 0 if block else word * -(-depth // 64)
        return Resources(
            lut=rom + products * self.weight_bits + self.pe * (self.out_bits + self.bits) + 2 * log2(depth) + 12,
            ff=3 * self.pe * self.bits + products + self.pe * self.out_bits + (0 if block else word) + log2(depth) + 12,
            bram18=block_roms(depth, word) if block else 0,
        )
