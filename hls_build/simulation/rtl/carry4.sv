// SPDX-License-Identifier: Apache-2.0

`default_nettype none
// verilator lint_off DECLFILENAME

/// Model of the 7-series carry chain of a slice (AMD UG953): four multiplexers and four sums.
module CARRY4 (
  input  wire logic       CI, CYINIT,  // of which one is used, the other 0
  input  wire logic [3:0] DI, S,
  output      logic [3:0] CO, O
);
  logic [4:0] carries;

  assign carries[0] = CI | CYINIT;
  for (genvar i = 0; i < 4; i++) begin : gen_bit
    assign carries[i+1] = S[i] ? carries[i] : DI[i];
  end
  assign CO = carries[4:1];
  assign O  = S ^ carries[3:0];
endmodule

`default_nettype wire
