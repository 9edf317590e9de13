# SPDX-License-Identifier: Apache-2.0
"""DspMvu: products packed into DSP slices, whatever the weights, the activations and the folding."""

from __future__ import annotations

import dataclasses
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from kernel_cases import Cases, NodeCase, label
from kernels import Simulate, lanes

from board.core.arithmetic import needed_bits
from board.core.lanes import Lanes
from board.simulation.harness import Simulation
from hls_build.cost.multiplier import Multiplier
from hls_build.cost.ternary_tree import TernaryTree
from hls_build.kernels.dsp_mvu.spec import DspMvuSpec
from hls_build.kernels.kernel_spec import FOLDER
from hls_build.kernels.matrix_spec import QUEUE, weight_text
from hls_build.simulation import verilator


def spec(
    pixels: int,
    size: tuple[int, int],
    parallel: tuple[int, int],
    bits: int,
    memory: str = "distributed",
    *,
    signed: bool = False,
    weight_bits: int = 4,
    weights: np.ndarray | None = None,
) -> DspMvuSpec:
    """A product of mw x mh by pe x simd at once, of random weights with both extremes, with as few bits as it needs."""
    (mw, mh), (pe, simd), most = size, parallel, (1 << (weight_bits - 1)) - 1
    if weights is None:
        weights = np.random.default_rng(3).integers(-most, most + 1, (mh, mw))
        weights[0], weights[-1] = -most, most
    wide = DspMvuSpec(pixels, mw, mh, pe, simd, bits, signed, weight_bits, 24, memory, weight_text(weights))
    return dataclasses.replace(wide, out_bits=max(1, needed_bits(*wide.reach, True)))


SPECS = [
    spec(5, (12, 6), (2, 4), 4),
    spec(4, (12, 6), (6, 4), 4, signed=True),
    spec(4, (18, 8), (8, 9), 3, weight_bits=3),
    spec(2, (10, 8), (1, 1), 4, signed=True),
    spec(3, (24, 10), (5, 12), 2, "block", weight_bits=2),
    spec(3, (24, 8), (8, 24), 1, weight_bits=2),
    spec(2, (30, 24), (3, 5), 8),
    spec(2, (8, 150), (3, 2), 2, signed=True, weight_bits=3),
]
CASES = Cases(
    specs=SPECS,
    full_size=[spec(4, (144, 16), (4, 36), 4)],
    illegal=[
        ({"pe": 4}, r"pe to divide channels=6 \(one of \[1, 2, 3, 6\]\), got pe=4"),
        ({"simd": 5}, "simd to divide mw=12, got simd=5"),
        ({"bits": 9}, "1 <= bits <= 8, got bits=9"),
        ({"weight_bits": 5}, "2 <= weight_bits <= 4, got weight_bits=5"),
        ({"memory": "logic"}, "memory to be one of distributed, block, got 'logic'"),
        ({"weights": "0"}, "need 72 hexadecimal digits of weights, got 1 letters"),
        ({"weights": "8" * 72}, "weights of -7 to 7, got -8 to -8"),
        ({"out_bits": 9}, "out_bits for sums of -1260 to 1260, got out_bits=9"),
    ],
    illegal_rtl=[
        ({"SIMD": 5}, "need SIMD to divide MW"),
        ({"PE": 4}, "need PE to divide MH"),
        ({"WEIGHT_BITS": 1}, "WEIGHT_BITS >= 2"),
        ({"MEMORY": 0}, "need MEMORY 1 of at most 256 folds, or 2"),
        ({"MEMORY": 3}, "need MEMORY 1 of at most 256 folds"),
    ],
    nodes=[NodeCase(spec(6, (4, 6), (2, 2), 4), [[1, 2, 3, 4]], [[1, 2, 3, 6]])],
    synthesised=[spec(4, (36, 8), (4, 18), 4), spec(4, (36, 16), (2, 9), 3, "block", signed=True)],
    lut_share=0.05,
    ff_share=0.1,
)

