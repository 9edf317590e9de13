# SPDX-License-Identifier: Apache-2.0
"""ChannelPool: reduce every pixel to the sum and the scaled maximum of its channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from board.core.arrays import Integers
from board.core.layers.channel_descriptors import channel_descriptors
from hls_build.cost.resources import Resources
from hls_build.kernels.kernel_spec import KernelSpec, Port, check_bits, check_lanes, check_positive


@dataclass(frozen=True)
class ChannelPoolSpec(KernelSpec):
    """Geometry of one channel pool, shared by model, RTL and tests.

    Attributes:
        pixels: Pixels per frame.
        channels: Channels per pixel.
        pe: Lanes per beat, divides channels.
        bits: Bits per lane.
        signed: Whether lanes, and so the descriptors, are two's complement.
        shift: Left shift that gives the maximum the sum's scale.
    """

    pixels: int
    channels: int
    pe: int
    bits: int
    signed: bool
    shift: int

    module: ClassVar[str] = "channel_pool"
    shared_sources: ClassVar[tuple[str, ...]] = ("skid_buffer.sv",)

    def __post_init__(self) -> None:
        check_positive("pixels", self.pixels)
        check_lanes(self.channels, self.pe)
        check_bits("bits", self.bits)
        if self.shift < 0:
            raise ValueError(f"need shift >= 0, got shift={self.shift}")
        check_bits("out_bits", self.out_bits)

    @property
    def out_bits(self) -> int:
        """Bits per lane of the output: enough for the sum of all channels and for the scaled maximum."""
        return self.bits + max((self.channels - 1).bit_length(), self.shift)

    @property
    def inputs(self) -> tuple[Port, ...]:
        """The feature map."""
        return (Port("s_axis", self.pixels, self.channels, self.pe, self.bits, self.signed),)

    @property
    def outputs(self) -> tuple[Port, ...]:
        """One beat per pixel: the sum, then the maximum."""
        return (Port("m_axis", self.pixels, 2, 2, self.out_bits, self.signed),)

    def model(self, *inputs: Integers) -> Integers:
        """Reduce x, integers of shape (N, H, W, C), to (N, H, W, 2)."""
        (x,) = inputs
        return channel_descriptors(x, self.shift)

    def rtl_parameters(self) -> dict[str, int | str]:
        """Return the parameters of channel_pool.sv, which does not count pixels."""
        return {
            "CHANNELS": self.channels,
            "PE": self.pe,
            "BITS": self.bits,
            "SIGNED": int(self.signed),
            "SHIFT": self.shift,
        }

    def cycles(self) -> int:
        """Return the cycles per frame: one per beat of the feature map."""
        return self.inputs[0].beats

    @property
    def latency(self) -> int:
        """A pixel's beats, the lanes' register and the output's."""
        return self.channels // self.pe + 1

    def resources(self) -> Resources:
        """Estimate: an adder and a comparison per lane and for the pixel so far; the output registers."""
        stored = 2 * self.bits + (self.channels - 1).bit_length()
        return Resources(
            lut=round(3.4 * stored + 3.5 * (self.pe - 1) * self.bits),
            ff=round(3.6 * stored) + 7,
        )
