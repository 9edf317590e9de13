# SPDX-License-Identifier: Apache-2.0
"""Append: the channels of one frame and then those of another, pixel by pixel, as one frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from board.core.arithmetic import common_bits
from board.core.arrays import Integers
from board.core.layers.append import append
from hls_build.cost.resources import Resources
from hls_build.kernels.kernel_spec import KernelSpec, Port, check_bits, check_lanes, check_positive


@dataclass(frozen=True)
class AppendSpec(KernelSpec):
    """Geometry of one append, shared by model, RTL and tests.

    Attributes:
        head: Channels of the first input.
        head_bits: Bits per lane of it.
        head_signed: Whether they are two's complement.
        tail: Channels of the second input.
        tail_bits: Bits per lane of it.
        tail_signed: Whether they are two's complement.
        bits: Bits per lane of the output, which is signed where an input is; it holds every element of both.
        pixels: Pixels per frame.
        pe: Lanes per beat, divides head and tail.
    """

    head: int
    head_bits: int
    head_signed: bool
    tail: int
    tail_bits: int
    tail_signed: bool
    bits: int
    pixels: int = 1
    pe: int = 1

    module: ClassVar[str] = "append"
    shared_sources: ClassVar[tuple[str, ...]] = ("skid_buffer.sv",)

    def __post_init__(self) -> None:
        for name in ("head", "tail", "pixels"):
            check_positive(name, getattr(self, name))
        for channels in (self.head, self.tail):
            check_lanes(channels, self.pe)
        for name in ("head_bits", "tail_bits", "bits"):
            check_bits(name, getattr(self, name))
        if self.bits < self.used_bits:
            raise ValueError(f"need bits >= {self.used_bits} for the elements of both inputs, got bits={self.bits}")

    @property
    def used_bits(self) -> int:
        """Bits of the output that are not copies of its sign, nor always zero."""
        return common_bits((self.head_bits, self.head_signed), (self.tail_bits, self.tail_signed))

    @property
    def signed(self) -> bool:
        """Whether the output is two's complement."""
        return self.head_signed or self.tail_signed

    @property
    def inputs(self) -> tuple[Port, ...]:
        """What comes first, and what follows it."""
        return (
            Port("s_axis", self.pixels, self.head, self.pe, self.head_bits, self.head_signed),
            Port("s_axis_tail", self.pixels, self.tail, self.pe, self.tail_bits, self.tail_signed),
        )

    @property
    def outputs(self) -> tuple[Port, ...]:
        """The wider frame."""
        return (Port("m_axis", self.pixels, self.head + self.tail, self.pe, self.bits, self.signed),)

    def model(self, *inputs: Integers) -> Integers:
        """Join frames of shapes (N, H, W, head) and (N, H, W, tail)."""
        return append(*inputs)

    def rtl_parameters(self) -> dict[str, int | str]:
        """Return the parameters of append.sv."""
        return {
            "HEAD": self.head // self.pe,
            "HEAD_BITS": self.head_bits,
            "HEAD_SIGNED": int(self.head_signed),
            "TAIL": self.tail // self.pe,
            "TAIL_BITS": self.tail_bits,
            "TAIL_SIGNED": int(self.tail_signed),
            "BITS": self.bits,
            "PE": self.pe,
        }

    def cycles(self) -> int:
        """Return the cycles per frame: one per beat."""
        return self.outputs[0].beats

    @property
    def latency(self) -> int:
        """The output's register."""
        return 1

    def resources(self) -> Resources:
        """Estimate: a counter, the choice between the inputs, a register and a spill; copies of the sign are free."""
        counter = max(1, (max(self.head, self.tail) // self.pe - 1).bit_length())
        used = self.pe * self.used_bits
        return Resources(lut=2 * used + counter + 9, ff=2 * used + counter + 3)
