// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Properties of residual_add, in any lane; sums are computed in integers that cannot overflow.
module prove_residual_add #(
  parameter int unsigned PE       = 1,
  parameter int unsigned A_BITS   = 4,
  parameter int unsigned A_SIGNED = 0,
  parameter int unsigned A_SHIFT  = 0,
  parameter int unsigned B_BITS   = 4,
  parameter int unsigned B_SIGNED = 0,
  parameter int unsigned B_SHIFT  = 0,
  parameter int unsigned OUT_BITS = 5,
  localparam int unsigned WIDE = OUT_BITS + 2,
  localparam int unsigned LANE = (PE > 1) ? $clog2(PE) : 1
) (
  input  wire logic                 clk_i, again_i, offer_a_i, offer_b_i,
  input  wire logic [LANE-1:0]      any_lane_i,
  input  wire logic [PE*A_BITS-1:0] any_a_i,
  input  wire logic [PE*B_BITS-1:0] any_b_i,
  input  wire logic                 m_axis_tready,
  output      logic                 unstable,   // an offered beat changes
  output      logic                 wrong,      // a beat is offered that should not, or not so
  output      logic                 overflow,   // more than three beats of an input are inside
  output      logic                 too_large,  // a sum does not fit its lane
  output      logic                 stuck_out,  // both inputs of a beat are there and it is not offered two cycles later
  output      logic                 stuck_in    // an input is refused, though fewer than two of its beats are inside
);
  logic                      first, rst_n;
  logic [PE*A_BITS-1:0]      s_axis_tdata;
  logic                      s_axis_tvalid, s_axis_tready, a_taken;
  logic [PE*B_BITS-1:0]      s_axis_b_tdata;
  logic                      s_axis_b_tvalid, s_axis_b_tready, b_taken;
  logic [PE*OUT_BITS-1:0]    m_axis_tdata;
  logic                      m_axis_tvalid, leaves;
  logic [OUT_BITS-1:0]       out;
  logic [LANE-1:0]           lane;
  logic [2:0][A_BITS-1:0]    a_q;  // beats inside, oldest first
  logic [2:0][B_BITS-1:0]    b_q;
  logic [1:0]                a_level_q, b_level_q;
  logic signed [WIDE-1:0]    a, b, sum;

  any_reset reset (.clk_i, .again_i, .first_o(first), .rst_no(rst_n));
  any_index #(.COUNT(PE)) lanes (.clk_i, .first_i(first), .any_i(any_lane_i), .index_o(lane));
  any_source #(.WIDTH(PE * A_BITS)) a_source (
    .clk_i, .rst_ni(rst_n), .offer_i(offer_a_i), .any_i(any_a_i), .tdata_o(s_axis_tdata), .tvalid_o(s_axis_tvalid),
    .tready_i(s_axis_tready), .taken_o(a_taken), .waited_o()
  );
  any_source #(.WIDTH(PE * B_BITS)) b_source (
    .clk_i, .rst_ni(rst_n), .offer_i(offer_b_i), .any_i(any_b_i), .tdata_o(s_axis_b_tdata),
    .tvalid_o(s_axis_b_tvalid), .tready_i(s_axis_b_tready), .taken_o(b_taken), .waited_o()
  );
  residual_add #(
    .PE(PE), .A_BITS(A_BITS), .A_SIGNED(A_SIGNED), .A_SHIFT(A_SHIFT), .B_BITS(B_BITS), .B_SIGNED(B_SIGNED),
    .B_SHIFT(B_SHIFT), .OUT_BITS(OUT_BITS)
  ) dut (.clk_i, .rst_ni(rst_n), .*);

  assign out    = m_axis_tdata[lane*OUT_BITS +: OUT_BITS];
  assign leaves = rst_n && m_axis_tvalid && m_axis_tready;
  assign a      = WIDE'($signed({A_SIGNED != 0 && a_q[0][A_BITS-1], a_q[0]}));
  assign b      = WIDE'($signed({B_SIGNED != 0 && b_q[0][B_BITS-1], b_q[0]}));
  assign sum    = a * (2 ** A_SHIFT) + b * (2 ** B_SHIFT);

  always_ff @(posedge clk_i) begin
    if (!rst_n) begin
      a_level_q <= '0;
      b_level_q <= '0;
    end else begin
      a_level_q <= a_level_q + 2'(a_taken) - 2'(leaves);
      b_level_q <= b_level_q + 2'(b_taken) - 2'(leaves);
    end
    for (int i = 0; i < 3; i++) begin
      if (a_taken && i == int'(a_level_q) - int'(leaves)) a_q[i] <= s_axis_tdata[lane*A_BITS +: A_BITS];
      else if (leaves && i < 2) a_q[i] <= a_q[i+1];
      if (b_taken && i == int'(b_level_q) - int'(leaves)) b_q[i] <= s_axis_b_tdata[lane*B_BITS +: B_BITS];
      else if (leaves && i < 2) b_q[i] <= b_q[i+1];
    end
  end

  stability #(.WIDTH(OUT_BITS)) stable (
    .clk_i, .rst_ni(rst_n), .tdata_i(out), .tvalid_i(m_axis_tvalid), .tready_i(m_axis_tready), .unstable_o(unstable)
  );
  patience #(.CYCLES(1)) patient (
    .clk_i, .rst_ni(rst_n), .waits_i(a_level_q != '0 && b_level_q != '0 && !m_axis_tvalid), .stuck_o(stuck_out)
  );
  assign wrong     = rst_n && m_axis_tvalid &&
      (a_level_q == '0 || b_level_q == '0 || out != sum[OUT_BITS-1:0]);
  assign overflow  = !leaves && ((a_taken && a_level_q == 2'd3) || (b_taken && b_level_q == 2'd3));
  assign too_large = rst_n && m_axis_tvalid && ((A_SIGNED != 0 || B_SIGNED != 0) ?
      sum != WIDE'($signed(sum[OUT_BITS-1:0])) : sum[WIDE-1:OUT_BITS] != '0);
  assign stuck_in  = rst_n && ((!s_axis_tready && a_level_q < 2'd2) || (!s_axis_b_tready && b_level_q < 2'd2));
endmodule

`default_nettype wire
