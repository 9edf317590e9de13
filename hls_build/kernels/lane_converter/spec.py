# SPDX-License-Identifier: Apache-2.0
"""LaneConverter: the same elements in more or fewer lanes, by a whole ratio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from board.core.arrays import Integers
from hls_build.cost.resources import Resources, mux_luts
from hls_build.kernels.kernel_spec import KernelSpec, Port, check_bits, check_lanes, check_positive


@dataclass(frozen=True)
class LaneConverterSpec(KernelSpec):
    """Geometry of one lane converter, shared by model, RTL and tests.

    Attributes:
        pixels: Pixels per frame.
        channels: Channels per pixel.
        lanes_in: Lanes per beat of the input, divides channels.
        lanes_out: Lanes per beat of the output, divides channels; a multiple or a divisor of lanes_in.
        bits: Bits per lane.
        signed: Whether lanes are two's complement.
    """

    pixels: int
    channels: int
    lanes_in: int
    lanes_out: int
    bits: int
    signed: bool

    module: ClassVar[str] = "lane_converter"

    def __post_init__(self) -> None:
        check_positive("pixels", self.pixels)
        for lanes in (self.lanes_in, self.lanes_out):
            check_lanes(self.channels, lanes)
        check_bits("bits", self.bits)
        if self.lanes_in == self.lanes_out or self.parts * self.narrow != max(self.lanes_in, self.lanes_out):
            raise ValueError(f"need lanes in a whole ratio of at least 2, got {self.lanes_in} and {self.lanes_out}")

    @property
    def narrow(self) -> int:
        """Lanes of the narrower side."""
        return min(self.lanes_in, self.lanes_out)

    @property
    def parts(self) -> int:
        """Narrow beats in a wide one."""
        return max(self.lanes_in, self.lanes_out) // self.narrow

    @property
    def inputs(self) -> tuple[Port, ...]:
        """The stream to convert."""
        return (Port("s_axis", self.pixels, self.channels, self.lanes_in, self.bits, self.signed),)

    @property
    def outputs(self) -> tuple[Port, ...]:
        """The same elements."""
        return (Port("m_axis", self.pixels, self.channels, self.lanes_out, self.bits, self.signed),)

    def model(self, *inputs: Integers) -> Integers:
        """Copy x, integers of shape (N, H, W, C)."""
        (x,) = inputs
        return x.copy()

    def rtl_parameters(self) -> dict[str, int | str]:
        """Return the parameters of lane_converter.sv."""
        return {
            "WIDTH": self.narrow * self.bits,
            "RATIO": self.parts,
            "WIDENS": int(self.lanes_out > self.lanes_in),
        }

    def cycles(self) -> int:
        """Return the cycles per frame: one per beat of the narrower side."""
        return max(self.inputs[0].beats, self.outputs[0].beats)

    @property
    def latency(self) -> int:
        """The parts of a beat that is joined; the register of one that is cut."""
        return self.parts if self.lanes_out > self.lanes_in else 1

    def resources(self) -> Resources:
        """Estimate: a multiplexer per bit of a part to cut, an enable per part to join, a register, a counter."""
        width, counter = self.narrow * self.bits, (self.parts - 1).bit_length()
        joins = self.lanes_out > self.lanes_in
        return Resources(
            lut=(self.parts if joins else width * mux_luts(self.parts)) + counter + 3,
            ff=(self.parts if joins else 1) * width + counter + 1,
        )
