# SPDX-License-Identifier: Apache-2.0
"""StreamFork: copy one stream to several, each with its own handshake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from board.core.arrays import Integers
from hls_build.cost.resources import Resources
from hls_build.kernels.kernel_spec import KernelSpec, Port, check_bits, check_lanes, check_positive


@dataclass(frozen=True)
class StreamForkSpec(KernelSpec):
    """Geometry of one stream fork, shared by model, RTL and tests.

    Attributes:
        pixels: Pixels per frame.
        channels: Channels per pixel.
        pe: Lanes per beat, divides channels.
        bits: Bits per lane.
        signed: Whether lanes are two's complement.
        copies: Outputs, at least 2.
    """

    pixels: int
    channels: int
    pe: int
    bits: int
    signed: bool
    copies: int = 2

    module: ClassVar[str] = "stream_fork"
    shared_sources: ClassVar[tuple[str, ...]] = ("skid_buffer.sv",)

    def __post_init__(self) -> None:
        check_positive("pixels", self.pixels)
        check_lanes(self.channels, self.pe)
        check_bits("bits", self.bits)
        if self.copies < 2:
            raise ValueError(f"need copies >= 2, got copies={self.copies}")

    @property
    def inputs(self) -> tuple[Port, ...]:
        """The stream to copy."""
        return (Port("s_axis", self.pixels, self.channels, self.pe, self.bits, self.signed),)

    @property
    def outputs(self) -> tuple[Port, ...]:
        """The copies."""
        copy = Port("m_axis", self.pixels, self.channels, self.pe, self.bits, self.signed)
        return (copy,) * self.copies

    def model(self, *inputs: Integers) -> tuple[Integers, ...]:
        """Copy x, integers of shape (N, H, W, C)."""
        (x,) = inputs
        return tuple(x.copy() for _ in range(self.copies))

    def rtl_parameters(self) -> dict[str, int | str]:
        """Return the parameters of stream_fork.sv."""
        return {"WIDTH": self.pe * self.bits, "COPIES": self.copies}

    def cycles(self) -> int:
        """Return the cycles per frame: one per beat."""
        return self.inputs[0].beats

    @property
    def latency(self) -> int:
        """The copies' registers."""
        return 1

    def resources(self) -> Resources:
        """Estimate: one spill; per copy a register and the choice between spill and input."""
        width = self.pe * self.bits
        return Resources(
            lut=self.copies * (width + 3),
            ff=self.copies * (width + 2) + width,
        )
