# SPDX-License-Identifier: Apache-2.0
"""MaxPool2x2: take the maximum over every 2x2 tile of a stream of pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from board.core.arrays import Integers
from board.core.layers.max_pool import max_pool_2x2
from hls_build.cost.resources import Resources, dual_port_luts
from hls_build.kernels.kernel_spec import KernelSpec, Port, check_bits, check_lanes


@dataclass(frozen=True)
class MaxPool2x2Spec(KernelSpec):
    """Geometry of one 2x2 maximum pool, shared by model, RTL and tests.

    Attributes:
        height: Rows per frame, even.
        width: Pixels per row, even.
        channels: Channels per pixel.
        pe: Lanes per beat, divides channels.
        bits: Bits per lane.
        signed: Whether lanes are two's complement.
    """

    height: int
    width: int
    channels: int
    pe: int
    bits: int
    signed: bool

    module: ClassVar[str] = "max_pool_2x2"
    shared_sources: ClassVar[tuple[str, ...]] = ("skid_buffer.sv",)

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            value = getattr(self, name)
            if value < 2 or value % 2:
                raise ValueError(f"need {name} even and at least 2, got {name}={value}")
        check_lanes(self.channels, self.pe)
        check_bits("bits", self.bits)

    @property
    def inputs(self) -> tuple[Port, ...]:
        """The feature map."""
        return (Port("s_axis", self.height * self.width, self.channels, self.pe, self.bits, self.signed),)

    @property
    def outputs(self) -> tuple[Port, ...]:
        """The pooled feature map, a quarter of the pixels."""
        pixels = self.height * self.width // 4
        return (Port("m_axis", pixels, self.channels, self.pe, self.bits, self.signed),)

    def model(self, *inputs: Integers) -> Integers:
        """Pool x, integers of shape (N, H, W, C), to (N, H/2, W/2, C)."""
        (x,) = inputs
        return max_pool_2x2(x)

    def rtl_parameters(self) -> dict[str, int | str]:
        """Return the parameters of max_pool_2x2.sv, which does not count rows."""
        return {
            "WIDTH": self.width,
            "CHANNELS": self.channels,
            "PE": self.pe,
            "BITS": self.bits,
            "SIGNED": int(self.signed),
        }

    def cycles(self) -> int:
        """Return the cycles per frame: one per beat of the feature map."""
        return self.inputs[0].beats

    @property
    def latency(self) -> int:
        """One row and a pixel, the input's register and the output's."""
        return (self.width + 1) * self.channels // self.pe + 2

    def resources(self) -> Resources:
        """Estimate: distributed memory for half a row, a comparison per lane, output and spare registers."""
        beat = self.pe * self.bits
        words = self.width // 2 * self.channels // self.pe
        counters = words.bit_length() + (self.channels // self.pe).bit_length()
        return Resources(
            lut=dual_port_luts(words, beat) + round(4.4 * beat) + 32,
            ff=round(3.1 * beat + 1.8 * counters),
        )
