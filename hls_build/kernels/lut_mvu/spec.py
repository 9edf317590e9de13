# SPDX-License-Identifier: Apache-2.0
"""LutMvu: a matrix-vector product whose weights are ternary digits, in LUTs alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from board.core.arithmetic import needed_bits
from board.core.arrays import Integers
from hls_build.cost.column_compressor import ColumnCompressor
from hls_build.cost.resources import LUT_WORDS, Resources, block_rams, dual_port_luts, log2
from hls_build.dataflow import rules
from hls_build.kernels.kernel_spec import KernelSpec, Port, check_bits, check_lanes, check_positive

MEMORIES = ("logic", "distributed", "block")
"""Where weights are, by the parameter MEMORY: in the products' LUTs, in LUTs of their own, in block RAM."""
MOST_FOLDS = {"logic": 32, "distributed": rules.MOST_LUT_FOLDS, "block": rules.MOST_BLOCK_FOLDS}
"""Folds of a matrix that each memory holds."""
DIGITS = "0123456789abcdef"
QUEUE = 32
"""Beats of the queue of sums."""
LITERAL_BITS = 1 << 16
"""Bits of one literal: Verilator takes no more."""

CONTROL_LUT, COUNT_LUT, CONTROL_FF = 30, 1.5, 30
"""LUTs of control at least and per bit of the counters; its flip-flops besides those."""


def weight_text(matrix: Integers) -> str:
    """Integers of -8 to 7 of any shape as a spec has them: a hexadecimal digit of two's complement each, in order."""
    return "".join(DIGITS[value & 15] for value in matrix.ravel().tolist())


