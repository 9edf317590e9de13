# SPDX-License-Identifier: Apache-2.0
"""ResidualAdd: add up two streams, lane by lane, each shifted to their common scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from board.core.arrays import Integers
from board.core.layers.residual_add import residual_add
from hls_build.cost.resources import Resources
from hls_build.kernels.kernel_spec import KernelSpec, Port, check_bits, check_lanes, check_positive


@dataclass(frozen=True)
class ResidualAddSpec(KernelSpec):
    """Geometry of one residual add, shared by model, RTL and tests.

    Attributes:
        pixels: Pixels per frame.
        channels: Channels per pixel.
        pe: Lanes per beat, divides channels.
        a_bits: Bits per lane of the first input.
        a_signed: Whether they are two's complement.
        a_shift: Left shift of the first input, 0 where the second one's is not.
        b_bits: Bits per lane of the second input.
        b_signed: Whether they are two's complement.
        b_shift: Left shift of the second input.
    """

    pixels: int
    channels: int
    pe: int
    a_bits: int
    a_signed: bool
    a_shift: int
    b_bits: int
    b_signed: bool
    b_shift: int

    module: ClassVar[str] = "residual_add"
    shared_sources: ClassVar[tuple[str, ...]] = ("skid_buffer.sv",)

    def __post_init__(self) -> None:
        check_positive("pixels", self.pixels)
        check_lanes(self.channels, self.pe)
        for name in ("a_bits", "b_bits"):
            check_bits(name, getattr(self, name))
        if min(self.a_shift, self.b_shift) != 0:
            raise ValueError(f"need shifts of which the lesser is 0, got {self.a_shift} and {self.b_shift}")
        check_bits("out_bits", self.out_bits)

    @property
    def signed(self) -> bool:
        """Whether the output is two's complement."""
        return self.a_signed or self.b_signed

    @property
    def out_bits(self) -> int:
        """Bits per lane of the output: one more than the wider of the shifted inputs, as one type."""
        a = self.a_bits + self.a_shift + (self.signed and not self.a_signed)
        b = self.b_bits + self.b_shift + (self.signed and not self.b_signed)
        return max(a, b) + 1

    @property
    def inputs(self) -> tuple[Port, ...]:
        """Both frames."""
        return (
            Port("s_axis", self.pixels, self.channels, self.pe, self.a_bits, self.a_signed),
            Port("s_axis_b", self.pixels, self.channels, self.pe, self.b_bits, self.b_signed),
        )

    @property
    def outputs(self) -> tuple[Port, ...]:
        """Their sum."""
        return (Port("m_axis", self.pixels, self.channels, self.pe, self.out_bits, self.signed),)

    def model(self, *inputs: Integers) -> Integers:
        """Add up two frames, integers of shape (N, H, W, C)."""
        return residual_add(inputs[0], inputs[1], (self.a_shift, self.b_shift))

    def rtl_parameters(self) -> dict[str, int | str]:
        """Return the parameters of residual_add.sv."""
        return {
            "PE": self.pe,
            "A_BITS": self.a_bits,
            "A_SIGNED": int(self.a_signed),
            "A_SHIFT": self.a_shift,
            "B_BITS": self.b_bits,
            "B_SIGNED": int(self.b_signed),
            "B_SHIFT": self.b_shift,
            "OUT_BITS": self.out_bits,
        }

    def cycles(self) -> int:
        """Return the cycles per frame: one per beat."""
        return self.inputs[0].beats

    @property
    def latency(self) -> int:
        """The inputs' registers and the output's."""
        return 2

    def resources(self) -> Resources:
        """Estimate: a register and a spill for each input, an adder and a register for each lane."""
        inputs, out = self.pe * (self.a_bits + self.b_bits), self.pe * self.out_bits
        return Resources(lut=inputs + out + 8, ff=2 * inputs + out + 5)
