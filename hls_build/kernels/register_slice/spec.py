# SPDX-License-Identifier: Apache-2.0
"""RegisterSlice: the same beats, with registers between both sides in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from board.core.arrays import Integers
from hls_build.cost.resources import Resources
from hls_build.kernels.kernel_spec import KernelSpec, Port, check_bits, check_lanes, check_positive


@dataclass(frozen=True)
class RegisterSliceSpec(KernelSpec):
    """Geometry of one register slice, shared by model, RTL and tests.

    Attributes:
        pixels: Pixels per frame.
        channels: Channels per pixel.
        pe: Lanes per beat, divides channels.
        bits: Bits per lane.
        signed: Whether lanes are two's complement.
    """

    pixels: int
    channels: int
    pe: int
    bits: int
    signed: bool

    module: ClassVar[str] = "register_slice"
    shared_sources: ClassVar[tuple[str, ...]] = ("skid_buffer.sv",)

    def __post_init__(self) -> None:
        check_positive("pixels", self.pixels)
        check_lanes(self.channels, self.pe)
        check_bits("bits", self.bits)

    @property
    def inputs(self) -> tuple[Port, ...]:
        """The stream to cut."""
        return (Port("s_axis", self.pixels, self.channels, self.pe, self.bits, self.signed),)

    @property
    def outputs(self) -> tuple[Port, ...]:
        """The same beats."""
        return (Port("m_axis", self.pixels, self.channels, self.pe, self.bits, self.signed),)

    def model(self, *inputs: Integers) -> Integers:
        """Copy x, integers of shape (N, H, W, C)."""
        (x,) = inputs
        return x.copy()

    def rtl_parameters(self) -> dict[str, int | str]:
        """Return the parameters of register_slice.sv."""
        return {"WIDTH": self.pe * self.bits}

    def cycles(self) -> int:
        """Return the cycles per frame: one per beat."""
        return self.inputs[0].beats

    @property
    def latency(self) -> int:
        """The register of the output."""
        return 1

    def resources(self) -> Resources:
        """Estimate: a register, a spill, and the choice between spill and input."""
        width = self.pe * self.bits
        return Resources(lut=width + 4, ff=2 * width + 2)
