# SPDX-License-Identifier: Apache-2.0
"""DspMvu: a matrix-vector product of narrow weights, several in each DSP slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from board.core.arrays import Integers
from hls_build.cost.resources import Resources
from hls_build.cost.ternary_tree import TernaryTree
from hls_build.dataflow import rules
from hls_build.kernels.matrix_spec import MatrixSpec, literal

MOST_FOLDS = {"distributed": rules.MOST_LUT_FOLDS, "block": rules.MOST_BLOCK_FOLDS}
"""Folds that each memory of weights holds: LUTs, block RAM."""
A_BITS = 25
"""Of the port of a DSP48E1 in which weights are packed."""
PRODUCT_LATENCY = 3
"""Registers of a slice."""
TAG_FF = 12
"""Of valid, begins and ends beside the slices."""


@dataclass(frozen=True)
class DspMvuSpec(MatrixSpec):
    """A matrix-vector product on DSP slices."""

    module: ClassVar[str] = "dsp_mvu"
    shared_sources: ClassVar[tuple[str, ...]] = (
        *("mvu_sequencer.sv", "lut_rom.sv", "weight_rom.sv", "ternary_adder.sv", "adder_tree.sv"),
        *("mvu_accumulators.sv", "dsp_mvu/packed_products.sv"),
    )
    most_folds: ClassVar[dict[str, int]] = MOST_FOLDS

    @property
    def lane_bits(self) -> int:
        """Distance of two products in a slice."""
        return self.weight_bits + self.bits - 1

    @property
    def lanes(self) -> int:
        """Products of a slice."""
        return 1 + (A_BITS - self.weight_bits) // self.lane_bits

    def rtl_parameters(self) -> dict[str, int | str]:
        """Return the parameters of dsp_mvu.sv."""
        return {
            **self.common_parameters,
            "WEIGHT_BITS": self.weight_bits,
            "MEMORY": 1 + list(MOST_FOLDS).index(self.memory),
            "WEIGHTS": literal(self._weight_bits()),
        }

    @property
    def borrows(self) -> Integers:
        """Whether the fields up to each weight's are a negative number, so that it borrows from the next: (mh, mw).

        It does where the last weight that is not zero is positive: activations are negative in a slice.
        """
        folded = self.folded
        found = np.zeros_like(folded)
        for p in range(self.pe):
            below = found[:, p - 1] if p % self.lanes else 0
            found[:, p] = np.where(folded[:, p] == 0, below, folded[:, p] > 0)
        return found.reshape(self.mh, self.mw)

    @property
    def offsets(self) -> Integers:
        """What every output begins with, of shape (mh,): the fields' sums and these are the sums of the products.

        A field is w * (x - 2**bits) less what the field below borrows and more 2**lane_bits where it borrows itself; x
        is the activation, and of a signed one 2**(bits - 1) more.
        """
        borrows = self.borrows.reshape(self.turns, self.pe, self.mw)
        borrowed = np.zeros_like(borrows)
        borrowed[:, 1:] = borrows[:, :-1]
        borrowed[:, :: self.lanes] = 0  # the first of a slice
        constant = (borrowed - (borrows << self.lane_bits)).sum(2).reshape(self.mh)
        offsets: Integers = constant + (self.matrix.sum(1) << (self.bits - self.signed))
        return offsets

    @property
    def sum_latency(self) -> int:
        """Cycles of the slices and the trees."""
        return PRODUCT_LATENCY + self._tree.latency

    @property
    def _tree(self) -> TernaryTree:
        """What sums up the products of one row."""
        return TernaryTree(self.simd, self.lane_bits)

    def resources(self) -> Resources:
        """Estimate: slices and trees as instantiated, with their registers; memories; little control."""
        own = Resources(
            self.pe * self._tree.lut,
            self.pe * self._tree.ff + TAG_FF + 3 * self._tree.latency,
            dsp=-(-self.pe // self.lanes) * self.simd,
        )
        return own + self.common_resources(self.weight_bits * self.pe * self.simd)

    def _weight_bits(self) -> Integers:
        """Bits of all weights in the order of the parameter WEIGHTS: lane, bit, fold; in block RAM the fold first."""
        bits = (self.folded[..., None] >> np.arange(self.weight_bits)) & 1  # (turns, pe, beats, simd, bits)
        return bits.transpose((0, 2, 1, 3, 4) if self.memory == "block" else (1, 3, 4, 0, 2))
