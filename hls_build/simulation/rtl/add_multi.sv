// SPDX-License-Identifier: Apache-2.0

/// Stand-in for FINN+'s add_multi.sv under Verilator: sums N addends DEPTH cycles later.
///
/// FINN+'s is an adder tree with up to $clog2(N) registers on every path, held by en, and behind it the
/// rest of DEPTH as registers that en does not hold. Verilator cannot read its constant function inside
/// a generate block. This one adds everything first and delays the sum by the same registers: same
/// ports, parameters, latency and reset, so equal for addends from ARG_LO to ARG_HI.
module add_multi import mvu_pkg::*; #(
  int unsigned N,          // addends
  int unsigned DEPTH,      // pipeline stages
  int unsigned ARG_WIDTH,  // bits per addend
  int          ARG_LO = 0, // range of an addend; 0 and 0: all of ARG_WIDTH, unsigned
  int          ARG_HI = 0,
  bit          RESET_ZERO = 1,  // FINN+ resets to unknown without it; here always to zero

  localparam int unsigned SUM_WIDTH = sumwidth(N, ARG_WIDTH, ARG_LO, ARG_HI)
) (
  input  logic                 clk,
  input  logic                 rst,
  input  logic                 en,
  input  logic [ARG_WIDTH-1:0] arg[N],
  output logic [SUM_WIDTH-1:0] sum
);
  localparam int unsigned Levels = $clog2(N);
  localparam int unsigned Held = DEPTH < Levels ? DEPTH : Levels;

  logic [SUM_WIDTH-1:0] total;
  always_comb begin
    total = '0;
    for (int unsigned i = 0; i < N; i++) begin
      total += ARG_LO < 0 ? SUM_WIDTH'($signed(arg[i])) : SUM_WIDTH'(arg[i]);
    end
  end

  if (DEPTH == 0) begin : gen_comb
    assign sum = total;
  end else begin : gen_stages
    logic [SUM_WIDTH-1:0] stage_q[DEPTH] = '{default: '0};
    always_ff @(posedge clk) begin
      for (int unsigned i = 0; i < DEPTH; i++) begin
        if (rst) stage_q[i] <= '0;
        else if (en || i >= Held) stage_q[i] <= i == 0 ? total : stage_q[i-1];
      end
    end
    assign sum = stage_q[DEPTH-1];
  end
endmodule : add_multi