@dataclass(frozen=True)
class LutMvuSpec(KernelSpec):
    """Geometry and weights of one matrix-vector product, shared by model, RTL and tests.

    Attributes:
        pixels: Vectors per frame.
        mw: Activations of a vector.
        mh: Outputs of a vector.
        pe: Outputs at once, divides mh.
        simd: Activations at once, divides mw.
        bits: Per activation, at most 8.
        signed: Whether activations are two's complement.
        weight_bits: Per weight, 2 to 4; weights are symmetric, so that 2 bits are -1, 0 and 1.
        out_bits: Per output, two's complement.
        levels: LUTs between two registers of the compressors.
        memory: One of MEMORIES.
        weights: Matrix of shape (mh, mw) as weight_text makes it.
    """

    pixels: int
    mw: int
    mh: int
    pe: int
    simd: int
    bits: int
    signed: bool
    weight_bits: int
    out_bits: int
    levels: int
    memory: str
    weights: str

    module: ClassVar[str] = "lut_mvu"
    shared_sources: ClassVar[tuple[str, ...]] = ("column_compressor.sv", "lut_mvu/lut_rom.sv")

    def __post_init__(self) -> None:
        check_positive("pixels", self.pixels)
        check_lanes(self.mh, self.pe)
        if self.mw < 1 or self.simd < 1 or self.mw % self.simd:
            raise ValueError(f"need simd to divide mw={self.mw}, got simd={self.simd}")
        check_bits("out_bits", self.out_bits)
        for name, value, least, most in (
            ("bits", self.bits, 1, rules.LUT_ACTIVATION_BITS),
            ("weight_bits", self.weight_bits, 2, rules.LUT_WEIGHT_BITS),
        ):
            if not least <= value <= most:
                raise ValueError(f"need {least} <= {name} <= {most}, got {name}={value}")
        check_positive("levels", self.levels)
        if self.memory not in MEMORIES:
            raise ValueError(f"need memory to be one of {', '.join(MEMORIES)}, got {self.memory!r}")
        if self.folds > MOST_FOLDS[self.memory]:
            raise ValueError(f"need at most {MOST_FOLDS[self.memory]} folds in {self.memory}, got {self.folds}")
        if self.mh // self.pe > rules.MOST_LUT_FOLDS:
            raise ValueError(f"need mh at most {rules.MOST_LUT_FOLDS} times pe={self.pe}, got mh={self.mh}")
        if len(self.weights) != self.mw * self.mh or not set(self.weights) <= set(DIGITS):
            raise ValueError(f"need {self.mw * self.mh} hexadecimal digits of weights, got {len(self.weights)} letters")
        if np.abs(self.matrix).max() > self.most_weight:
            raise ValueError(
                f"need weights of -{self.most_weight} to {self.most_weight}, got {self.matrix.min()} to"
                f" {self.matrix.max()}"
            )
        low, high = self.reach
        if needed_bits(low, high, True) > self.out_bits:
            raise ValueError(f"need out_bits for sums of {low} to {high}, got out_bits={self.out_bits}")

    @property
    def most_weight(self) -> int:
        """Greatest magnitude of a weight."""
        return (1 << (self.weight_bits - 1)) - 1

    @property
    def folds(self) -> int:
        """Beats of the matrix, each simd columns of pe rows."""
        return (self.mw // self.simd) * (self.mh // self.pe)

    @property
    def digits(self) -> int:
        """Ternary digits of a weight."""
        return self.weight_bits - 1

    @cached_property
    def matrix(self) -> Integers:
        """Weights of shape (mh, mw)."""
        codes = np.frombuffer(self.weights.encode(), np.uint8).astype(np.int64)
        nibbles = np.where(codes > ord("9"), codes - ord("a") + 10, codes - ord("0"))
        return ((nibbles + 8) % 16 - 8).reshape(self.mh, self.mw)

    @property
    def reach(self) -> tuple[int, int]:
        """Least and greatest sum that any activations have."""
        low, high = self.inputs[0].limits
        above, below = np.maximum(self.matrix, 0).sum(1), np.minimum(self.matrix, 0).sum(1)
        return int((above * low + below * high).min()), int((above * high + below * low).max())

    @property
    def inputs(self) -> tuple[Port, ...]:
        """Vectors."""
        return (Port("s_axis", self.pixels, self.mw, self.simd, self.bits, self.signed),)

    @property
    def outputs(self) -> tuple[Port, ...]:
        """Sums."""
        return (Port("m_axis", self.pixels, self.mh, self.pe, self.out_bits, signed=True),)

    def model(self, *inputs: Integers) -> Integers:
        """Multiply every pixel of x, integers of shape (N, H, W, mw), to (N, H, W, mh)."""
        (x,) = inputs
        return x @ self.matrix.T

    def rtl_parameters(self) -> dict[str, int | str]:
        """Return the parameters of lut_mvu.sv."""
        return {
            "MW": self.mw,
            "MH": self.mh,
            "PE": self.pe,
            "SIMD": self.simd,
            "IN_BITS": self.bits,
            "SIGNED": int(self.signed),
            "DIGITS": self.digits,
            "OUT_BITS": self.out_bits,
            "LEVELS": self.levels,
            "MEMORY": MEMORIES.index(self.memory),
            "WEIGHTS": _literal(self._weight_bits()),
            "OFFSETS": _literal(self._offset_bits()),
        }

    @property
    def offsets(self) -> Integers:
        """What every output begins with, of shape (mh,): it takes off what the terms add to the product."""
        signs = np.array([self._digit(-self.matrix, d).sum(1) << d for d in range(self.digits)]).sum(0)
        inverted = self.matrix.sum(1) << (self.bits - 1) if self.signed else 0
        offsets: Integers = -(((1 << self.bits) - 1) * signs + inverted)
        return offsets

    def cycles(self) -> int:
        """Return the cycles per frame: one per fold and pixel."""
        return self.folds * self.pixels

    @property
    def latency(self) -> int:
        """A vector's beats, registers of the ring, the weights, the compressor, the accumulator, queue and output."""
        beats = self.mw // self.simd
        return beats + self._compressor.latency + 3 + (self.mh > self.pe)

    @property
    def _compressor(self) -> ColumnCompressor:
        """What sums up the terms of one row."""
        pairs, alone = (0, self.simd) if self.memory == "logic" else (self.simd // 2, self.simd - self.simd // 2)
        ways = [
            min(column, self.bits - 1, self.digits - 1, self.bits + self.digits - 2 - column) + 1
            for column in range(self.bits + self.digits - 1)
        ]
        heights = tuple(own * alone + below * pairs for own, below in zip((*ways, 0), (0, *ways), strict=True))
        most = self.simd * ((1 << self.bits) - 1) * self.most_weight
        return ColumnCompressor(heights, min(most.bit_length(), self.out_bits), self.levels)

    def resources(self) -> Resources:
        """Estimate: products, compressors and their registers as instantiated; memories; little control."""
        folds, turns, beats = self.folds, self.mh // self.pe, self.mw // self.simd
        terms, word = self.simd * self.digits * self.bits, 2 * self.pe * self.simd * self.digits
        x, y = self.inputs[0].width, self.outputs[0].width
        compressor = self._compressor
        lut = (-(-self.pe // 2) if folds <= 16 and self.memory == "logic" else self.pe) * terms
        lut += self.pe * compressor.lut + y + dual_port_luts(QUEUE, y)
        ff = x + self.pe * compressor.ff + 2 * y
        bram = 0
        if self.memory == "block":
            bram = block_rams(folds, word)
        elif self.memory == "distributed":
            lut += _rom_luts(folds, word)
            ff += word
        if turns > 1:
            lut += dual_port_luts(1 << log2(beats), x) + _rom_luts(turns, y)
            ff += y
        counts = 2 * log2(folds) + 3 * (turns > 1) * (log2(beats) + 1)
        return Resources(round(lut + CONTROL_LUT + COUNT_LUT * counts), ff + CONTROL_FF + counts, bram)

    def _digit(self, values: Integers, digit: int) -> Integers:
        """Whether each of some integers is positive and has a bit."""
        return np.where(values > 0, (values >> digit) & 1, 0)

    def _weight_bits(self) -> Integers:
        """Bits of all weights in the order of the parameter WEIGHTS: lane, digit, neg before pos, fold.

        In block RAM the fold comes first.
        """
        turns, beats = self.mh // self.pe, self.mw // self.simd
        folded = self.matrix.reshape(turns, self.pe, beats, self.simd)
        digits = [[self._digit(sign * folded, d) for sign in (-1, 1)] for d in range(self.digits)]
        bits = np.array(digits)  # (digits, 2, turns, pe, beats, simd)
        return bits.transpose((2, 4, 3, 5, 0, 1) if self.memory == "block" else (3, 5, 0, 1, 2, 4))

    def _offset_bits(self) -> Integers:
        """Bits of all offsets in the order of the parameter OFFSETS: lane, bit, turn."""
        lanes = self.offsets.reshape(-1, self.pe).T  # (pe, turns)
        return (lanes[:, None] >> np.arange(self.out_bits)[:, None]) & 1


def _rom_luts(depth: int, width: int) -> int:
    """LUTs of a lut_rom."""
    return -(-width // 2) if depth <= LUT_WORDS // 2 else width * -(-depth // LUT_WORDS)


def _literal(bits: Integers) -> str:
    """Bits, the least significant first, as one Verilog literal, or as several of them one behind the other."""
    flat = bits.ravel()
    parts = [flat[i : i + LITERAL_BITS] for i in range(0, len(flat), LITERAL_BITS)]
    packed = [np.packbits(part.astype(np.uint8), bitorder="little").tobytes() for part in parts]
    words = [f"{len(part)}'h{int.from_bytes(value, 'little'):x}" for part, value in zip(parts, packed, strict=True)]
    return words[0] if len(words) == 1 else f"{{{', '.join(reversed(words))}}}"
