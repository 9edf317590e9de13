# SPDX-License-Identifier: Apache-2.0
"""GlobalPool: reduce a frame to the sums and the scaled maxima of its channels, or to the sums alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from board.core.arrays import Integers
from board.core.layers.global_descriptors import global_descriptors
from board.core.layers.sum_pixels import sum_pixels
from hls_build.cost.resources import Resources, dual_port_luts
from hls_build.kernels.kernel_spec import KernelSpec, Port, check_bits, check_lanes, check_positive

MODES = ("descriptors", "sum")


@dataclass(frozen=True)
class GlobalPoolSpec(KernelSpec):
    """Geometry of one global pool, shared by model, RTL and tests.

    Attributes:
        pixels: Pixels per frame.
        channels: Channels per pixel.
        pe: Lanes per beat, divides channels.
        bits: Bits per lane.
        signed: Whether lanes, and so the output, are two's complement.
        mode: "descriptors", sums and scaled maxima as two pixels, or "sum", the sums as one.
        shift: Left shift that gives the maxima the sums' scale; 0 in mode "sum".
    """

    pixels: int
    channels: int
    pe: int
    bits: int
    signed: bool
    mode: str
    shift: int = 0

    module: ClassVar[str] = "global_pool"

    def __post_init__(self) -> None:
        check_positive("pixels", self.pixels)
        check_lanes(self.channels, self.pe)
        check_bits("bits", self.bits)
        if self.mode not in MODES:
            raise ValueError(f"need mode in {MODES}, got mode={self.mode!r}")
        if self.shift < 0:
            raise ValueError(f"need shift >= 0, got shift={self.shift}")
        if self.mode == "sum" and self.shift:
            raise ValueError(f"need shift = 0 in mode 'sum', got shift={self.shift}")
        check_bits("out_bits", self.out_bits)

    @property
    def out_bits(self) -> int:
        """Bits per lane of the output: enough for the sum of all pixels and for the scaled maximum."""
        return self.bits + max((self.pixels - 1).bit_length(), self.shift)

    @property
    def inputs(self) -> tuple[Port, ...]:
        """The feature map."""
        return (Port("s_axis", self.pixels, self.channels, self.pe, self.bits, self.signed),)

    @property
    def outputs(self) -> tuple[Port, ...]:
        """One pixel per kind of descriptor."""
        pixels = 2 if self.mode == "descriptors" else 1
        return (Port("m_axis", pixels, self.channels, self.pe, self.out_bits, self.signed),)

    def model(self, *inputs: Integers) -> Integers:
        """Reduce x, integers of shape (N, H, W, C), to (N, 1, 2, C), or to (N, 1, 1, C) in mode "sum"."""
        (x,) = inputs
        if self.mode == "sum":
            return sum_pixels(x)
        return global_descriptors(x, self.shift)

    def rtl_parameters(self) -> dict[str, int | str]:
        """Return the parameters of global_pool.sv."""
        return {
            "PIXELS": self.pixels,
            "CHANNELS": self.channels,
            "PE": self.pe,
            "BITS": self.bits,
            "SIGNED": int(self.signed),
            "DESCRIPTORS": int(self.mode == "descriptors"),
            "SHIFT": self.shift,
        }

    def cycles(self) -> int:
        """Return the cycles per frame: one per beat of the feature map, but at least one per output beat."""
        return max(self.inputs[0].beats, self.outputs[0].beats)

    @property
    def latency(self) -> int:
        """All pixels but the last, the input's register, the queue and the output's register."""
        return (self.pixels - 1) * self.channels // self.pe + 3

    def resources(self) -> Resources:
        """Estimate: per kind of descriptor two distributed memories and an operator per lane."""
        fold, counter = self.channels // self.pe, self.pixels.bit_length()
        sums = self.pe * (self.bits + (self.pixels - 1).bit_length())
        maxima = self.pe * self.bits if self.mode == "descriptors" else 0
        memories = 2 * (dual_port_luts(fold, sums) + (dual_port_luts(fold, maxima) if maxima else 0))
        kinds = 2 if maxima else 1
        return Resources(
            lut=memories + round(1.2 * sums + 1.8 * maxima) + 43 * kinds - 23,
            ff=round(sums + 1.6 * counter) + 5 * kinds * fold.bit_length() + 3,
        )
