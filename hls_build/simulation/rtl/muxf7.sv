// SPDX-License-Identifier: Apache-2.0

`default_nettype none
// verilator lint_off DECLFILENAME

/// Model of the 7-series multiplexer behind two look-up tables (AMD UG953).
module MUXF7 (
  input  wire logic I0, I1, S,
  output      logic O
);
  assign O = S ? I1 : I0;
endmodule

`default_nettype wire
