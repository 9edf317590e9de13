// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Properties of global_pool, in any lane at any beat of a pixel; sums and maxima are computed in integers that cannot
/// overflow.
module prove_global_pool #(
  parameter int unsigned PIXELS      = 4,
  parameter int unsigned CHANNELS    = 4,
  parameter int unsigned PE          = 1,
  parameter int unsigned BITS        = 4,
  parameter int unsigned SIGNED      = 0,
  parameter int unsigned DESCRIPTORS = 1,
  parameter int unsigned SHIFT       = 2,
  localparam int unsigned SUM_BITS = BITS + $clog2(PIXELS),
  localparam int unsigned OUT_BITS = (DESCRIPTORS != 0 && SHIFT > $clog2(PIXELS)) ? BITS + SHIFT : SUM_BITS,
  localparam int unsigned WIDE     = OUT_BITS + 2,
  localparam int unsigned FOLD     = CHANNELS / PE,
  localparam int unsigned LANE     = (PE > 1) ? $clog2(PE) : 1,
  localparam int unsigned ADDR     = (FOLD > 1) ? $clog2(FOLD) : 1,
  localparam int unsigned PLACE    = (PIXELS > 1) ? $clog2(PIXELS) : 1,
  localparam int unsigned ROOM     = ((FOLD > 1) ? FOLD : 2) + 2,  // words in a queue, before it and behind it
  localparam int unsigned LEVEL    = $clog2(ROOM + 1)
) (
  input  wire logic               clk_i, again_i, offer_i,
  input  wire logic [LANE-1:0]    any_lane_i,
  input  wire logic [ADDR-1:0]    any_addr_i,
  input  wire logic [PE*BITS-1:0] any_i,
  input  wire logic               m_axis_tready,
  output      logic               unstable,   // an offered beat changes
  output      logic               wrong,      // a beat is offered that should not, or not so
  output      logic               overflow,   // more finished words are inside than there is room for
  output      logic               too_large,  // a sum or shifted maximum does not fit its lane
  output      logic               stuck_out,  // a finished word is not offered three cycles after its last pixel's beat
  output      logic               stuck_in    // nothing is taken, though no queue is full
);
  logic                   first, rst_n, s_axis_tvalid, s_axis_tready, taken, m_axis_tvalid, leaves;
  logic [PE*BITS-1:0]     s_axis_tdata;
  logic [PE*OUT_BITS-1:0] m_axis_tdata;
  logic [OUT_BITS-1:0]    out;
  logic [LANE-1:0]        lane;
  logic [ADDR-1:0]        addr, in_addr_q, out_addr_q;
  logic [PLACE-1:0]       pixel_q;
  logic                   last, finished, maxima_q;
  logic signed [WIDE-1:0] fresh, sum, maximum, shifted, sum_q, maximum_q;
  logic [1:0][LEVEL-1:0]  level_q;  // words inside, of sums and of maxima
  logic [1:0]             wrong_kind, overflow_kind, full, level_overflow;
  logic [1:0][2:0]        chosen_level;

  any_reset reset (.clk_i, .again_i, .first_o(first), .rst_no(rst_n));
  any_index #(.COUNT(PE)) lanes (.clk_i, .first_i(first), .any_i(any_lane_i), .index_o(lane));
  any_index #(.COUNT(FOLD)) addrs (.clk_i, .first_i(first), .any_i(any_addr_i), .index_o(addr));
  any_source #(.WIDTH(PE * BITS)) source (
    .clk_i, .rst_ni(rst_n), .offer_i, .any_i, .tdata_o(s_axis_tdata), .tvalid_o(s_axis_tvalid),
    .tready_i(s_axis_tready), .taken_o(taken), .waited_o()
  );
  global_pool #(
    .PIXELS(PIXELS), .CHANNELS(CHANNELS), .PE(PE), .BITS(BITS), .SIGNED(SIGNED), .DESCRIPTORS(DESCRIPTORS),
    .SHIFT(SHIFT)
  ) dut (.clk_i, .rst_ni(rst_n), .*);

  assign out      = m_axis_tdata[lane*OUT_BITS +: OUT_BITS];
  assign leaves   = rst_n && m_axis_tvalid && m_axis_tready;
  assign last     = 32'(pixel_q) == PIXELS - 1;
  assign finished = taken && last;
  assign shifted  = maximum <<< SHIFT;

  always_comb begin
    fresh   = WIDE'($signed({SIGNED != 0 && s_axis_tdata[lane*BITS + BITS - 1], s_axis_tdata[lane*BITS +: BITS]}));
    sum     = (pixel_q == '0) ? fresh : sum_q + fresh;
    maximum = (pixel_q == '0 || fresh > maximum_q) ? fresh : maximum_q;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_n) begin
      in_addr_q  <= '0;
      pixel_q    <= '0;
      out_addr_q <= '0;
      maxima_q   <= 1'b0;
      level_q    <= '0;
    end else begin
      if (taken) begin
        in_addr_q <= (32'(in_addr_q) == FOLD - 1) ? '0 : in_addr_q + 1'b1;
        if (32'(in_addr_q) == FOLD - 1) pixel_q <= last ? '0 : pixel_q + 1'b1;
      end
      if (leaves) begin
        out_addr_q <= (32'(out_addr_q) == FOLD - 1) ? '0 : out_addr_q + 1'b1;
        if (DESCRIPTORS != 0 && 32'(out_addr_q) == FOLD - 1) maxima_q <= !maxima_q;
      end
      level_q[0] <= level_q[0] + LEVEL'(finished) - LEVEL'(leaves && !maxima_q);
      level_q[1] <= level_q[1] + LEVEL'(finished && DESCRIPTORS != 0) - LEVEL'(leaves && maxima_q);
    end
    if (taken && in_addr_q == addr) begin
      sum_q     <= sum;
      maximum_q <= maximum;
    end
  end

  function automatic logic fits(input logic signed [WIDE-1:0] value);
    fits = (SIGNED != 0) ? value == WIDE'($signed(value[OUT_BITS-1:0])) : value[WIDE-1:OUT_BITS] == '0;
  endfunction

  for (genvar kind = 0; kind < 2; kind++) begin : gen_kind
    logic here;

    assign here                 = maxima_q == 1'(kind) && out_addr_q == addr;
    assign level_overflow[kind] = rst_n && level_q[kind] > LEVEL'(ROOM);
    assign full[kind]           = level_q[kind] > ((FOLD > 1) ? LEVEL'(FOLD) : LEVEL'(2));

    expected #(.WIDTH(OUT_BITS), .DEPTH(4)) order (
      .clk_i, .rst_ni(rst_n), .push_i(finished && in_addr_q == addr && (kind == 0 || DESCRIPTORS != 0)), .known_i(1'b1),
      .value_i((kind == 0) ? sum[OUT_BITS-1:0] : shifted[OUT_BITS-1:0]), .found_i(out),
      .offered_i(m_axis_tvalid && here), .ready_i(m_axis_tready), .level_o(chosen_level[kind]),
      .wrong_o(wrong_kind[kind]), .overflow_o(overflow_kind[kind])
    );
  end

  stability #(.WIDTH(OUT_BITS)) stable (
    .clk_i, .rst_ni(rst_n), .tdata_i(out), .tvalid_i(m_axis_tvalid), .tready_i(m_axis_tready), .unstable_o(unstable)
  );
  patience #(.CYCLES(2)) patient (
    .clk_i, .rst_ni(rst_n), .waits_i(level_q[maxima_q] != '0 && !m_axis_tvalid), .stuck_o(stuck_out)
  );
  assign wrong     = |wrong_kind;
  assign overflow  = |overflow_kind || |level_overflow;
  assign too_large = finished && in_addr_q == addr && !(fits(sum) && (DESCRIPTORS == 0 || fits(shifted)));
  assign stuck_in  = rst_n && !s_axis_tready && full == '0;
endmodule

`default_nettype wire
