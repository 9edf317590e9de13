// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Carries a stream from a clock of twice the rate: a beat per cycle of clk_i.
///
/// clk2x_i rises with both edges of clk_i. A beat that is offered is registered at an edge of clk_i, and told as taken in
/// the half of a cycle that follows. s_axis_tready depends on registers alone.
///
/// The giver may leave its reset before or after rst_ni ends, once both have been in it.
module from_clk2x #(
  parameter int unsigned WIDTH = 1  // bits of a beat
) (
  input  wire logic             clk_i, clk2x_i,
  input  wire logic             rst_ni,  // synchronous to clk_i; resets valids, never data
  input  wire logic [WIDTH-1:0] s_axis_tdata,
  input  wire logic             s_axis_tvalid,
  output      logic             s_axis_tready,
  output      logic [WIDTH-1:0] m_axis_tdata,
  output      logic             m_axis_tvalid,
  input  wire logic             m_axis_tready
);
  logic             take, valid_q;
  logic             taken_q, seen_q;  // whether an odd number of beats has been taken, in either clock
  logic [WIDTH-1:0] data_q;

  assign take          = s_axis_tvalid && (!valid_q || m_axis_tready);
  assign m_axis_tvalid = valid_q;
  assign m_axis_tdata  = data_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= 1'b0;
      taken_q <= 1'b0;
    end else begin
      if (take) valid_q <= 1'b1;
      else if (m_axis_tready) valid_q <= 1'b0;
      taken_q <= taken_q ^ take;
    end
  end

  always_ff @(posedge clk_i) begin
    if (take) data_q <= s_axis_tdata;
  end

  assign s_axis_tready = taken_q != seen_q;

  always_ff @(posedge clk2x_i) seen_q <= taken_q;
endmodule

`default_nettype wire
