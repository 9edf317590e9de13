// SPDX-License-Identifier: Apache-2.0

`default_nettype none
// verilator lint_off DECLFILENAME

/// Model of the 7-series look-up table with two outputs (AMD UG953): O6 of all inputs, O5 of I0 to I4.
module LUT6_2 #(
  parameter logic [63:0] INIT = '0
) (
  input  wire logic I0, I1, I2, I3, I4, I5,
  output      logic O6, O5
);
  assign O6 = INIT[{I5, I4, I3, I2, I1, I0}];
  assign O5 = INIT[{1'b0, I4, I3, I2, I1, I0}];
endmodule

`default_nettype wire
