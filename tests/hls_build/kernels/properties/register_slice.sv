// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Properties of register_slice, in any bit.
module prove_register_slice #(
  parameter int unsigned WIDTH  = 8,
  localparam int unsigned INDEX = (WIDTH > 1) ? $clog2(WIDTH) : 1
) (
  input  wire logic                    clk_i, again_i, offer_i,
  input  wire logic [INDEX-1:0]        any_bit_i,
  input  wire logic [WIDTH-1:0]        any_i,
  input  wire logic                    m_axis_tready,
  output      logic                    unstable, wrong, overflow, stuck_out, stuck_in
);
  logic                    first, rst_n, s_axis_tvalid, s_axis_tready, m_axis_tvalid, taken;
  logic [WIDTH-1:0]        s_axis_tdata, m_axis_tdata;
  logic [INDEX-1:0]        chosen;

  any_reset reset (.clk_i, .again_i, .first_o(first), .rst_no(rst_n));
  any_index #(.COUNT(WIDTH)) bits (.clk_i, .first_i(first), .any_i(any_bit_i), .index_o(chosen));
  any_source #(.WIDTH(WIDTH)) source (
    .clk_i, .rst_ni(rst_n), .offer_i, .any_i, .tdata_o(s_axis_tdata), .tvalid_o(s_axis_tvalid),
    .tready_i(s_axis_tready), .taken_o(taken), .waited_o()
  );
  register_slice #(.WIDTH(WIDTH)) dut (.clk_i, .rst_ni(rst_n), .*);
  copies #(.WIDTH(WIDTH), .COPIES(1)) outputs (
    .clk_i, .rst_ni(rst_n), .bit_i(chosen), .s_tdata_i(s_axis_tdata), .s_tready_i(s_axis_tready), .taken_i(taken),
    .m_tdata_i(m_axis_tdata), .m_tvalid_i(m_axis_tvalid), .m_tready_i(m_axis_tready), .unstable_o(unstable),
    .wrong_o(wrong), .overflow_o(overflow), .stuck_out_o(stuck_out), .stuck_in_o(stuck_in)
  );
endmodule

`default_nettype wire
