// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Properties of gate, in any lane; of a set of gates, at any of its beats.
module prove_gate #(
  parameter int unsigned PIXELS   = 1,
  parameter int unsigned CHANNELS = 1,
  parameter int unsigned PE       = 1,
  parameter int unsigned X_BITS   = 4,
  parameter int unsigned G_BITS   = 4,
  parameter int unsigned OUT_BITS = 4,
  parameter int unsigned SPATIAL  = 0,
  parameter logic [2**(X_BITS+G_BITS)*OUT_BITS-1:0] TABLE = '0,
  localparam int unsigned GATE_WIDTH = ((SPATIAL != 0) ? 1 : PE) * G_BITS,
  localparam int unsigned FOLD       = CHANNELS / PE,
  localparam int unsigned DEPTH      = (SPATIAL != 0) ? 1 : FOLD,       // beats in a set
  localparam int unsigned ROUNDS     = (SPATIAL != 0) ? FOLD : PIXELS,  // times that a set is gone through
  localparam int unsigned LANE       = (PE > 1) ? $clog2(PE) : 1,
  localparam int unsigned ADDR       = (DEPTH > 1) ? $clog2(DEPTH) : 1,
  localparam int unsigned ROUND      = (ROUNDS > 1) ? $clog2(ROUNDS) : 1
) (
  input  wire logic                  clk_i, again_i, offer_x_i, offer_gate_i,
  input  wire logic [LANE-1:0]       any_lane_i,
  input  wire logic [ADDR-1:0]       any_addr_i,
  input  wire logic [PE*X_BITS-1:0]  any_x_i,
  input  wire logic [GATE_WIDTH-1:0] any_gate_i,
  input  wire logic                  m_axis_tready,
  output      logic                  unstable,      // an offered beat changes
  output      logic                  wrong,         // a beat is offered that should not, or not so
  output      logic                  too_early,     // a beat is offered before the whole set of its gates was taken
  output      logic                  overflow,      // more than three beats of x are inside
  output      logic                  gate_overflow, // more than two sets of gates are inside, the one in the output aside
  output      logic                  stuck_out,     // x and gates are there and not offered two cycles later
  output      logic                  stuck_in,      // x is refused, though fewer than two beats of it are inside
  output      logic                  stuck_gate     // gates are refused, though fewer than two sets are inside
);
  logic                   first, rst_n;
  logic [PE*X_BITS-1:0]   s_axis_tdata;
  logic                   s_axis_tvalid, s_axis_tready, x_taken;
  logic [GATE_WIDTH-1:0]  s_axis_gate_tdata;
  logic                   s_axis_gate_tvalid, s_axis_gate_tready, gate_taken;
  logic [PE*OUT_BITS-1:0] m_axis_tdata;
  logic                   m_axis_tvalid, leaves;
  logic [LANE-1:0]        lane;
  logic [ADDR-1:0]        addr, in_addr_q, out_addr_q;
  logic [ROUND-1:0]       round_q;
  logic                   in_last, out_last, set_in, set_out;
  logic [X_BITS-1:0]      x;
  logic [G_BITS-1:0]      gates;
  logic [OUT_BITS-1:0]    out, looked_up;
  logic [2:0][X_BITS-1:0] x_q;      // beats inside, oldest first
  logic [1:0]             x_level_q;
  logic [2:0][G_BITS-1:0] gate_q;   // the chosen beat of each set inside, oldest first
  logic [1:0]             gate_level_q, sets_q;

  any_reset reset (.clk_i, .again_i, .first_o(first), .rst_no(rst_n));
  any_index #(.COUNT(PE)) lanes (.clk_i, .first_i(first), .any_i(any_lane_i), .index_o(lane));
  any_index #(.COUNT(DEPTH)) addrs (.clk_i, .first_i(first), .any_i(any_addr_i), .index_o(addr));
  any_source #(.WIDTH(PE * X_BITS)) x_source (
    .clk_i, .rst_ni(rst_n), .offer_i(offer_x_i), .any_i(any_x_i), .tdata_o(s_axis_tdata), .tvalid_o(s_axis_tvalid),
    .tready_i(s_axis_tready), .taken_o(x_taken), .waited_o()
  );
  any_source #(.WIDTH(GATE_WIDTH)) gate_source (
    .clk_i, .rst_ni(rst_n), .offer_i(offer_gate_i), .any_i(any_gate_i), .tdata_o(s_axis_gate_tdata),
    .tvalid_o(s_axis_gate_tvalid), .tready_i(s_axis_gate_tready), .taken_o(gate_taken), .waited_o()
  );
  gate #(
    .PIXELS(PIXELS), .CHANNELS(CHANNELS), .PE(PE), .X_BITS(X_BITS), .G_BITS(G_BITS), .OUT_BITS(OUT_BITS),
    .SPATIAL(SPATIAL), .TABLE(TABLE)
  ) dut (.clk_i, .rst_ni(rst_n), .*);

  assign x        = s_axis_tdata[lane*X_BITS +: X_BITS];
  assign gates    = s_axis_gate_tdata[((SPATIAL != 0) ? 0 : lane)*G_BITS +: G_BITS];
  assign out      = m_axis_tdata[lane*OUT_BITS +: OUT_BITS];
  assign leaves   = rst_n && m_axis_tvalid && m_axis_tready;
  assign in_last  = 32'(in_addr_q) == DEPTH - 1;
  assign out_last = 32'(out_addr_q) == DEPTH - 1;
  assign set_in   = gate_taken && in_last;
  assign set_out  = leaves && out_last && 32'(round_q) == ROUNDS - 1;

  always_comb begin
    looked_up = '0;
    for (int i = 0; i < 2**X_BITS; i++)
      for (int j = 0; j < 2**G_BITS; j++)
        if (x_q[0] == X_BITS'(i) && gate_q[0] == G_BITS'(j)) looked_up = TABLE[(i*2**G_BITS + j)*OUT_BITS +: OUT_BITS];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_n) begin
      in_addr_q    <= '0;
      out_addr_q   <= '0;
      round_q      <= '0;
      x_level_q    <= '0;
      gate_level_q <= '0;
      sets_q       <= '0;
    end else begin
      if (gate_taken) in_addr_q <= in_last ? '0 : in_addr_q + 1'b1;
      if (leaves) out_addr_q <= out_last ? '0 : out_addr_q + 1'b1;
      if (leaves && out_last) round_q <= (32'(round_q) == ROUNDS - 1) ? '0 : round_q + 1'b1;
      x_level_q    <= x_level_q + 2'(x_taken) - 2'(leaves);
      gate_level_q <= gate_level_q + 2'(gate_taken && in_addr_q == addr) - 2'(set_out);
      sets_q       <= sets_q + 2'(set_in) - 2'(set_out);
    end
    for (int i = 0; i < 3; i++) begin
      if (x_taken && i == int'(x_level_q) - int'(leaves)) x_q[i] <= x;
      else if (leaves && i < 2) x_q[i] <= x_q[i+1];
      if (gate_taken && in_addr_q == addr && i == int'(gate_level_q) - int'(set_out)) gate_q[i] <= gates;
      else if (set_out && i < 2) gate_q[i] <= gate_q[i+1];
    end
  end

  stability #(.WIDTH(OUT_BITS)) stable (
    .clk_i, .rst_ni(rst_n), .tdata_i(out), .tvalid_i(m_axis_tvalid), .tready_i(m_axis_tready), .unstable_o(unstable)
  );
  patience #(.CYCLES(1)) patient (
    .clk_i, .rst_ni(rst_n), .waits_i(x_level_q != '0 && sets_q != '0 && !m_axis_tvalid), .stuck_o(stuck_out)
  );
  assign wrong         = rst_n && m_axis_tvalid && (x_level_q == '0 || (out_addr_q == addr && out != looked_up));
  assign too_early     = rst_n && m_axis_tvalid && sets_q == '0;
  assign overflow      = x_taken && !leaves && x_level_q == 2'd3;
  assign gate_overflow = gate_taken && !set_out && (in_addr_q == addr) && gate_level_q == 2'd3;
  assign stuck_in      = rst_n && !s_axis_tready && x_level_q < 2'd2;
  assign stuck_gate    = rst_n && !s_axis_gate_tready && sets_q < 2'd2;
endmodule

`default_nettype wire
