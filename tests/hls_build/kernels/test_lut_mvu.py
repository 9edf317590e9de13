# SPDX-License-Identifier: Apache-2.0
"""LutMvu: products of ternary digits in LUTs, whatever the weights, the activations and the folding."""

from __future__ import annotations

import dataclasses
from itertools import product

import numpy as np
import pytest
from kernel_cases import Cases, NodeCase
from kernels import Simulate, lanes

from board.core.arithmetic import needed_bits
from hls_build.cost.column_compressor import ColumnCompressor
from hls_build.kernels.lut_mvu.spec import LutMvuSpec
from hls_build.kernels.matrix_spec import LITERAL_BITS, QUEUE, weight_text


def spec(
    pixels: int,
    size: tuple[int, int],
    parallel: tuple[int, int],
    bits: int,
    memory: str,
    *,
    signed: bool = False,
    weight_bits: int = 2,
    levels: int = 2,
    weights: np.ndarray | None = None,
) -> LutMvuSpec:
    """A product of mw x mh by pe x simd at once, of random weights with both extremes, with as few bits as it needs."""
    (mw, mh), (pe, simd), most = size, parallel, (1 << (weight_bits - 1)) - 1
    if weights is None:
        weights = np.random.default_rng(3).integers(-most, most + 1, (mh, mw))
        weights[0], weights[-1] = -most, most
    wide = LutMvuSpec(pixels, mw, mh, pe, simd, bits, signed, weight_bits, 24, memory, weight_text(weights), levels)
    return dataclasses.replace(wide, out_bits=max(1, needed_bits(*wide.reach, True)))


SPECS = [
    spec(5, (12, 6), (2, 4), 2, "logic"),
    spec(4, (12, 6), (3, 4), 4, "distributed", signed=True, levels=1),
    spec(4, (18, 4), (4, 9), 2, "logic", levels=3),
    spec(2, (10, 8), (1, 1), 4, "distributed", signed=True, weight_bits=3),
    spec(3, (24, 8), (2, 12), 3, "block", weight_bits=4),
    spec(3, (24, 8), (8, 24), 1, "logic"),
    spec(2, (30, 24), (3, 5), 2, "distributed"),
    spec(2, (8, 150), (3, 2), 2, "distributed", signed=True),
    spec(3, (10, 3), (1, 2), 1, "logic"),
]
CASES = Cases(
    specs=SPECS,
    full_size=[spec(4, (288, 64), (8, 36), 2, "distributed")],
    illegal=[
        ({"pe": 4}, r"pe to divide channels=6 \(one of \[1, 2, 3, 6\]\), got pe=4"),
        ({"simd": 5}, "simd to divide mw=12, got simd=5"),
        ({"pixels": 0}, "pixels >= 1, got pixels=0"),
        ({"bits": 9}, "1 <= bits <= 8, got bits=9"),
        ({"weight_bits": 5}, "2 <= weight_bits <= 4, got weight_bits=5"),
        ({"levels": 0}, "levels >= 1, got levels=0"),
        ({"memory": "ultra"}, "memory to be one of logic, distributed, block, got 'ultra'"),
        ({"simd": 1, "pe": 1}, "at most 32 folds in logic, got 72"),
        ({"weights": "0"}, "need 72 hexadecimal digits of weights, got 1 letters"),
        ({"weights": "2" * 72}, "weights of -1 to 1, got 2 to 2"),
        ({"out_bits": 5}, "out_bits for sums of -36 to 36, got out_bits=5"),
    ],
    illegal_rtl=[
        ({"SIMD": 5}, "need SIMD to divide MW"),
        ({"PE": 4}, "need PE to divide MH"),
        ({"LEVELS": 0}, "LEVELS >= 1"),
        ({"PE": 1, "SIMD": 1}, "need MEMORY 0 of at most 32 folds, 1 of at most 256, or 2"),
        ({"MEMORY": 3}, "need MEMORY 0 of at most 32 folds"),
    ],
    nodes=[NodeCase(spec(6, (4, 6), (2, 2), 2, "logic"), [[1, 2, 3, 4]], [[1, 2, 3, 6]])],
    synthesised=[spec(4, (36, 8), (2, 18), 2, "logic"), spec(4, (36, 16), (1, 9), 3, "distributed", signed=True)],
    lut_share=0.1,
    ff_share=0.15,
)

