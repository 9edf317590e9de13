# SPDX-License-Identifier: Apache-2.0
"""PumpedMvu: a product on two clocks equals numpy, whatever the phase of resets, and keeps up with its streams."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from kernel_cases import Cases, NodeCase, label
from kernels import Simulate, lanes

from board.core.arithmetic import needed_bits
from board.simulation.harness import Simulation
from hls_build.kernels.dsp_mvu.spec import DspMvuSpec
from hls_build.kernels.matrix_spec import QUEUE, weight_text
from hls_build.kernels.pumped_mvu.spec import PumpedMvuSpec
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
) -> PumpedMvuSpec:
    """A product of mw x mh by pe x simd at once, of random weights with both extremes, with as few bits as it needs."""
    (mw, mh), (pe, simd), most = size, parallel, (1 << (weight_bits - 1)) - 1
    weights = np.random.default_rng(3).integers(-most, most + 1, (mh, mw))
    weights[0], weights[-1] = -most, most
    wide = PumpedMvuSpec(pixels, mw, mh, pe, simd, bits, signed, weight_bits, 24, memory, weight_text(weights))
    return dataclasses.replace(wide, out_bits=max(1, needed_bits(*wide.reach, True)))


SPECS = [
    spec(5, (12, 6), (2, 4), 4),
    spec(4, (12, 6), (6, 4), 4, signed=True),  # one turn
    spec(4, (12, 6), (6, 12), 4),  # a vector and its sums in every cycle
    spec(4, (12, 6), (2, 12), 4, signed=True),  # a vector in every third
    spec(3, (10, 8), (1, 2), 3, weight_bits=3),
    spec(3, (24, 10), (5, 12), 2, "block", weight_bits=2),
    spec(2, (32, 6), (3, 4), 8),
]
CASES = Cases(
    specs=SPECS,
    full_size=[spec(4, (144, 16), (4, 36), 4)],
    illegal=[
        ({"simd": 3}, "an even simd at twice the clock, got simd=3"),
        ({"simd": 5}, "simd to divide mw=12, got simd=5"),
        ({"memory": "logic"}, "memory to be one of distributed, block, got 'logic'"),
    ],
    illegal_rtl=[({"SIMD": 3}, "need an even SIMD"), ({"PE": 4}, "need PE to divide MH")],
    nodes=[NodeCase(spec(6, (4, 6), (2, 2), 4), [[1, 2, 3, 4]], [[1, 2, 3, 6]])],
    synthesised=[spec(4, (36, 8), (4, 36), 4), spec(4, (36, 16), (2, 18), 3, "block", signed=True)],
    lut_share=0.05,
    ff_share=0.1,
)

LATE_RESET = """
module late_reset (
  input wire logic clk_i, clk2x_i, rst_ni,
  input wire logic [{x}-1:0] s_axis_tdata, input wire logic s_axis_tvalid, output logic s_axis_tready,
  output logic [{y}-1:0] m_axis_tdata, output logic m_axis_tvalid, input wire logic m_axis_tready
);
  logic [{late}:0] rst_nq;

  always_comb rst_nq[0] = rst_ni;
  for (genvar i = 0; i < {late}; i++) begin : gen_late
    always_ff @(posedge clk2x_i) rst_nq[i+1] <= rst_nq[i];
  end
  {module} #({parameters}) kernel (.rst_ni(rst_nq[{late}]), .*);
endmodule
"""
"""The kernel, which sees its reset begin and end some edges of the doubled clock later than the harness."""


@pytest.mark.verilator
@pytest.mark.parametrize("late", [0, 1, 2, 3])
@pytest.mark.parametrize("one", [SPECS[1], SPECS[3]], ids=label)
def test_it_equals_numpy_whatever_the_phase_and_the_length_of_resets(
    one: PumpedMvuSpec, late: int, tmp_path: Path, rng: np.random.Generator, seed: int
) -> None:
    """After the first reset, after others of every length, each while vectors and sums are under way."""
    parameters = ", ".join(f".{key}({value})" for key, value in one.rtl_parameters().items())
    ports = {"x": one.inputs[0].width, "y": one.outputs[0].width, "module": one.module}
    (top := tmp_path / "late_reset.sv").write_text(LATE_RESET.format(late=late, parameters=parameters, **ports))
    low, high = one.inputs[0].limits
    x = rng.integers(low, high + 1, (5, 1, one.pixels, one.mw))
    beats, expected = {"s_axis": lanes(one.inputs[0]).pack(x)}, one.model(x)
    count = expected.size // one.pe
    with Simulation(verilator.build([*one.sources, top], "late_reset", random_start=True), seed=seed) as simulation:
        for cycles in (None, 1, 2, 3, 16):
            for under_way in range(1, 12) if cycles else (0,):
                if cycles:
                    simulation.feed("s_axis", beats["s_axis"])
                    simulation.expect("m_axis", count)
                    simulation.step(under_way)
                    simulation.reset(cycles)
                simulation.idle(3)  # until the kernel has seen the end of the reset
                for stall in ("none", "both"):  # the second without a reset between
                    got = simulation.run(beats, {"m_axis": count}, stall=stall, seed=seed).outputs["m_axis"]
                    np.testing.assert_array_equal(lanes(one.outputs[0]).unpack(got).ravel(), expected.ravel())
                assert not simulation.offers("m_axis")


@pytest.mark.verilator
def test_the_queue_is_all_that_is_begun_while_the_sink_holds_back(simulate: Simulate) -> None:
    """It takes what fills the queue and, of vectors that are a beat, the two that wait before the doubled clock."""
    one = SPECS[2]
    x = np.ones((QUEUE + 8, 1, one.pixels, one.mw), np.int64)
    with simulate.open(one) as simulation:
        simulation.feed("s_axis", lanes(one.inputs[0]).pack(x))
        assert not simulation.step(300)
        assert len(simulation.take("s_axis")[0]) == QUEUE + 3  # and one sum has left the queue


@pytest.mark.parametrize("one", SPECS, ids=label)
def test_half_the_slices_of_one_clock(one: PumpedMvuSpec) -> None:
    fields = {field.name: getattr(one, field.name) for field in dataclasses.fields(one)}
    assert 2 * one.resources().dsp == DspMvuSpec(**fields).resources().dsp
    assert one.cycles() == DspMvuSpec(**fields).cycles()
