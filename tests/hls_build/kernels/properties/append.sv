// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Properties of append at one lane, in any bit of its output.
module prove_append #(
  parameter int unsigned HEAD        = 1,
  parameter int unsigned HEAD_BITS   = 8,
  parameter int unsigned HEAD_SIGNED = 0,
  parameter int unsigned TAIL        = 1,
  parameter int unsigned TAIL_BITS   = 8,
  parameter int unsigned TAIL_SIGNED = 0,
  parameter int unsigned BITS        = 8,
  parameter int unsigned PE          = 1,
  localparam int unsigned INDEX = (BITS > 1) ? $clog2(BITS) : 1,
  localparam int unsigned PLACE = $clog2(HEAD + TAIL)
) (
  input  wire logic                 clk_i, again_i, offer_head_i, offer_tail_i,
  input  wire logic [INDEX-1:0]     any_bit_i,
  input  wire logic [HEAD_BITS-1:0] any_head_i,
  input  wire logic [TAIL_BITS-1:0] any_tail_i,
  input  wire logic                 m_axis_tready,
  output      logic                 unstable,    // an offered beat changes
  output      logic                 wrong,       // a beat is offered that should not, or not so
  output      logic                 overflow,    // more than two beats are inside
  output      logic                 wrong_turn,  // an element is taken before its turn
  output      logic                 stuck_out,   // a beat that waits is not offered
  output      logic                 stuck_in     // the input whose turn it is is refused, though there is room
);
  if (PE != 1) begin : gen_check_lanes
    $error("need PE = 1, since lanes share nothing but the handshake");
  end

  logic                 first, rst_n;
  logic [HEAD_BITS-1:0] s_axis_tdata;
  logic                 s_axis_tvalid, s_axis_tready, head_taken;
  logic [TAIL_BITS-1:0] s_axis_tail_tdata;
  logic                 s_axis_tail_tvalid, s_axis_tail_tready, tail_taken;
  logic [BITS-1:0]      m_axis_tdata, head, tail;
  logic                 m_axis_tvalid, heads_turn;
  logic [INDEX-1:0]     chosen;
  logic [PLACE-1:0]     place_q;  // of the next element in its frame
  logic [1:0]           level;

  any_reset reset (.clk_i, .again_i, .first_o(first), .rst_no(rst_n));
  any_index #(.COUNT(BITS)) bits (.clk_i, .first_i(first), .any_i(any_bit_i), .index_o(chosen));
  any_source #(.WIDTH(HEAD_BITS)) head_source (
    .clk_i, .rst_ni(rst_n), .offer_i(offer_head_i), .any_i(any_head_i), .tdata_o(s_axis_tdata),
    .tvalid_o(s_axis_tvalid), .tready_i(s_axis_tready), .taken_o(head_taken), .waited_o()
  );
  any_source #(.WIDTH(TAIL_BITS)) tail_source (
    .clk_i, .rst_ni(rst_n), .offer_i(offer_tail_i), .any_i(any_tail_i), .tdata_o(s_axis_tail_tdata),
    .tvalid_o(s_axis_tail_tvalid), .tready_i(s_axis_tail_tready), .taken_o(tail_taken), .waited_o()
  );
  append #(
    .HEAD(HEAD), .HEAD_BITS(HEAD_BITS), .HEAD_SIGNED(HEAD_SIGNED), .TAIL(TAIL), .TAIL_BITS(TAIL_BITS),
    .TAIL_SIGNED(TAIL_SIGNED), .BITS(BITS)
  ) dut (.clk_i, .rst_ni(rst_n), .*);

  assign heads_turn = 32'(place_q) < HEAD;

  always_ff @(posedge clk_i) begin
    if (!rst_n) place_q <= '0;
    else if (head_taken || tail_taken) place_q <= (32'(place_q) == HEAD + TAIL - 1) ? '0 : place_q + 1'b1;
  end

  always_comb begin
    for (int b = 0; b < BITS; b++) begin
      head[b] = (b < HEAD_BITS) ? s_axis_tdata[b % HEAD_BITS] : (HEAD_SIGNED != 0 && s_axis_tdata[HEAD_BITS-1]);
      tail[b] = (b < TAIL_BITS) ? s_axis_tail_tdata[b % TAIL_BITS] : (TAIL_SIGNED != 0 && s_axis_tail_tdata[TAIL_BITS-1]);
    end
  end

  stability #(.WIDTH(1)) stable (
    .clk_i, .rst_ni(rst_n), .tdata_i(m_axis_tdata[chosen]), .tvalid_i(m_axis_tvalid), .tready_i(m_axis_tready),
    .unstable_o(unstable)
  );
  expected #(.WIDTH(1), .DEPTH(2)) order (
    .clk_i, .rst_ni(rst_n), .push_i(head_taken || tail_taken), .known_i(1'b1),
    .value_i(heads_turn ? head[chosen] : tail[chosen]), .found_i(m_axis_tdata[chosen]), .offered_i(m_axis_tvalid),
    .ready_i(m_axis_tready), .level_o(level), .wrong_o(wrong), .overflow_o(overflow)
  );
  assign wrong_turn = (head_taken && !heads_turn) || (tail_taken && heads_turn);
  assign stuck_out  = rst_n && level != 2'd0 && !m_axis_tvalid;
  assign stuck_in   = rst_n && level != 2'd2 && !(heads_turn ? s_axis_tready : s_axis_tail_tready);
endmodule

`default_nettype wire
