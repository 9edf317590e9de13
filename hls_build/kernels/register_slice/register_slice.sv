// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Passes a stream on with registers between both sides: two entries, so that it holds nobody up.
///
/// Latency 1 cycle, one beat per cycle; every output, s_axis_tready among them, depends on registers alone. It keeps the
/// ready of a block that computes it from its counters, such as FINN+'s sliding window, off the block in front.
module register_slice #(
  parameter int unsigned WIDTH = 8  // bits per beat
) (
  input  wire logic             clk_i,
  input  wire logic             rst_ni,  // synchronous; resets valids, never data
  input  wire logic [WIDTH-1:0] s_axis_tdata,
  input  wire logic             s_axis_tvalid,
  output      logic             s_axis_tready,
  output      logic [WIDTH-1:0] m_axis_tdata,
  output      logic             m_axis_tvalid,
  input  wire logic             m_axis_tready
);
  if (WIDTH == 0) begin : gen_check
    $error("need WIDTH >= 1");
  end

  skid_buffer #(.WIDTH(WIDTH)) skid (.*);
endmodule

`default_nettype wire
