// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Adds up two streams: out = a * 2**A_SHIFT + b * 2**B_SHIFT, lane by lane.
///
/// Lane 0 is least significant; s_axis is a, s_axis_b is b. The output is two's complement where an input is, else
/// unsigned. A beat leaves when both of its inputs are there, so what comes early needs a FIFO in front. Latency 2 cycles,
/// one beat per cycle; both tready depend on registers alone.
module residual_add #(
  parameter int unsigned PE       = 1,  // lanes per beat
  parameter int unsigned A_BITS   = 4,  // per lane of a
  parameter int unsigned A_SIGNED = 0,  // 1: two's complement
  parameter int unsigned A_SHIFT  = 0,  // left shift of a
  parameter int unsigned B_BITS   = 4,  // per lane of b
  parameter int unsigned B_SIGNED = 0,  // 1: two's complement
  parameter int unsigned B_SHIFT  = 0,  // left shift of b
  parameter int unsigned OUT_BITS = 5   // per lane of the output, one more than either shifted input needs
) (
  input  wire logic                   clk_i,
  input  wire logic                   rst_ni,  // synchronous; resets valids, never data
  input  wire logic [PE*A_BITS-1:0]   s_axis_tdata,
  input  wire logic                   s_axis_tvalid,
  output      logic                   s_axis_tready,
  input  wire logic [PE*B_BITS-1:0]   s_axis_b_tdata,
  input  wire logic                   s_axis_b_tvalid,
  output      logic                   s_axis_b_tready,
  output      logic [PE*OUT_BITS-1:0] m_axis_tdata,
  output      logic                   m_axis_tvalid,
  input  wire logic                   m_axis_tready
);
  if (PE == 0) begin : gen_check_pe
    $error("need PE >= 1");
  end
  if (A_BITS == 0 || B_BITS == 0) begin : gen_check_bits
    $error("need A_BITS >= 1 and B_BITS >= 1");
  end
  if (A_SIGNED > 1 || B_SIGNED > 1) begin : gen_check_signed
    $error("need A_SIGNED and B_SIGNED to be 0 or 1");
  end
  if (OUT_BITS <= A_BITS + A_SHIFT + ((B_SIGNED > A_SIGNED) ? 1 : 0) ||
      OUT_BITS <= B_BITS + B_SHIFT + ((A_SIGNED > B_SIGNED) ? 1 : 0)) begin : gen_check_out
    $error("need OUT_BITS to hold every sum");
  end

  // Inputs: two beats of each, so that a tready waits for nothing behind it.
  logic [PE*A_BITS-1:0] a;
  logic [PE*B_BITS-1:0] b;
  logic                 a_valid, b_valid, advance, add;

  skid_buffer #(.WIDTH(PE * A_BITS)) skid_a (
    .clk_i, .rst_ni,
    .s_axis_tdata, .s_axis_tvalid, .s_axis_tready,
    .m_axis_tdata(a), .m_axis_tvalid(a_valid), .m_axis_tready(add)
  );
  skid_buffer #(.WIDTH(PE * B_BITS)) skid_b (
    .clk_i, .rst_ni,
    .s_axis_tdata(s_axis_b_tdata), .s_axis_tvalid(s_axis_b_tvalid), .s_axis_tready(s_axis_b_tready),
    .m_axis_tdata(b), .m_axis_tvalid(b_valid), .m_axis_tready(add)
  );

  // Output: sums into a register.
  logic [PE*OUT_BITS-1:0] sums, out_q;
  logic                   out_valid_q;

  assign advance       = !out_valid_q || m_axis_tready;
  assign add           = a_valid && b_valid && advance;
  assign m_axis_tdata  = out_q;
  assign m_axis_tvalid = out_valid_q;

  for (genvar lane = 0; lane < PE; lane++) begin : gen_lane
    logic [A_BITS-1:0]   a_lane;
    logic [B_BITS-1:0]   b_lane;
    logic [OUT_BITS-1:0] a_wide, b_wide;

    assign a_lane = a[lane*A_BITS +: A_BITS];
    assign b_lane = b[lane*B_BITS +: B_BITS];
    assign a_wide = OUT_BITS'($signed({(A_SIGNED != 0) && a_lane[A_BITS-1], a_lane}));
    assign b_wide = OUT_BITS'($signed({(B_SIGNED != 0) && b_lane[B_BITS-1], b_lane}));
    assign sums[lane*OUT_BITS +: OUT_BITS] = (a_wide << A_SHIFT) + (b_wide << B_SHIFT);
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) out_valid_q <= 1'b0;
    else if (advance) out_valid_q <= add;
  end

  always_ff @(posedge clk_i) begin
    if (add) out_q <= sums;
  end
endmodule

`default_nettype wire
