// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Properties of requantizer, in any lane. Codes are found by counting those that 2 * x + bias is at or above.
module prove_requantizer #(
  parameter int unsigned PE          = 1,
  parameter int unsigned FOLD        = 1,
  parameter int unsigned IN_BITS     = 16,
  parameter int unsigned SIGNED      = 1,
  parameter int unsigned OUT_BITS    = 4,
  parameter int unsigned OUT_SIGNED  = 0,
  parameter int unsigned LEAST_SHIFT = 1,
  parameter int unsigned MORE_BITS   = 0,
  parameter int unsigned OFFSET_BITS = 2,
  parameter int unsigned SUM_BITS    = 18,
  parameter int unsigned BLOCK       = 0,
  parameter logic [FOLD*PE*(OFFSET_BITS+MORE_BITS)-1:0] TABLE = '0,
  localparam int unsigned FIELD = OFFSET_BITS + MORE_BITS,
  localparam int unsigned LANE  = (PE > 1) ? $clog2(PE) : 1,
  localparam int unsigned COUNT = (FOLD > 1) ? $clog2(FOLD) : 1
) (
  input  wire logic                  clk_i, again_i, offer_i,
  input  wire logic [LANE-1:0]       any_lane_i,
  input  wire logic [PE*IN_BITS-1:0] any_i,
  input  wire logic                  m_axis_tready,
  output      logic                  unstable,   // an offered beat changes
  output      logic                  wrong,      // a beat is offered that should not, or not so
  output      logic                  overflow,   // more than four beats are inside
  output      logic                  stuck_out,  // a beat is inside and not offered three cycles after it came
  output      logic                  stuck_in    // nothing is taken, though fewer than two beats are inside
);
  localparam int LEAST = (OUT_SIGNED != 0) ? -(1 << (OUT_BITS - 1)) : 0;

  logic                   first, rst_n, s_axis_tvalid, s_axis_tready, m_axis_tvalid, taken;
  logic [PE*IN_BITS-1:0]  s_axis_tdata;
  logic [PE*OUT_BITS-1:0] m_axis_tdata;
  logic [LANE-1:0]        lane;
  logic [COUNT-1:0]       fold_q;
  logic [FIELD-1:0]       field;
  logic [OUT_BITS-1:0]    code;
  logic [2:0]             level;
  int                     shift, bias, doubled;

  any_reset reset (.clk_i, .again_i, .first_o(first), .rst_no(rst_n));
  any_index #(.COUNT(PE)) lanes (.clk_i, .first_i(first), .any_i(any_lane_i), .index_o(lane));
  any_source #(.WIDTH(PE * IN_BITS)) source (
    .clk_i, .rst_ni(rst_n), .offer_i, .any_i, .tdata_o(s_axis_tdata), .tvalid_o(s_axis_tvalid),
    .tready_i(s_axis_tready), .taken_o(taken), .waited_o()
  );
  requantizer #(
    .PE(PE), .FOLD(FOLD), .IN_BITS(IN_BITS), .SIGNED(SIGNED), .OUT_BITS(OUT_BITS), .OUT_SIGNED(OUT_SIGNED),
    .LEAST_SHIFT(LEAST_SHIFT), .MORE_BITS(MORE_BITS), .OFFSET_BITS(OFFSET_BITS), .SUM_BITS(SUM_BITS), .BLOCK(BLOCK),
    .TABLE(TABLE)
  ) dut (.clk_i, .rst_ni(rst_n), .*);

  always_ff @(posedge clk_i) begin
    if (!rst_n) fold_q <= '0;
    else if (taken) fold_q <= (32'(fold_q) == FOLD - 1) ? '0 : fold_q + 1'b1;
  end

  always_comb begin
    field   = TABLE[(32'(fold_q)*PE + 32'(lane))*FIELD +: FIELD];
    shift   = int'(LEAST_SHIFT);
    for (int b = 0; b < int'(MORE_BITS); b++) shift += int'(field[OFFSET_BITS + b]) << b;
    bias    = int'($signed(field[OFFSET_BITS-1:0])) - (1 << (shift - 1));
    doubled = 2 * int'(s_axis_tdata[lane*IN_BITS +: IN_BITS]);
    if (SIGNED != 0 && s_axis_tdata[lane*IN_BITS + IN_BITS - 1]) doubled -= 2 << IN_BITS;
    code    = OUT_BITS'(LEAST);
    for (int c = LEAST + 1; c < LEAST + (1 << OUT_BITS); c++)  // above the half, or at it where the code is even
      if (doubled + bias > (2*c - 1) << (shift - 1) || (c % 2 == 0 && doubled + bias == (2*c - 1) << (shift - 1)))
        code = OUT_BITS'(c);
  end

  stability #(.WIDTH(OUT_BITS)) stable (
    .clk_i, .rst_ni(rst_n), .tdata_i(m_axis_tdata[lane*OUT_BITS +: OUT_BITS]), .tvalid_i(m_axis_tvalid),
    .tready_i(m_axis_tready), .unstable_o(unstable)
  );
  expected #(.WIDTH(OUT_BITS), .DEPTH(4)) order (
    .clk_i, .rst_ni(rst_n), .push_i(taken), .known_i(1'b1), .value_i(code),
    .found_i(m_axis_tdata[lane*OUT_BITS +: OUT_BITS]), .offered_i(m_axis_tvalid), .ready_i(m_axis_tready),
    .level_o(level), .wrong_o(wrong), .overflow_o(overflow)
  );
  patience #(.CYCLES(2)) patient (
    .clk_i, .rst_ni(rst_n), .waits_i(level != '0 && !m_axis_tvalid), .stuck_o(stuck_out)
  );
  assign stuck_in = rst_n && !s_axis_tready && level < 3'd2;
endmodule

`default_nettype wire
