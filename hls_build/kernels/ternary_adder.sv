// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Adds three unsigned numbers of BITS bits, exactly modulo 2**SUM_BITS, in one carry chain of a LUT6_2 per bit.
///
/// The LUT of column j makes the sum of its three bits, which it adds to their carry out of column j - 1 as the chain
/// does, and their carry into column j + 1. Verilator reads a sum instead, unless PRIMITIVES is defined. No registers.
module ternary_adder #(
  parameter int unsigned BITS     = 1,        // of a number
  parameter int unsigned SUM_BITS = BITS + 2  // of the sum, at most BITS + 2
) (
  input  wire logic [BITS-1:0]     a_i, b_i, c_i,
  output      logic [SUM_BITS-1:0] sum_o
);
  if (SUM_BITS == 0 || SUM_BITS > BITS + 2) begin : gen_check_bits
    $error("need 1 <= SUM_BITS <= BITS + 2");
  end

`ifdef VERILATOR
`ifdef PRIMITIVES
  localparam bit BEHAVIOURAL = 0;
`else
  localparam bit BEHAVIOURAL = 1;
`endif
`else
  localparam bit BEHAVIOURAL = 0;
`endif

  if (BEHAVIOURAL) begin : gen_behaviour
    assign sum_o = SUM_BITS'(a_i) + SUM_BITS'(b_i) + SUM_BITS'(c_i);
  end else begin : gen_primitives
    localparam int unsigned CHAINS = (SUM_BITS + 3) / 4;
    logic [BITS:0]       carries;  // of three bits, into column j
    logic [4*CHAINS-1:0] sums, ors, outs, carry_outs;

    assign carries[0] = 1'b0;

    for (genvar j = 0; j < 4 * CHAINS; j++) begin : gen_column
      if (j < BITS) begin : gen_bits
        LUT6_2 #(.INIT(64'h6996_6996_e8e8_e8e8)) add (
          .I0(a_i[j]), .I1(b_i[j]), .I2(c_i[j]), .I3(carries[j]), .I4(1'b0), .I5(1'b1),
          .O6(sums[j]), .O5(carries[j+1])
        );
        assign ors[j] = carries[j];
      end else if (j == BITS) begin : gen_carry
        assign sums[j] = carries[j];
        assign ors[j]  = 1'b0;
      end else begin : gen_top
        assign sums[j] = 1'b0;
        assign ors[j]  = 1'b0;
      end
    end

    for (genvar k = 0; k < CHAINS; k++) begin : gen_chain
      if (k == 0) begin : gen_first
        CARRY4 chain (
          .CI(1'b0), .CYINIT(1'b0), .DI(ors[3:0]), .S(sums[3:0]), .O(outs[3:0]), .CO(carry_outs[3:0])
        );
      end else begin : gen_next
        CARRY4 chain (
          .CI(carry_outs[4*k-1]), .CYINIT(1'b0), .DI(ors[4*k +: 4]), .S(sums[4*k +: 4]),
          .O(outs[4*k +: 4]), .CO(carry_outs[4*k +: 4])
        );
      end
    end

    assign sum_o = outs[SUM_BITS-1:0];
    wire unused = &{1'b0, carry_outs, outs, carries};  // above the sum
  end
endmodule

`default_nettype wire
