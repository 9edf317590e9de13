// SPDX-License-Identifier: Apache-2.0

`default_nettype none
// verilator lint_off DECLFILENAME

/// Model of the 7-series look-up table with six inputs (AMD UG953).
module LUT6 #(
  parameter logic [63:0] INIT = '0
) (
  input  wire logic I0, I1, I2, I3, I4, I5,
  output      logic O
);
  assign O = INIT[{I5, I4, I3, I2, I1, I0}];
endmodule

`default_nettype wire
