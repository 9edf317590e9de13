# SPDX-License-Identifier: Apache-2.0
"""Requantizer: integers scaled by powers of two to fewer bits, each channel with its bias and shift."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from board.core.arithmetic import needed_bits
from board.core.arrays import Integers
from hls_build.cost.resources import Resources, block_rams, log2
from hls_build.dataflow import rules
from hls_build.dataflow.requantization import BIAS_LIMIT, MOST_SHIFT
from hls_build.kernels.kernel_spec import KernelSpec, Port, check_bits, check_lanes, check_positive
from hls_build.kernels.matrix_spec import literal, rom_luts

MOST_FOLDS = {"distributed": rules.MOST_LUT_FOLDS, "block": rules.MOST_BLOCK_FOLDS}
"""Words that each memory of the table holds."""
SHIFT_LUT, WHOLE_LUT, CODE_LUT, COUNT_LUT, CONTROL_LUT = 0.8, 0.2, 2.5, 1.2, 4
"""LUTs per bit that is shifted and bit of how far, per bit that is always cut off, per bit of a code, per bit of the
count of beats, and of control: as synthesised."""
CONTROL_FF = 4


@dataclass(frozen=True)
class RequantizerSpec(KernelSpec):
    """Geometry and table of one requantizer, shared by model, RTL and tests.

    Attributes:
        pixels: Pixels per frame.
        channels: Channels per pixel.
        pe: Lanes per beat, divides channels.
        bits: Bits per lane of the input.
        signed: Whether they are two's complement.
        out_bits: Bits per lane of the output.
        out_signed: Whether they are two's complement.
        memory: Where the table is, in LUTs ("distributed") or block RAM ("block").
        biases: Of each channel, or one for all.
        shifts: Likewise, at least 1.
    """

    pixels: int
    channels: int
    pe: int
    bits: int
    signed: bool
    out_bits: int
    out_signed: bool
    memory: str
    biases: tuple[int, ...] | Integers
    shifts: tuple[int, ...] | Integers

    module: ClassVar[str] = "requantizer"
    shared_sources: ClassVar[tuple[str, ...]] = ("lut_rom.sv", "weight_rom.sv", "skid_buffer.sv")

    def __post_init__(self) -> None:
        check_positive("pixels", self.pixels)
        check_lanes(self.channels, self.pe)
        check_bits("bits", self.bits)
        check_bits("out_bits", self.out_bits)
        if self.memory not in MOST_FOLDS:
            raise ValueError(f"need memory to be one of {', '.join(MOST_FOLDS)}, got {self.memory!r}")
        for name in ("biases", "shifts"):
            values = tuple(int(value) for value in np.ravel(getattr(self, name)))
            object.__setattr__(self, name, values)
            if len(values) not in (1, self.channels):
                raise ValueError(f"need one of {name} or one for each of {self.channels} channels, got {len(values)}")
        if len(self.biases) != len(self.shifts):
            raise ValueError(f"need as many biases as shifts, got {len(self.biases)} and {len(self.shifts)}")
        for shift in (min(self.shifts), max(self.shifts)):
            if not 1 <= shift <= MOST_SHIFT:
                raise ValueError(f"need shifts of 1 to {MOST_SHIFT}, got {shift}")
        if max(np.abs(self.biases)) >= BIAS_LIMIT:
            raise ValueError(f"need biases of a magnitude below {BIAS_LIMIT}, got {max(np.abs(self.biases))}")
        if self.fold > MOST_FOLDS[self.memory]:
            raise ValueError(f"need at most {MOST_FOLDS[self.memory]} folds in {self.memory}, got {self.fold}")

    @property
    def fold(self) -> int:
        """Words of the table: beats of a pixel, one where all channels are alike."""
        return len(self.biases) // self.pe if len(self.biases) > 1 else 1

    @property
    def inputs(self) -> tuple[Port, ...]:
        """Integers."""
        return (Port("s_axis", self.pixels, self.channels, self.pe, self.bits, self.signed),)

    @property
    def outputs(self) -> tuple[Port, ...]:
        """Codes."""
        return (Port("m_axis", self.pixels, self.channels, self.pe, self.out_bits, self.out_signed),)

    def model(self, *inputs: Integers) -> Integers:
        """Scale x, integers of shape (N, H, W, C): clip(round((2 * x + bias) / 2**shift)), half to even."""
        (x,) = inputs
        sums: Integers = 2 * x.astype(np.int64) + self.offsets
        scaled: Integers = sums >> np.array(self.shifts)
        scaled -= (scaled & 1) * (scaled << np.array(self.shifts) == sums)
        clipped: Integers = np.clip(scaled, *self.outputs[0].limits)
        return clipped

    @cached_property
    def offsets(self) -> Integers:
        """Biases with the half that rounds, so that shifting is all that is left: of shape (channels or 1,)."""
        offsets: Integers = np.array(self.biases) + (1 << (np.array(self.shifts) - 1))
        return offsets

    @property
    def offset_bits(self) -> int:
        """Of every offset, two's complement."""
        return needed_bits(int(self.offsets.min()), int(self.offsets.max()), True)

    @property
    def more_bits(self) -> int:
        """Of what a shift is above the least one."""
        return log2(max(self.shifts) - min(self.shifts) + 1)

    @property
    def sum_bits(self) -> int:
        """Of every sum, two's complement; at least one is left behind the least shift."""
        low, high = self.inputs[0].limits
        reach = needed_bits(2 * low + int(self.offsets.min()), 2 * high + int(self.offsets.max()), True)
        return max(reach, self.bits + 2 - self.signed, self.offset_bits, min(self.shifts) + 1)

    def rtl_parameters(self) -> dict[str, int | str]:
        """Return the parameters of requantizer.sv."""
        more = np.array(self.shifts) - min(self.shifts)
        fields = (more << self.offset_bits) + (self.offsets & ((1 << self.offset_bits) - 1))
        lanes = np.broadcast_to(fields, (self.fold * self.pe,)).reshape(self.fold, self.pe, 1)
        bits = (lanes >> np.arange(self.offset_bits + self.more_bits)) & 1  # (fold, pe, bits)
        return {
            "PE": self.pe,
            "FOLD": self.fold,
            "IN_BITS": self.bits,
            "SIGNED": int(self.signed),
            "OUT_BITS": self.out_bits,
            "OUT_SIGNED": int(self.out_signed),
            "LEAST_SHIFT": min(self.shifts),
            "MORE_BITS": self.more_bits,
            "OFFSET_BITS": self.offset_bits,
            "SUM_BITS": self.sum_bits,
            "BLOCK": int(self.memory == "block"),
            "TABLE": literal(bits if self.memory == "block" else bits.transpose(1, 2, 0)),
        }

    def cycles(self) -> int:
        """Return the cycles per frame: one per beat."""
        return self.inputs[0].beats

    @property
    def latency(self) -> int:
        """Registers of sum, scaled sum and output."""
        return 3

    def resources(self) -> Resources:
        """Estimate: a table; per lane an adder, a shifter and the choice of an output; two registers and a spill."""
        scaled, count = self.sum_bits - min(self.shifts), log2(self.fold)
        word = self.pe * (self.offset_bits + self.more_bits)
        block = self.memory == "block" and self.fold > 1
        table = rom_luts(self.fold, word) if self.fold > 1 and not block else 0
        lane = self.sum_bits + SHIFT_LUT * scaled * self.more_bits + WHOLE_LUT * min(self.shifts)
        lane += CODE_LUT * self.out_bits
        registers = self.sum_bits + scaled + 1 + self.more_bits + 2 * self.out_bits
        return Resources(
            lut=table + round(self.pe * lane + COUNT_LUT * count) + CONTROL_LUT,
            ff=self.pe * registers + (word if table else 0) + count + CONTROL_FF,
            bram18=block_rams(self.fold, word) if block else 0,
        )
