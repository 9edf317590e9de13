# SPDX-License-Identifier: Apache-2.0
"""FINN+'s matrix-vector multiplier on DSP slices: how mvu.sv packs products, and what it takes besides."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil

from hls_build.cost.adder_tree import canary_tree, unsigned_tree
from hls_build.cost.resources import Resources, auto_memory, log2

P_WIDTH = 48
"""Bits of a DSP's result."""

CANARY_LUT, HIGH_LUT, HIGH_STATE_LUT, RESULT_LUT = 2.7, 1.7, 2.4, 0.9
"""LUTs per overflow that is watched, per bit of their adder trees, per bit accumulated beside a lane, per bit put
together into a result."""
CONTROL_LUT, REPLAY_LUT, COUNT_LUT = 14, 3.1, 1.3
"""LUTs of control: at least, per bit of the counters of a vector that is used again, per bit of those of another."""
CONTROL_FF, REPLAY_FF, REPLAY_COUNT_FF, REPEAT_COUNT_FF, CANARY_FF = 18, 7, 3.3, 1, 6
"""Flip-flops of control, of a vector that is used again, per bit of its counters; per overflow that is watched."""


@dataclass(frozen=True)
class Multiplier:
    """Parameters of one mvu_vvu_axi with narrow weights, without the memory of its weights.

    Attributes:
        pe: Outputs per cycle.
        simd: Inputs per cycle.
        weight_bits: Per weight, symmetric.
        activation_bits: Per input.
        accumulator_bits: Per output.
        input_fold: Beats of one input vector.
        output_fold: Times that it is used.
        pumped: Whether the DSPs run at twice the clock.
        a_width: Bits of the DSP's packed port: 25 on 7-series, 27 on UltraScale+.
    """

    pe: int
    simd: int
    weight_bits: int
    activation_bits: int
    accumulator_bits: int
    input_fold: int
    output_fold: int
    pumped: bool = False
    a_width: int = 25

    @property
    def lane_bits(self) -> int:
        """Least distance of two products in a DSP."""
        return self.weight_bits + self.activation_bits - 1

    @property
    def lanes(self) -> int:
        """Products per DSP cycle of a slice, as mvu.sv packs them."""
        return 1 + (self.a_width - self.weight_bits) // self.lane_bits

    @property
    def depth(self) -> int:
        """DSPs side by side for the inputs of a beat: half of them if they run twice a cycle."""
        return ceil(self.simd / (1 + self.pumped))

    @cached_property
    def pipes(self) -> list[int]:
        """Products that each DSP of a row of DSPs gives; the last one may give fewer."""
        full, rest = divmod(self.pe, self.lanes)
        return [self.lanes] * full + [rest] * (rest > 0)

    @property
    def dsp(self) -> int:
        """DSP slices."""
        return len(self.pipes) * self.depth

    @cached_property
    def low_bits(self) -> list[int]:
        """Bits of each lane within the DSP, the last lane reaching up to the accumulator's width."""
        slack = self.a_width - self.weight_bits - (self.lanes - 1) * self.lane_bits
        widths = []
        for lane in range(1, self.lanes):
            extra = ceil(slack / (self.lanes - lane))
            widths.append(self.lane_bits + extra)
            slack -= extra
        return [*widths, min(self.accumulator_bits, P_WIDTH - sum(widths))]

    @cached_property
    def high_bits(self) -> list[int]:
        """Bits that are accumulated beside each lane."""
        return [self._high_bits(lane) for lane in range(self.lanes)]

    def _high_bits(self, lane: int) -> int:
        tree, above = log2(self.depth), self.accumulator_bits - self.low_bits[lane]
        if above <= 0:
            return 0 if lane == self.lanes - 1 else 1 + tree
        if tree < above - 1:
            return 1 + above
        spilled, distance = 0, 0
        for width in reversed(self.low_bits[: lane + 1]):
            distance += width
            spilled += 1 << (self.accumulator_bits - distance - 1) if self.accumulator_bits > distance else 0
        return 1 + log2(spilled + self.depth)

    def resources(self) -> Resources:
        """What it takes, with the memory that keeps an input vector for all outputs."""
        results = self.pe * self.accumulator_bits
        overflows = held = state = result = low_adders = high_adders = registers = 0
        for lanes in self.pipes:
            overflows += (lanes - 1) * self.depth
            held += self.depth if self.high_bits[-1] else 0
            for lane in range(self.lanes - lanes, self.lanes):
                low, high = self.low_bits[lane], self.high_bits[lane]
                tree = unsigned_tree(self.depth, low, self.accumulator_bits)
                low_adders += tree.adder_bits
                registers += tree.register_bits(max(1, log2(self.depth)))
                if high:
                    tree = canary_tree(self.depth)
                    high_adders += tree.adder_bits
                    registers += tree.register_bits(max(1, log2(self.depth)) - 1)
                    state += high
                below = lane > self.lanes - lanes and self.high_bits[lane - 1]
                result += self.accumulator_bits if below else (self.accumulator_bits - low) * (high > 0)
        doubled = self.depth * (self.pe * self.weight_bits + self.activation_bits) if self.pumped else 0
        lut = CANARY_LUT * overflows + low_adders + HIGH_LUT * high_adders + HIGH_STATE_LUT * state
        lut += RESULT_LUT * result + results + doubled + CONTROL_LUT
        ff = CANARY_FF * overflows + held + state + registers + 2 * results + CONTROL_FF
        ff += doubled + results if self.pumped else 0
        own = Resources(round(lut), round(ff), 0, self.dsp)
        return own + (
            self._replay() if self.output_fold > 1 else Resources(lut=round(COUNT_LUT * log2(self.input_fold)))
        )

    def _replay(self) -> Resources:
        """The memory of an input vector that is used again, and its counters."""
        length, repeats = log2(self.input_fold), log2(self.output_fold)
        width = self.simd * self.activation_bits
        memory = auto_memory(1 << max(1, length), width)
        ff = REPLAY_FF + REPLAY_COUNT_FF * length + REPEAT_COUNT_FF * repeats + (0 if memory.bram18 else width)
        return memory + Resources(lut=round(REPLAY_LUT * (length + repeats)), ff=round(ff))