FIELDS = """
module fields #(
  parameter int unsigned LANES = 1, WEIGHT_BITS = 2, IN_BITS = 1,
  localparam int unsigned WIDTH = LANES * WEIGHT_BITS + IN_BITS, LANE = WEIGHT_BITS + IN_BITS - 1
) (
  input wire logic clk_i, rst_ni,
  input wire logic [WIDTH-1:0] s_axis_tdata, input wire logic s_axis_tvalid, output logic s_axis_tready,
  output logic [LANES*LANE-1:0] m_axis_tdata, output logic m_axis_tvalid, input wire logic m_axis_tready
);
  logic [2:0] valid_q;

  packed_products #(.LANES(LANES), .WEIGHT_BITS(WEIGHT_BITS), .IN_BITS(IN_BITS)) slice (
    .clk_i, .weights_i(s_axis_tdata[WIDTH-1:IN_BITS]), .x_i(s_axis_tdata[IN_BITS-1:0]), .fields_o(m_axis_tdata)
  );
  always_ff @(posedge clk_i) valid_q <= rst_ni ? {valid_q[1:0], s_axis_tvalid} : '0;
  assign s_axis_tready = 1'b1;
  assign m_axis_tvalid = valid_q[2];
endmodule
"""
"""Gives a slice weights and activation in one stream, which nobody may hold back, and its fields in another."""
SUMS = """
module sums #(parameter int unsigned BITS = 1, SUM_BITS = 3) (
  input wire logic clk_i, rst_ni,
  input wire logic [3*BITS-1:0] s_axis_tdata, input wire logic s_axis_tvalid, output logic s_axis_tready,
  output logic [SUM_BITS-1:0] m_axis_tdata, output logic m_axis_tvalid, input wire logic m_axis_tready
);
  logic [3*BITS-1:0] numbers_q;

  always_ff @(posedge clk_i) numbers_q <= s_axis_tdata;
  always_ff @(posedge clk_i) m_axis_tvalid <= rst_ni && s_axis_tvalid;
  ternary_adder #(.BITS(BITS), .SUM_BITS(SUM_BITS)) adder (
    .a_i(numbers_q[BITS-1:0]), .b_i(numbers_q[2*BITS-1:BITS]), .c_i(numbers_q[3*BITS-1:2*BITS]), .sum_o(m_axis_tdata)
  );
  assign s_axis_tready = 1'b1;
endmodule
"""
"""The same for a ternary adder."""

WIDTHS = [(4, 4), (3, 3), (4, 3), (2, 4), (2, 2), (4, 8), (2, 1)]
BOTH = pytest.mark.parametrize("primitives", [False, True], ids=["behaviour", "primitives"])


