# SPDX-License-Identifier: Apache-2.0
"""MatrixSpec: what our matrix-vector multipliers share, a constant matrix folded as FINN's MVAU folds it."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from board.core.arithmetic import needed_bits
from board.core.arrays import Integers
from hls_build.cost.resources import LUT_WORDS, Resources, block_rams, dual_port_luts, log2
from hls_build.dataflow import rules
from hls_build.kernels.kernel_spec import KernelSpec, Port, check_bits, check_lanes, check_positive

DIGITS = "0123456789abcdef"
QUEUE = 32
"""Beats of the queue of sums."""
LITERAL_BITS = 1 << 16
"""Bits of one literal: Verilator takes no more."""

CONTROL_LUT, RING_LUT, COUNT_LUT, CONTROL_FF = 30, 15, 1.5, 30
"""LUTs of control at least, of a vector that is used again, per bit of the counters; its flip-flops besides those."""


def weight_text(matrix: Integers) -> str:
    """Integers of -8 to 7 of any shape as a spec has them: a hexadecimal digit of two's complement each, in order."""
    return "".join(DIGITS[value & 15] for value in matrix.ravel().tolist())


@dataclass(frozen=True)
class MatrixSpec(KernelSpec):
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
        memory: Where weights are, one of the kernel's memories.
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
    memory: str
    weights: str

    most_folds: ClassVar[dict[str, int]]
    """Folds of a matrix that each of the kernel's memories holds."""

    def __post_init__(self) -> None:
        check_positive("pixels", self.pixels)
        check_lanes(self.mh, self.pe)
        if self.mw < 1 or self.simd < 1 or self.mw % self.simd:
            raise ValueError(f"need simd to divide mw={self.mw}, got simd={self.simd}")
        check_bits("out_bits", self.out_bits)
        for name, value, least, most in (
            ("bits", self.bits, 1, rules.OWN_ACTIVATION_BITS),
            ("weight_bits", self.weight_bits, 2, rules.OWN_WEIGHT_BITS),
        ):
            if not least <= value <= most:
                raise ValueError(f"need {least} <= {name} <= {most}, got {name}={value}")
        if self.memory not in self.most_folds:
            raise ValueError(f"need memory to be one of {', '.join(self.most_folds)}, got {self.memory!r}")
        if self.folds > self.most_folds[self.memory]:
            raise ValueError(f"need at most {self.most_folds[self.memory]} folds in {self.memory}, got {self.folds}")
        if self.turns > rules.MOST_LUT_FOLDS:
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
    def beats(self) -> int:
        """Beats of a vector."""
        return self.mw // self.simd

    @property
    def turns(self) -> int:
        """Groups of pe outputs, each of which takes all beats of a vector."""
        return self.mh // self.pe

    @property
    def folds(self) -> int:
        """Beats of the matrix, each simd columns of pe rows."""
        return self.beats * self.turns

    @cached_property
    def matrix(self) -> Integers:
        """Weights of shape (mh, mw)."""
        codes = np.frombuffer(self.weights.encode(), np.uint8).astype(np.int64)
        nibbles = np.where(codes > ord("9"), codes - ord("a") + 10, codes - ord("0"))
        return ((nibbles + 8) % 16 - 8).reshape(self.mh, self.mw)

    @property
    def folded(self) -> Integers:
        """Weights of shape (turns, pe, beats, simd)."""
        return self.matrix.reshape(self.turns, self.pe, self.beats, self.simd)

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

    def cycles(self) -> int:
        """Return the cycles per frame: one per fold and pixel."""
        return self.folds * self.pixels

    @property
    def latency(self) -> int:
        """A vector's beats, a register of the ring, the sum of a beat, the accumulator, queue and output."""
        return self.beats + self.sum_latency + 3 + (self.turns > 1)

    @property
    @abstractmethod
    def sum_latency(self) -> int:
        """Cycles from a beat beside its weights to its sum."""

    @property
    @abstractmethod
    def offsets(self) -> Integers:
        """What every output begins with, of shape (mh,): it takes off what is summed up beside the products."""

    @property
    def common_parameters(self) -> dict[str, int | str]:
        """Parameters that the modules share, but for the weights'."""
        lanes = self.offsets.reshape(-1, self.pe).T  # (pe, turns)
        return {
            "MW": self.mw,
            "MH": self.mh,
            "PE": self.pe,
            "SIMD": self.simd,
            "IN_BITS": self.bits,
            "SIGNED": int(self.signed),
            "OUT_BITS": self.out_bits,
            "OFFSETS": literal((lanes[:, None] >> np.arange(self.out_bits)[:, None]) & 1),
        }

    def common_resources(self, word: int) -> Resources:
        """Estimate of all but products and trees: memories of weights, a word per fold, and of vectors; accumulators,
        offsets, queue and control."""
        x, y = self.inputs[0].width, self.outputs[0].width
        lut, ff, bram = y + dual_port_luts(QUEUE, y), x + 2 * y, 0
        if self.memory == "block":
            bram = block_rams(self.folds, word)
        elif self.memory == "distributed":
            lut += rom_luts(self.folds, word)
            ff += word
        if self.turns > 1:
            lut += dual_port_luts(1 << log2(self.beats), x) + rom_luts(self.turns, y) + RING_LUT
            ff += y
        counts = 2 * log2(self.folds) + 3 * (self.turns > 1) * (log2(self.beats) + 1)
        return Resources(lut + round(CONTROL_LUT + COUNT_LUT * counts), ff + CONTROL_FF + counts, bram)


def rom_luts(depth: int, width: int) -> int:
    """LUTs of a lut_rom."""
    return -(-width // 2) if depth <= LUT_WORDS // 2 else width * -(-depth // LUT_WORDS)


def literal(bits: Integers) -> str:
    """Bits, the least significant first, as one Verilog literal, or as several of them one behind the other."""
    flat = bits.ravel()
    parts = [flat[i : i + LITERAL_BITS] for i in range(0, len(flat), LITERAL_BITS)]
    packed = [np.packbits(part.astype(np.uint8), bitorder="little").tobytes() for part in parts]
    words = [f"{len(part)}'h{int.from_bytes(value, 'little'):x}" for part, value in zip(parts, packed, strict=True)]
    return words[0] if len(words) == 1 else f"{{{', '.join(reversed(words))}}}"
