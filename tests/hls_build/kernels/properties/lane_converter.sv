// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Properties of lane_converter, in any bit of any part of the wider beat.
module prove_lane_converter #(
  parameter int unsigned WIDTH  = 8,
  parameter int unsigned RATIO  = 2,
  parameter int unsigned WIDENS = 0,
  localparam int unsigned IN_WIDTH  = (WIDENS != 0) ? WIDTH : RATIO * WIDTH,
  localparam int unsigned OUT_WIDTH = (WIDENS != 0) ? RATIO * WIDTH : WIDTH,
  localparam int unsigned INDEX     = (WIDTH > 1) ? $clog2(WIDTH) : 1,
  localparam int unsigned PART      = $clog2(RATIO)
) (
  input  wire logic                clk_i, again_i, offer_i,
  input  wire logic [INDEX-1:0]    any_bit_i,
  input  wire logic [PART-1:0]     any_part_i,
  input  wire logic [IN_WIDTH-1:0] any_i,
  input  wire logic                m_axis_tready,
  output      logic                unstable,   // an offered beat changes
  output      logic                wrong,      // a beat is offered that should not, or not so
  output      logic                overflow,   // a second beat is inside; cutting, one is taken before its last part moves
  output      logic                stuck_out,  // a beat or part that could be offered is not
  output      logic                stuck_in    // nothing is taken, though the output is free
);
  logic                            first, rst_n, s_axis_tvalid, s_axis_tready, taken, waited, m_axis_tvalid, leaves;
  logic [IN_WIDTH-1:0]             s_axis_tdata;
  logic [OUT_WIDTH-1:0]            m_axis_tdata;
  logic [INDEX-1:0]                chosen;
  logic [PART-1:0]                 part, part_q;  // the chosen one; the next one of the narrower stream
  logic                            narrow_moves, last;

  any_reset reset (.clk_i, .again_i, .first_o(first), .rst_no(rst_n));
  any_index #(.COUNT(WIDTH)) bits (.clk_i, .first_i(first), .any_i(any_bit_i), .index_o(chosen));
  any_index #(.COUNT(RATIO)) parts (.clk_i, .first_i(first), .any_i(any_part_i), .index_o(part));
  any_source #(.WIDTH(IN_WIDTH)) source (
    .clk_i, .rst_ni(rst_n), .offer_i, .any_i, .tdata_o(s_axis_tdata), .tvalid_o(s_axis_tvalid),
    .tready_i(s_axis_tready), .taken_o(taken), .waited_o(waited)
  );
  lane_converter #(.WIDTH(WIDTH), .RATIO(RATIO), .WIDENS(WIDENS)) dut (.clk_i, .rst_ni(rst_n), .*);

  assign leaves       = rst_n && m_axis_tvalid && m_axis_tready;
  assign narrow_moves = (WIDENS != 0) ? taken : leaves;
  assign last         = 32'(part_q) == RATIO - 1;

  always_ff @(posedge clk_i) begin
    if (!rst_n) part_q <= '0;
    else if (narrow_moves) part_q <= last ? '0 : part_q + 1'b1;
  end

  if (WIDENS != 0) begin : gen_join
    logic [RATIO-1:0][WIDTH-1:0] wide;
    logic                        kept_q, level;

    assign wide = m_axis_tdata;

    always_ff @(posedge clk_i) begin
      if (taken && part_q == part) kept_q <= s_axis_tdata[chosen];
    end

    stability #(.WIDTH(1)) stable (
      .clk_i, .rst_ni(rst_n), .tdata_i(wide[part][chosen]), .tvalid_i(m_axis_tvalid), .tready_i(m_axis_tready),
      .unstable_o(unstable)
    );
    expected #(.WIDTH(1), .DEPTH(1)) order (
      .clk_i, .rst_ni(rst_n), .push_i(taken && last), .known_i(1'b1),
      .value_i((part_q == part) ? s_axis_tdata[chosen] : kept_q), .found_i(wide[part][chosen]),
      .offered_i(m_axis_tvalid), .ready_i(m_axis_tready), .level_o(level), .wrong_o(wrong), .overflow_o(overflow)
    );
    assign stuck_out = rst_n && level && !m_axis_tvalid;
    assign stuck_in  = rst_n && !s_axis_tready && !(level && !m_axis_tready);
  end else begin : gen_cut
    logic [RATIO-1:0][WIDTH-1:0] wide;
    logic                        taken_q, kept_q;  // a beat was taken whose last part is inside

    assign wide = s_axis_tdata;

    always_ff @(posedge clk_i) begin
      if (!rst_n) taken_q <= 1'b0;
      else taken_q <= taken || (taken_q && !leaves);
      if (taken) kept_q <= wide[part][chosen];
    end

    stability #(.WIDTH(1)) stable (
      .clk_i, .rst_ni(rst_n), .tdata_i(m_axis_tdata[chosen]), .tvalid_i(m_axis_tvalid), .tready_i(m_axis_tready),
      .unstable_o(unstable)
    );
    assign wrong = rst_n && m_axis_tvalid &&
        ((last ? !taken_q : !waited) ||
         (part_q == part && m_axis_tdata[chosen] != (last ? kept_q : wide[part][chosen])));
    assign overflow  = rst_n && ((taken && taken_q && !leaves) || (taken_q && !last) || (taken && !last && 32'(part_q) != RATIO - 2));
    assign stuck_out = rst_n && (waited || taken_q) && !m_axis_tvalid;
    assign stuck_in  = rst_n && last && !taken_q;
  end
endmodule

`default_nettype wire
