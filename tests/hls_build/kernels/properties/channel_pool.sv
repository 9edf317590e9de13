// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Properties of channel_pool; sums and maxima are computed in integers that cannot overflow.
module prove_channel_pool #(
  parameter int unsigned CHANNELS = 8,
  parameter int unsigned PE       = 2,
  parameter int unsigned BITS     = 4,
  parameter int unsigned SIGNED   = 0,
  parameter int unsigned SHIFT    = 3,
  localparam int unsigned SUM_BITS = BITS + $clog2(CHANNELS),
  localparam int unsigned OUT_BITS = (SHIFT > $clog2(CHANNELS)) ? BITS + SHIFT : SUM_BITS,
  localparam int unsigned FOLD     = CHANNELS / PE,
  localparam int unsigned WIDE     = OUT_BITS + 2,
  localparam int unsigned BEAT     = (FOLD > 1) ? $clog2(FOLD) : 1
) (
  input  wire logic               clk_i, again_i, offer_i,
  input  wire logic [PE*BITS-1:0] any_i,
  input  wire logic               m_axis_tready,
  output      logic               unstable,   // an offered beat changes
  output      logic               wrong,      // a beat is offered that should not, or not so
  output      logic               overflow,   // more than three finished pixels are inside
  output      logic               too_large,  // a sum or shifted maximum does not fit its lane
  output      logic               stuck_out,  // a finished pixel is not offered two cycles after its last beat
  output      logic               stuck_in    // nothing is taken, though fewer than three finished pixels wait
);
  logic                  first, rst_n, s_axis_tvalid, s_axis_tready, taken, m_axis_tvalid, last;
  logic [PE*BITS-1:0]    s_axis_tdata;
  logic [2*OUT_BITS-1:0] m_axis_tdata;
  logic [BEAT-1:0]       beat_q;
  logic signed [WIDE-1:0] lane, sum, maximum, shifted, sum_q, maximum_q;
  logic [1:0]            level;

  any_reset reset (.clk_i, .again_i, .first_o(first), .rst_no(rst_n));
  any_source #(.WIDTH(PE * BITS)) source (
    .clk_i, .rst_ni(rst_n), .offer_i, .any_i, .tdata_o(s_axis_tdata), .tvalid_o(s_axis_tvalid),
    .tready_i(s_axis_tready), .taken_o(taken), .waited_o()
  );
  channel_pool #(.CHANNELS(CHANNELS), .PE(PE), .BITS(BITS), .SIGNED(SIGNED), .SHIFT(SHIFT)) dut (
    .clk_i, .rst_ni(rst_n), .*
  );

  assign last    = 32'(beat_q) == FOLD - 1;
  assign shifted = maximum <<< SHIFT;

  always_comb begin
    sum     = (beat_q == '0) ? '0 : sum_q;
    maximum = maximum_q;
    lane    = '0;
    for (int i = 0; i < PE; i++) begin
      lane = WIDE'($signed({SIGNED != 0 && s_axis_tdata[i*BITS + BITS - 1], s_axis_tdata[i*BITS +: BITS]}));
      sum  = sum + lane;
      if ((i == 0 && beat_q == '0) || lane > maximum) maximum = lane;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_n) beat_q <= '0;
    else if (taken) beat_q <= last ? '0 : beat_q + 1'b1;
    if (taken) begin
      sum_q     <= sum;
      maximum_q <= maximum;
    end
  end

  function automatic logic fits(input logic signed [WIDE-1:0] value);
    fits = (SIGNED != 0) ? value == WIDE'($signed(value[OUT_BITS-1:0])) : value[WIDE-1:OUT_BITS] == '0;
  endfunction

  stability #(.WIDTH(2 * OUT_BITS)) stable (
    .clk_i, .rst_ni(rst_n), .tdata_i(m_axis_tdata), .tvalid_i(m_axis_tvalid), .tready_i(m_axis_tready),
    .unstable_o(unstable)
  );
  expected #(.WIDTH(2 * OUT_BITS), .DEPTH(3)) order (
    .clk_i, .rst_ni(rst_n), .push_i(taken && last), .known_i(1'b1),
    .value_i({shifted[OUT_BITS-1:0], sum[OUT_BITS-1:0]}), .found_i(m_axis_tdata), .offered_i(m_axis_tvalid),
    .ready_i(m_axis_tready), .level_o(level), .wrong_o(wrong), .overflow_o(overflow)
  );
  patience #(.CYCLES(1)) out (.clk_i, .rst_ni(rst_n), .waits_i(level != '0 && !m_axis_tvalid), .stuck_o(stuck_out));
  assign too_large = taken && last && !(fits(sum) && fits(shifted));
  assign stuck_in  = rst_n && !s_axis_tready && level != 2'd3;
endmodule

`default_nettype wire
