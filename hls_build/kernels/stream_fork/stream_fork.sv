// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Copies one stream to COPIES streams, each with its own handshake.
///
/// Copy i is slice i of the m_axis_* ports. Latency 1 cycle, one beat per cycle. Every copy may run up to two
/// beats behind the fastest; s_axis_tready depends on registers alone.
module stream_fork #(
  parameter int unsigned WIDTH  = 8,  // bits per beat
  parameter int unsigned COPIES = 2   // outputs, at least 2
) (
  input  wire logic                    clk_i,
  input  wire logic                    rst_ni,  // synchronous; resets valids, never data
  input  wire logic [WIDTH-1:0]        s_axis_tdata,
  input  wire logic                    s_axis_tvalid,
  output      logic                    s_axis_tready,
  output      logic [COPIES*WIDTH-1:0] m_axis_tdata,
  output      logic [COPIES-1:0]       m_axis_tvalid,
  input  wire logic [COPIES-1:0]       m_axis_tready
);
  if (WIDTH == 0 || COPIES < 2) begin : gen_check
    $error("need WIDTH >= 1 and COPIES >= 2");
  end

  skid_buffer #(.WIDTH(WIDTH), .COPIES(COPIES)) skid (.*);
endmodule

`default_nettype wire