@pytest.mark.verilator
@BOTH
@pytest.mark.parametrize(("weight_bits", "bits"), WIDTHS)
def test_every_set_of_weights_of_a_slice_by_every_activation(
    weight_bits: int, bits: int, primitives: bool, tmp_path: Path
) -> None:
    """All there is, up to eight lanes: every field is its product less a constant of the weights."""
    most, lane_bits = (1 << (weight_bits - 1)) - 1, weight_bits + bits - 1
    rows = min(8, 1 + (25 - weight_bits) // lane_bits)
    weights = np.array(list(product(range(-most, most + 1), repeat=rows))).T
    count = weights.shape[1]
    one = DspMvuSpec(1, count, rows, rows, count, bits, False, weight_bits, 24, "block", weight_text(weights))
    below = np.concatenate([np.zeros((1, count), np.int64), one.borrows[:-1]])
    (top := tmp_path / "fields.sv").write_text(FIELDS)
    parameters: dict[str, int | str] = {"LANES": rows, "WEIGHT_BITS": weight_bits, "IN_BITS": bits}
    library = verilator.build([*one.sources, top], "fields", parameters, primitives=primitives)
    codes = ((weights & (1 << weight_bits) - 1) << weight_bits * np.arange(rows)[:, None]).sum(0)
    with Simulation(library) as simulation:
        for x in range(1 << bits):
            beats = Lanes(1, rows * weight_bits + bits).pack(codes << bits | x)
            got = simulation.run({"s_axis": beats}, {"m_axis": count}).outputs["m_axis"]
            fields = Lanes(rows, lane_bits).unpack(got).reshape(count, rows).T
            np.testing.assert_array_equal(
                fields + below - (one.borrows << lane_bits), weights * (x - (1 << bits)), str(x)
            )


@pytest.mark.verilator
@BOTH
@pytest.mark.parametrize(("bits", "sum_bits"), [(1, 3), (2, 4), (3, 5), (4, 6), (3, 4), (4, 4)])
def test_every_three_numbers_add_up(bits: int, sum_bits: int, primitives: bool, tmp_path: Path) -> None:
    numbers = np.array(list(product(range(1 << bits), repeat=3)))
    (top := tmp_path / "sums.sv").write_text(SUMS)
    sources = [FOLDER / "ternary_adder.sv", top]
    library = verilator.build(sources, "sums", {"BITS": bits, "SUM_BITS": sum_bits}, primitives=primitives)
    with Simulation(library) as simulation:
        got = simulation.run({"s_axis": Lanes(3, bits).pack(numbers)}, {"m_axis": len(numbers)}).outputs["m_axis"]
    found = Lanes(1, sum_bits).unpack(got).ravel()
    np.testing.assert_array_equal(found, numbers.sum(1) % (1 << sum_bits))


@pytest.mark.verilator
@pytest.mark.parametrize("one", [*SPECS, pytest.param(CASES.full_size[0], marks=pytest.mark.slow)], ids=label)
def test_primitives_give_the_same_beats_in_the_same_cycles(one: DspMvuSpec, rng: np.random.Generator) -> None:
    """What Vivado gets, DSP48E1, LUT6_2 and CARRY4, beside what Verilator reads otherwise."""
    low, high = one.inputs[0].limits
    x = rng.integers(low, high + 1, (6, 1, one.pixels, one.mw))
    x[0], x[1] = low, high
    runs = []
    for primitives in (False, True):
        library = verilator.build(one.sources, one.module, one.rtl_parameters(), primitives=primitives)
        with Simulation(library) as simulation:
            beats = {"s_axis": lanes(one.inputs[0]).pack(x)}
            runs.append(simulation.run(beats, {"m_axis": x.size // one.mw * one.turns}, stall="both"))
    behaviour, real = runs
    assert behaviour.cycles == real.cycles
    np.testing.assert_array_equal(real.outputs["m_axis"], behaviour.outputs["m_axis"])
    np.testing.assert_array_equal(lanes(one.outputs[0]).unpack(real.outputs["m_axis"]).ravel(), one.model(x).ravel())


@pytest.mark.verilator
@pytest.mark.parametrize("fill", [-7, 7])
def test_sums_reach_both_ends(fill: int, simulate: Simulate) -> None:
    one = spec(1, (64, 4), (4, 32), 4, signed=True, weights=np.full((4, 64), fill))
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


@pytest.mark.parametrize(("weight_bits", "bits", "packed"), [(4, 4, 4), (3, 3, 5), (2, 4, 5), (2, 2, 8), (4, 8, 2)])
def test_as_many_products_a_slice_as_finn(weight_bits: int, bits: int, packed: int) -> None:
    one = spec(1, (8, 8), (8, 4), bits, weight_bits=weight_bits)
    assert one.lanes == packed == Multiplier(8, 4, weight_bits, bits, 12, 2, 1).lanes
    assert one.resources().dsp == 4 * -(-8 // packed)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 9, 10, 36])
def test_a_tree_ends_with_one_number_of_all_bits(count: int) -> None:
    tree = TernaryTree(count, 7)
    assert tree.levels[-1] == (1, (count * 127).bit_length())
    assert 3 ** (tree.latency - 1) < count <= 3**tree.latency or count == 1
