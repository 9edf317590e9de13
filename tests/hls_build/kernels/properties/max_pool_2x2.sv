// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Properties of max_pool_2x2, in any lane at any beat of any tile of a row pair.
module prove_max_pool_2x2 #(
  parameter int unsigned WIDTH    = 4,
  parameter int unsigned CHANNELS = 4,
  parameter int unsigned PE       = 1,
  parameter int unsigned BITS     = 4,
  parameter int unsigned SIGNED   = 0,
  localparam int unsigned FOLD  = CHANNELS / PE,
  localparam int unsigned TILES = WIDTH / 2,
  localparam int unsigned LANE  = (PE > 1) ? $clog2(PE) : 1,
  localparam int unsigned ADDR  = (FOLD > 1) ? $clog2(FOLD) : 1,
  localparam int unsigned TILE  = (TILES > 1) ? $clog2(TILES) : 1
) (
  input  wire logic               clk_i, again_i, offer_i,
  input  wire logic [LANE-1:0]    any_lane_i,
  input  wire logic [ADDR-1:0]    any_addr_i,
  input  wire logic [TILE-1:0]    any_tile_i,
  input  wire logic [PE*BITS-1:0] any_i,
  input  wire logic               m_axis_tready,
  output      logic               unstable,   // an offered beat changes
  output      logic               wrong,      // a beat is offered that should not, or not so
  output      logic               overflow,   // more than three finished beats are inside
  output      logic               stuck_out,  // a finished beat is not offered two cycles after it came
  output      logic               stuck_in    // nothing is taken, though fewer than three finished beats wait
);
  logic                first, rst_n, s_axis_tvalid, s_axis_tready, taken, m_axis_tvalid;
  logic [PE*BITS-1:0]  s_axis_tdata, m_axis_tdata;
  logic [BITS-1:0]     fresh, out, maximum, maximum_q;
  logic [LANE-1:0]     lane;
  logic [ADDR-1:0]     addr, addr_q;
  logic [TILE-1:0]     tile, tile_q;
  logic                right_q, lower_q, chosen, larger;
  logic [1:0]          level;

  any_reset reset (.clk_i, .again_i, .first_o(first), .rst_no(rst_n));
  any_index #(.COUNT(PE)) lanes (.clk_i, .first_i(first), .any_i(any_lane_i), .index_o(lane));
  any_index #(.COUNT(FOLD)) addrs (.clk_i, .first_i(first), .any_i(any_addr_i), .index_o(addr));
  any_index #(.COUNT(TILES)) tiles (.clk_i, .first_i(first), .any_i(any_tile_i), .index_o(tile));
  any_source #(.WIDTH(PE * BITS)) source (
    .clk_i, .rst_ni(rst_n), .offer_i, .any_i, .tdata_o(s_axis_tdata), .tvalid_o(s_axis_tvalid),
    .tready_i(s_axis_tready), .taken_o(taken), .waited_o()
  );
  max_pool_2x2 #(.WIDTH(WIDTH), .CHANNELS(CHANNELS), .PE(PE), .BITS(BITS), .SIGNED(SIGNED)) dut (
    .clk_i, .rst_ni(rst_n), .*
  );

  assign fresh   = s_axis_tdata[lane*BITS +: BITS];
  assign out     = m_axis_tdata[lane*BITS +: BITS];
  assign chosen  = addr_q == addr && tile_q == tile;
  assign larger  = (SIGNED != 0) ? $signed(fresh) > $signed(maximum_q) : fresh > maximum_q;
  assign maximum = ((!right_q && !lower_q) || larger) ? fresh : maximum_q;

  always_ff @(posedge clk_i) begin
    if (!rst_n) begin
      addr_q  <= '0;
      right_q <= 1'b0;
      tile_q  <= '0;
      lower_q <= 1'b0;
    end else if (taken) begin
      addr_q <= (32'(addr_q) == FOLD - 1) ? '0 : addr_q + 1'b1;
      if (32'(addr_q) == FOLD - 1) begin
        right_q <= !right_q;
        if (right_q) begin
          tile_q <= (32'(tile_q) == TILES - 1) ? '0 : tile_q + 1'b1;
          if (32'(tile_q) == TILES - 1) lower_q <= !lower_q;
        end
      end
    end
    if (taken && chosen) maximum_q <= maximum;
  end

  stability #(.WIDTH(BITS)) stable (
    .clk_i, .rst_ni(rst_n), .tdata_i(out), .tvalid_i(m_axis_tvalid), .tready_i(m_axis_tready), .unstable_o(unstable)
  );
  expected #(.WIDTH(BITS), .DEPTH(3)) order (
    .clk_i, .rst_ni(rst_n), .push_i(taken && right_q && lower_q), .known_i(chosen), .value_i(maximum), .found_i(out),
    .offered_i(m_axis_tvalid), .ready_i(m_axis_tready), .level_o(level), .wrong_o(wrong), .overflow_o(overflow)
  );
  patience #(.CYCLES(1)) patient (
    .clk_i, .rst_ni(rst_n), .waits_i(level != '0 && !m_axis_tvalid), .stuck_o(stuck_out)
  );
  assign stuck_in = rst_n && !s_axis_tready && level != 2'd3;
endmodule

`default_nettype wire
