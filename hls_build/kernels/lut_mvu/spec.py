# SPDX-License-Identifier: Apache-2.0
"""LutMvu: a matrix-vector product whose weights are ternary digits, in LUTs alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from board.core.arrays import Integers
from hls_build.cost.column_compressor import ColumnCompressor
from hls_build.cost.resources import Resources
from hls_build.dataflow import rules
from hls_build.kernels.kernel_spec import check_positive
from hls_build.kernels.matrix_spec import MatrixSpec, literal

MOST_FOLDS = {"logic": 32, "distributed": rules.MOST_LUT_FOLDS, "block": rules.MOST_BLOCK_FOLDS}
"""Folds that each memory of weights holds: the products' own LUTs, LUTs beside them, block RAM."""


@dataclass(frozen=True)
class LutMvuSpec(MatrixSpec):
    """A matrix-vector product in LUTs.

    Attributes:
        levels: LUTs between two registers of the compressors.
    """

    levels: int

    module: ClassVar[str] = "lut_mvu"
    shared_sources: ClassVar[tuple[str, ...]] = (
        *("mvu_sequencer.sv", "lut_rom.sv", "weight_rom.sv", "column_compressor.sv", "mvu_accumulators.sv"),
    )
    most_folds: ClassVar[dict[str, int]] = MOST_FOLDS

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive("levels", self.levels)

    @property
    def digits(self) -> int:
        """Ternary digits of a weight."""
        return self.weight_bits - 1

    def rtl_parameters(self) -> dict[str, int | str]:
        """Return the parameters of lut_mvu.sv."""
        return {
            **self.common_parameters,
            "DIGITS": self.digits,
            "LEVELS": self.levels,
            "MEMORY": list(MOST_FOLDS).index(self.memory),
            "WEIGHTS": literal(self._weight_bits()),
        }

    @property
    def offsets(self) -> Integers:
        """What every output begins with, of shape (mh,): it takes off what the terms add to the product."""
        signs = np.array([self._digit(-self.matrix, d).sum(1) << d for d in range(self.digits)]).sum(0)
        inverted = self.matrix.sum(1) << (self.bits - 1) if self.signed else 0
        offsets: Integers = -(((1 << self.bits) - 1) * signs + inverted)
        return offsets

    @property
    def sum_latency(self) -> int:
        """Cycles of the compressor."""
        return self._compressor.latency

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
        terms, word = self.simd * self.digits * self.bits, 2 * self.pe * self.simd * self.digits
        compressor = self._compressor
        lut = (-(-self.pe // 2) if self.folds <= 16 and self.memory == "logic" else self.pe) * terms
        own = Resources(lut + self.pe * compressor.lut, self.pe * compressor.ff)
        return own + self.common_resources(word)

    def _digit(self, values: Integers, digit: int) -> Integers:
        """Whether each of some integers is positive and has a bit."""
        return np.where(values > 0, (values >> digit) & 1, 0)

    def _weight_bits(self) -> Integers:
        """Bits of all weights in the order of the parameter WEIGHTS: lane, digit, neg before pos, fold.

        In block RAM the fold comes first.
        """
        digits = [[self._digit(sign * self.folded, d) for sign in (-1, 1)] for d in range(self.digits)]
        bits = np.array(digits)  # (digits, 2, turns, pe, beats, simd)
        return bits.transpose((2, 4, 3, 5, 0, 1) if self.memory == "block" else (3, 5, 0, 1, 2, 4))
