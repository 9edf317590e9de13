// SPDX-License-Identifier: Apache-2.0

// Ports and parameters of 7-series primitives that our kernels instantiate (AMD UG953), for Yosys to count.

(* blackbox *)
module LUT6 #(
  parameter [63:0] INIT = 64'h0
) (
  output O,
  input I0,
  input I1,
  input I2,
  input I3,
  input I4,
  input I5
);
endmodule

(* blackbox *)
module MUXF7 (
  output O,
  input I0,
  input I1,
  input S
);
endmodule

(* blackbox *)
module MUXF8 (
  output O,
  input I0,
  input I1,
  input S
);
endmodule

(* blackbox *)
module CARRY4 (
  output [3:0] CO,
  output [3:0] O,
  input CI,
  input CYINIT,
  input [3:0] DI,
  input [3:0] S
);
endmodule