SMALL = [(2, False, 2, "logic"), (2, True, 2, "distributed"), (1, False, 3, "logic"), (2, True, 3, "block")]


@pytest.mark.verilator
@pytest.mark.parametrize(("bits", "signed", "weight_bits", "memory"), SMALL)
def test_every_weight_by_every_activation(
    bits: int, signed: bool, weight_bits: int, memory: str, simulate: Simulate
) -> None:
    """All pairs of weights, an output each, by all pairs of activations: all there is at SIMD = 2."""
    most = (1 << (weight_bits - 1)) - 1
    weights = np.array(list(product(range(-most, most + 1), repeat=2)))
    values = range(-(1 << (bits - 1)), 1 << (bits - 1)) if signed else range(1 << bits)
    x = np.array(list(product(values, repeat=2)))[:, None, None]
    size = (2, len(weights))
    pe = {9: 3, 49: 7}[len(weights)]
    one = spec(1, size, (pe, 2), bits, memory, signed=signed, weight_bits=weight_bits, weights=weights)
    np.testing.assert_array_equal(simulate(one, x, "both"), (x @ weights.T))


@pytest.mark.verilator
@pytest.mark.parametrize("memory", ["logic", "distributed"])
@pytest.mark.parametrize("fill", [-1, 1])
def test_sums_reach_both_ends(memory: str, fill: int, simulate: Simulate) -> None:
    one = spec(1, (64, 2), (1, 32), 4, memory, signed=True, weights=np.full((2, 64), fill))
    x = np.repeat(np.array([-8, 7]), 64).reshape(2, 1, 1, 64)
    np.testing.assert_array_equal(np.unique(simulate(one, x)), sorted((-512 * fill, 448 * fill)))


@pytest.mark.verilator
def test_the_queue_is_all_that_is_begun_while_the_sink_holds_back(simulate: Simulate) -> None:
    """It loses nothing, and takes no beat more than it has room for: a queue of sums, no beat of a vector begun."""
    one = SPECS[5]  # a sum in every cycle
    x = np.ones((QUEUE + 8, 1, 3, 24), np.int64)
    with simulate.open(one) as simulation:
        simulation.feed("s_axis", lanes(one.inputs[0]).pack(x))
        assert not simulation.step(300)
        assert len(simulation.take("s_axis")[0]) == QUEUE


def test_wide_constants_are_several_literals() -> None:
    one = spec(1, (288, 128), (4, 36), 2, "block")
    text = str(one.rtl_parameters()["WEIGHTS"])
    parts = text.strip("{}").split(", ")
    widths = [int(part.split("'h")[0]) for part in parts]
    assert sum(widths) == 2 * 288 * 128 and max(widths) == LITERAL_BITS and len(parts) == 2
    whole = 0
    for width, part in zip(widths, parts, strict=True):
        whole = whole << width | int(part.split("'h")[1], 16)
    assert whole.bit_count() == sum(value != "0" for value in one.weights)


def test_the_matrix_is_what_was_given() -> None:
    weights = np.arange(-7, 8).reshape(3, 5)
    one = spec(1, (5, 3), (1, 1), 2, "logic", weight_bits=4, weights=weights)
    np.testing.assert_array_equal(one.matrix, weights)


@pytest.mark.parametrize("heights", [(1,), (3,), (6, 6), (18, 36, 18), (5, 4, 3, 7), (0, 0, 9)])
def test_a_compressor_ends_with_two_rows(heights: tuple[int, ...]) -> None:
    width = sum(height << column for column, height in enumerate(heights)).bit_length()
    one = ColumnCompressor(heights, width, levels=1)
    assert max(one.levels_of_bits[-1]) <= 2
    assert one.latency == len(one.levels_of_bits) + 1
    assert ColumnCompressor(heights, width, levels=99).latency == 2
