# SPDX-License-Identifier: Apache-2.0
"""Append: the elements of one frame and then those of another, as one frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from board.core.arrays import Integers
from board.core.layers.append import append
from hls_build.cost.resources import Resources
from hls_build.kernels.kernel_spec import KernelSpec, Port, check_bits, check_positive


@dataclass(frozen=True)
class AppendSpec(KernelSpec):
    """Geometry of one append, shared by model, RTL and tests; every beat is one element.

    Attributes:
        head: Elements per frame of the first input.
        head_bits: Bits per element of it.
        head_signed: Whether they are two's complement.
        tail: Elements per frame of the second input.
        tail_bits: Bits per element of it.
        tail_signed: Whether they are two's complement.
        bits: Bits per element of the output, which is signed where an input is; it holds every element of both.
    """

    head: int
    head_bits: int
    head_signed: bool
    tail: int
    tail_bits: int
    tail_signed: bool
    bits: int

    module: ClassVar[str] = "append"
    shared_sources: ClassVar[tuple[str, ...]] = ("skid_buffer.sv",)

    def __post_init__(self) -> None:
        for name in ("head", "tail"):
            check_positive(name, getattr(self, name))
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
            Port("s_axis", 1, self.head, 1, self.head_bits, self.head_signed),
            Port("s_axis_tail", 1, self.tail, 1, self.tail_bits, self.tail_signed),
        )

    @property
    def outputs(self) -> tuple[Port, ...]:
        """The longer frame."""
        return (Port("m_axis", 1, self.head + self.tail, 1, self.bits, self.signed),)

    def model(self, *inputs: Integers) -> Integers:
        """Join vectors of shapes (N, 1, 1, head) and (N, 1, 1, tail)."""
        return append(*inputs)

    def rtl_parameters(self) -> dict[str, int | str]:
        """Return the parameters of append.sv."""
        return {
            "HEAD": self.head,
            "HEAD_BITS": self.head_bits,
            "HEAD_SIGNED": int(self.head_signed),
            "TAIL": self.tail,
            "TAIL_BITS": self.tail_bits,
            "TAIL_SIGNED": int(self.tail_signed),
            "BITS": self.bits,
        }

    def cycles(self) -> int:
        """Return the cycles per frame: one per element."""
        return self.head + self.tail

    @property
    def latency(self) -> int:
        """The output's register."""
        return 1

    def resources(self) -> Resources:
        """Estimate: a counter, the choice between the inputs, a register and a spill; copies of the sign are free."""
        counter = max(1, (max(self.head, self.tail) - 1).bit_length())
        return Resources(lut=2 * self.used_bits + counter + 9, ff=2 * self.used_bits + counter + 3)


def common_bits(*types: tuple[int, bool]) -> int:
    """Bits of the narrowest type, signed where one of them is, that holds every value of some (bits, signed)."""
    signed = any(is_signed for _, is_signed in types)
    return max(bits + (signed and not is_signed) for bits, is_signed in types)
