// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Properties of depthwise, in any lane of any group of channels; sums are computed in integers that cannot overflow.
module prove_depthwise #(
  parameter int unsigned CHANNELS    = 1,
  parameter int unsigned TAPS        = 1,
  parameter int unsigned PE          = 1,
  parameter int unsigned BITS        = 4,
  parameter int unsigned SIGNED      = 0,
  parameter int unsigned WEIGHT_BITS = 4,
  parameter int unsigned OUT_BITS    = 8,
  parameter int unsigned BLOCK       = 0,
  parameter logic [CHANNELS*TAPS*WEIGHT_BITS-1:0] WEIGHTS = '0,
  localparam int unsigned WIDE  = OUT_BITS + 2,
  localparam int unsigned FOLD  = CHANNELS / PE,
  localparam int unsigned LANE  = (PE > 1) ? $clog2(PE) : 1,
  localparam int unsigned GROUP = (FOLD > 1) ? $clog2(FOLD) : 1,
  localparam int unsigned TAP   = (TAPS > 1) ? $clog2(TAPS) : 1
) (
  input  wire logic               clk_i, again_i, offer_i,
  input  wire logic [LANE-1:0]    any_lane_i,
  input  wire logic [GROUP-1:0]   any_group_i,
  input  wire logic [PE*BITS-1:0] any_i,
  input  wire logic               m_axis_tready,
  output      logic               unstable,   // an offered beat changes
  output      logic               wrong,      // a beat is offered that should not, or not so
  output      logic               overflow,   // more than five finished groups are inside
  output      logic               too_large,  // a sum does not fit its lane
  output      logic               stuck_out,  // a finished group is not offered four cycles after its last beat
  output      logic               stuck_in    // nothing is taken, though the output was not held the cycle before
);
  logic                          first, rst_n, s_axis_tvalid, s_axis_tready, taken, m_axis_tvalid, held_q, last;
  logic [PE*BITS-1:0]            s_axis_tdata;
  logic [PE*OUT_BITS-1:0]        m_axis_tdata;
  logic [OUT_BITS-1:0]           out;
  logic [LANE-1:0]               lane;
  logic [GROUP-1:0]              group, group_q;
  logic [TAP-1:0]                tap_q;
  logic signed [WEIGHT_BITS-1:0] weight;
  logic signed [WIDE-1:0]        x, sum, sum_q;
  logic [2:0]                    level;

  any_reset reset (.clk_i, .again_i, .first_o(first), .rst_no(rst_n));
  any_index #(.COUNT(PE)) lanes (.clk_i, .first_i(first), .any_i(any_lane_i), .index_o(lane));
  any_index #(.COUNT(FOLD)) groups (.clk_i, .first_i(first), .any_i(any_group_i), .index_o(group));
  any_source #(.WIDTH(PE * BITS)) source (
    .clk_i, .rst_ni(rst_n), .offer_i, .any_i, .tdata_o(s_axis_tdata), .tvalid_o(s_axis_tvalid),
    .tready_i(s_axis_tready), .taken_o(taken), .waited_o()
  );
  depthwise #(
    .CHANNELS(CHANNELS), .TAPS(TAPS), .PE(PE), .BITS(BITS), .SIGNED(SIGNED), .WEIGHT_BITS(WEIGHT_BITS),
    .OUT_BITS(OUT_BITS), .BLOCK(BLOCK), .WEIGHTS(WEIGHTS)
  ) dut (.clk_i, .rst_ni(rst_n), .*);

  assign out  = m_axis_tdata[lane*OUT_BITS +: OUT_BITS];
  assign last = 32'(tap_q) == TAPS - 1;
  assign x    = WIDE'($signed({SIGNED != 0 && s_axis_tdata[lane*BITS + BITS - 1], s_axis_tdata[lane*BITS +: BITS]}));
  assign sum  = ((tap_q == '0) ? '0 : sum_q) + x * WIDE'(weight);

  always_comb begin
    weight = '0;
    for (int i = 0; i < TAPS; i++)
      for (int j = 0; j < FOLD; j++)
        for (int k = 0; k < PE; k++)
          if (tap_q == TAP'(i) && group == GROUP'(j) && lane == LANE'(k))
            weight = WEIGHTS[((j*TAPS + i)*PE + k)*WEIGHT_BITS +: WEIGHT_BITS];
  end

  always_ff @(posedge clk_i) begin
    held_q <= rst_n && m_axis_tvalid && !m_axis_tready;
    if (!rst_n) begin
      tap_q   <= '0;
      group_q <= '0;
    end else if (taken) begin
      tap_q <= last ? '0 : tap_q + 1'b1;
      if (last) group_q <= (32'(group_q) == FOLD - 1) ? '0 : group_q + 1'b1;
    end
    if (taken) sum_q <= sum;
  end

  stability #(.WIDTH(OUT_BITS)) stable (
    .clk_i, .rst_ni(rst_n), .tdata_i(out), .tvalid_i(m_axis_tvalid), .tready_i(m_axis_tready), .unstable_o(unstable)
  );
  expected #(.WIDTH(OUT_BITS), .DEPTH(5)) order (
    .clk_i, .rst_ni(rst_n), .push_i(taken && last), .known_i(group_q == group), .value_i(sum[OUT_BITS-1:0]),
    .found_i(out), .offered_i(m_axis_tvalid), .ready_i(m_axis_tready), .level_o(level), .wrong_o(wrong),
    .overflow_o(overflow)
  );
  patience #(.CYCLES(3)) patient (
    .clk_i, .rst_ni(rst_n), .waits_i(level != '0 && !m_axis_tvalid), .stuck_o(stuck_out)
  );
  assign too_large = taken && last && group_q == group && sum != WIDE'($signed(sum[OUT_BITS-1:0]));
  assign stuck_in  = rst_n && !s_axis_tready && !held_q;
endmodule

`default_nettype wire
