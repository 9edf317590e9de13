// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Registers a stream's beats and its handshake: a register per output, and a spill for the beat that finds one full.
///
/// Every beat leaves once at each of COPIES outputs, which have handshakes of their own; copy i is slice i of the
/// m_axis_* ports. Latency 1 cycle, one beat per cycle. A copy may run up to two beats behind the fastest (its
/// register and the common spill). s_axis_tready depends on registers alone, so chains close timing.
module skid_buffer #(
  parameter int unsigned WIDTH  = 8,  // bits per beat
  parameter int unsigned COPIES = 1   // outputs
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
  if (WIDTH == 0 || COPIES == 0) begin : gen_check
    $error("need WIDTH >= 1 and COPIES >= 1");
  end

  logic [COPIES-1:0] spilled_q;
  logic [WIDTH-1:0]  spill_q;
  logic              accept;

  assign s_axis_tready = spilled_q == '0;
  assign accept        = s_axis_tvalid && s_axis_tready;

  always_ff @(posedge clk_i) begin
    if (accept) spill_q <= s_axis_tdata;
  end

  for (genvar i = 0; i < COPIES; i++) begin : gen_copy
    logic             valid_q, advance;
    logic [WIDTH-1:0] data_q;

    assign advance                        = !valid_q || m_axis_tready[i];
    assign m_axis_tvalid[i]               = valid_q;
    assign m_axis_tdata[i*WIDTH +: WIDTH] = data_q;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        valid_q      <= 1'b0;
        spilled_q[i] <= 1'b0;
      end else if (advance) begin
        valid_q      <= spilled_q[i] || accept;
        spilled_q[i] <= 1'b0;
      end else if (accept) begin
        spilled_q[i] <= 1'b1;
      end
    end

    always_ff @(posedge clk_i) begin
      if (advance) data_q <= spilled_q[i] ? spill_q : s_axis_tdata;
    end
  end
endmodule

`default_nettype wire
