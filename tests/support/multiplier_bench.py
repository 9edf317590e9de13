# SPDX-License-Identifier: Apache-2.0
"""FINN+'s mvu.sv twice in one top, by its behavioural branch and from primitives, fed alike; it counts differences.

Stimuli come from generators in the top, so that millions of results take seconds: random weights and activations, or
both at their extremes; pauses (`zero`) and resets in mid-frame at random.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from finn_multiplier import RTL

from board.simulation.harness import Simulation
from board.simulation.streams import Ports
from hls_build.simulation import verilator

PORTS = Ports((), "clk_i", "rst_ni")
TOP = """\
module bench #(
  parameter int PE = 1, SIMD = 1, WW = 4, AW = 4, ACC = 16, SIGNED = 0, NARROW = 1, SF = 1
) (
  input logic clk_i, input logic rst_ni, output logic [31:0] results, output logic [31:0] differences
);
  localparam int WeightBits = PE * SIMD * WW, ActivationBits = SIMD * AW;
  localparam int Generators = (WeightBits + ActivationBits + 64 + 63) / 64;
  logic [Generators-1:0][63:0] pool_q;
  for (genvar i = 0; i < Generators; i++) begin : gen_pool
    logic [63:0] a, b;
    assign a = pool_q[i] ^ (pool_q[i] << 13);
    assign b = a ^ (a >> 7);
    initial pool_q[i] = 64'h9e37_79b9_7f4a_7c15 * 64'(2 * i + 1);
    always_ff @(posedge clk_i) pool_q[i] <= b ^ (b << 17);
  end
  wire [63:0] dice = pool_q[Generators-1];
  wire [64*Generators-1:0] bits = pool_q;
  wire [WeightBits-1:0] noise_w = bits[0 +: WeightBits];
  wire [ActivationBits-1:0] noise_a = bits[WeightBits +: ActivationBits];

  logic [31:0] cycle_q = 0, fold_q = 0;
  logic [2:0]  mode_q = 7;
  logic        rst, zero, last;
  logic [PE-1:0][SIMD-1:0][WW-1:0] w;
  logic [SIMD-1:0][AW-1:0] a;

  localparam logic [WW-1:0] Top = WW'((1 << (WW - 1)) - 1);
  localparam logic [WW-1:0] Bottom = NARROW != 0 ? -Top : WW'(1 << (WW - 1));
  localparam logic [AW-1:0] Most = SIGNED != 0 ? AW'((1 << (AW - 1)) - 1) : '1;
  localparam logic [AW-1:0] Least = SIGNED != 0 ? AW'(1 << (AW - 1)) : '0;

  assign rst  = !rst_ni || dice[30:16] == 0;
  assign zero = mode_q[0] ? dice[2:0] == 0 : dice[5:0] == 0;
  assign last = !zero && fold_q == 32'(SF - 1);
  always_comb begin
    for (int s = 0; s < SIMD; s++) begin
      case (mode_q)
        0, 1: a[s] = Most;
        2: a[s] = Least;
        3: a[s] = noise_a[s*AW] ? Most : Least;
        default: a[s] = noise_a[s*AW +: AW];
      endcase
      for (int p = 0; p < PE; p++) begin
        case (mode_q)
          0: w[p][s] = Bottom;
          1: w[p][s] = Top;
          2, 3: w[p][s] = noise_w[(p*SIMD+s)*WW] ? Bottom : Top;
          default: begin
            w[p][s] = noise_w[(p*SIMD+s)*WW +: WW];
            if (NARROW != 0 && w[p][s] == (1 << (WW - 1))) w[p][s] = Bottom;
          end
        endcase
      end
    end
  end

  logic vld_b, vld_s;
  logic [PE-1:0][ACC-1:0] p_b, p_s;
  mvu #(
    .VERSION(1), .PE(PE), .SIMD(SIMD), .WEIGHT_WIDTH(WW), .ACTIVATION_WIDTH(AW), .ACCU_WIDTH(ACC),
    .SIGNED_ACTIVATIONS(SIGNED), .NARROW_WEIGHTS(NARROW)
  ) behavioural (.clk(clk_i), .rst, .en(1'b1), .last, .zero, .w, .a, .vld(vld_b), .p(p_b));
  mvu_synthesised #(
    .VERSION(1), .PE(PE), .SIMD(SIMD), .WEIGHT_WIDTH(WW), .ACTIVATION_WIDTH(AW), .ACCU_WIDTH(ACC),
    .SIGNED_ACTIVATIONS(SIGNED), .NARROW_WEIGHTS(NARROW)
  ) synthesised (.clk(clk_i), .rst, .en(1'b1), .last, .zero, .w, .a, .vld(vld_s), .p(p_s));

  always_ff @(posedge clk_i) begin
    cycle_q <= cycle_q + 1;
    if (cycle_q % 509 == 0) mode_q <= dice[42:40];
    if (rst) begin
      fold_q <= 0;
    end else if (!zero) begin
      fold_q <= last ? 0 : fold_q + 1;
    end
    if (!rst_ni) begin
      results <= 0;
      differences <= 0;
    end else begin
      if (vld_b) results <= results + PE;
      if (vld_b != vld_s || (vld_b && p_b != p_s)) differences <= differences + 1;
    end
  end
endmodule
"""


@dataclass(frozen=True)
class Multiplier:
    """One configuration of mvu.sv, with the names of its parameters.

    Attributes:
        pe: Rows at once.
        simd: Columns at once.
        weight_bits: Of signed weights.
        activation_bits: Of activations.
        accumulator_bits: Of a result.
        folds: Beats of one result.
        signed: Whether activations are signed.
        narrow: Whether the least weight is left out.
    """

    pe: int
    simd: int
    weight_bits: int
    activation_bits: int
    accumulator_bits: int
    folds: int = 1
    signed: bool = False
    narrow: bool = True


def counted(folder: Path, multiplier: Multiplier, cycles: int) -> tuple[int, int]:
    """Run both for some cycles; how many results came, and in how many cycles they differed.

    Args:
        folder: For the copies that Verilator reads.
        multiplier: What to run.
        cycles: Clock cycles.
    """
    text = verilator.synthesised_multiplier((RTL / "mvu.sv").read_text())
    copy = folder / "mvu_synthesised.sv"
    copy.write_text(re.sub(r"^(module |endmodule : )mvu\b", r"\1mvu_synthesised", text, flags=re.MULTILINE))
    top = folder / "bench.sv"
    top.write_text(TOP)
    parameters: dict[str, int | str] = {
        **{"PE": multiplier.pe, "SIMD": multiplier.simd, "WW": multiplier.weight_bits},
        **{"AW": multiplier.activation_bits, "ACC": multiplier.accumulator_bits, "SF": multiplier.folds},
        **{"SIGNED": int(multiplier.signed), "NARROW": int(multiplier.narrow)},
    }
    files = [RTL / "mvu_pkg.sv", RTL / "mvu.sv", copy, RTL / "add_multi.sv", *verilator.PRIMITIVES, top]
    with Simulation(verilator.build(files, "bench", parameters), PORTS, workdir=folder) as simulation:
        simulation.idle(cycles)
        return simulation.peek("results"), simulation.peek("differences")
