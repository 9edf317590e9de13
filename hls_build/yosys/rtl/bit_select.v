// SPDX-License-Identifier: Apache-2.0

/// A bit selected out of a vector, as the cell by which Yosys knows shift registers of variable length.
(* techmap_celltype = "$bmux" *)
module bit_select #(
  parameter WIDTH = 1,
  parameter S_WIDTH = 1
) (
  input  [(WIDTH << S_WIDTH)-1:0] A,
  input  [S_WIDTH-1:0] S,
  output [WIDTH-1:0] Y
);
  generate
    if (WIDTH == 1) begin : gen_select
      \$shiftx #(
        .A_SIGNED(0), .B_SIGNED(0), .A_WIDTH(1 << S_WIDTH), .B_WIDTH(S_WIDTH), .Y_WIDTH(1)
      ) select (.A(A), .B(S), .Y(Y));
    end else begin : gen_keep
      wire _TECHMAP_FAIL_ = 1;
    end
  endgenerate
endmodule
