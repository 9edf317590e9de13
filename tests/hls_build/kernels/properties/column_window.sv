// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Properties of column_window, in any bit of any beat of any map: wherever it is given it is what was taken, and all
/// that is given beside a map is zero.
module prove_column_window #(
  parameter int unsigned HEIGHT         = 1,
  parameter int unsigned WIDTH          = 1,
  parameter int unsigned FOLD           = 1,
  parameter int unsigned LANES_BITS     = 8,
  parameter int unsigned KERNEL_ROWS    = 1,
  parameter int unsigned KERNEL_COLUMNS = 1,
  parameter int unsigned ABOVE          = 0,
  parameter int unsigned BEFORE         = 0,
  parameter int unsigned BELOW          = 0,
  parameter int unsigned BEHIND         = 0,
  localparam int unsigned ROW     = WIDTH * FOLD,
  localparam int unsigned BEATS   = HEIGHT * ROW,
  localparam int unsigned ROWS    = HEIGHT + ABOVE + BELOW - KERNEL_ROWS + 1,
  localparam int unsigned COLUMNS = WIDTH + BEFORE + BEHIND - KERNEL_COLUMNS + 1,
  localparam int unsigned PLACE   = (BEATS > 1) ? $clog2(BEATS) : 1,
  localparam int unsigned LANE    = (KERNEL_ROWS > 1) ? $clog2(KERNEL_ROWS) : 1,
  localparam int unsigned INDEX   = (LANES_BITS > 1) ? $clog2(LANES_BITS) : 1
) (
  input  wire logic                  clk_i, again_i, offer_i,
  input  wire logic [PLACE-1:0]      any_place_i,
  input  wire logic [LANE-1:0]       any_lane_i,
  input  wire logic [INDEX-1:0]      any_bit_i,
  input  wire logic [LANES_BITS-1:0] any_i,
  input  wire logic                  m_axis_tready,
  output      logic                  unstable,  // an offered beat changes
  output      logic                  wrong,     // a beat of the map is offered that was not taken, or not so
  output      logic                  not_zero,  // a beat beside the map is offered that is not zero
  output      logic                  overflow,  // a frame is taken before the one before the last has left
  output      logic                  stuck_out, // a map is taken whole and none of its windows offered, for longer than rows take
  output      logic                  stuck_in   // nothing is taken nor offered for so long
);
  localparam int unsigned SIGNED_BITS = 16;  // of places, which are below 0 beside the map
  localparam int unsigned PATIENCE = (KERNEL_ROWS + BELOW) * ROW + 2;

  logic                              first, rst_n, s_axis_tvalid, s_axis_tready, m_axis_tvalid, taken, left;
  logic [LANES_BITS-1:0]             s_axis_tdata;
  logic [KERNEL_ROWS*LANES_BITS-1:0] m_axis_tdata;
  logic [PLACE-1:0]                  place, taken_q;
  logic [LANE-1:0]                   lane;
  logic [INDEX-1:0]                  index;
  logic [1:0]                        known_q, value_q;  // of two frames in turn
  logic                              in_frame_q, out_frame_q;
  logic [SIGNED_BITS-1:0]            row_q, column_q, step_q, part_q;  // of the windows, and in one
  logic signed [SIGNED_BITS-1:0]     y, x;
  logic                              in_map, chosen, out, last_step, last_column, last_row;

  any_reset reset (.clk_i, .again_i, .first_o(first), .rst_no(rst_n));
  any_index #(.COUNT(BEATS)) places (.clk_i, .first_i(first), .any_i(any_place_i), .index_o(place));
  any_index #(.COUNT(KERNEL_ROWS)) lanes (.clk_i, .first_i(first), .any_i(any_lane_i), .index_o(lane));
  any_index #(.COUNT(LANES_BITS)) bits (.clk_i, .first_i(first), .any_i(any_bit_i), .index_o(index));
  any_source #(.WIDTH(LANES_BITS)) source (
    .clk_i, .rst_ni(rst_n), .offer_i, .any_i, .tdata_o(s_axis_tdata), .tvalid_o(s_axis_tvalid),
    .tready_i(s_axis_tready), .taken_o(taken), .waited_o()
  );
  column_window #(
    .HEIGHT(HEIGHT), .WIDTH(WIDTH), .FOLD(FOLD), .LANES_BITS(LANES_BITS), .KERNEL_ROWS(KERNEL_ROWS),
    .KERNEL_COLUMNS(KERNEL_COLUMNS), .ABOVE(ABOVE), .BEFORE(BEFORE), .BELOW(BELOW), .BEHIND(BEHIND)
  ) dut (.clk_i, .rst_ni(rst_n), .*);

  assign left        = m_axis_tvalid && m_axis_tready;
  assign out         = m_axis_tdata[32'(lane) * LANES_BITS + 32'(index)];
  assign y           = row_q + SIGNED_BITS'(lane) - SIGNED_BITS'(ABOVE);
  assign x           = column_q + step_q - SIGNED_BITS'(BEFORE);
  assign in_map      = y >= 0 && y < SIGNED_BITS'(HEIGHT) && x >= 0 && x < SIGNED_BITS'(WIDTH);
  assign chosen      = in_map && y * SIGNED_BITS'(ROW) + x * SIGNED_BITS'(FOLD) + part_q == SIGNED_BITS'(place);
  assign last_step   = part_q == SIGNED_BITS'(FOLD - 1) && step_q == SIGNED_BITS'(KERNEL_COLUMNS - 1);
  assign last_column = last_step && column_q == SIGNED_BITS'(COLUMNS - 1);
  assign last_row    = last_column && row_q == SIGNED_BITS'(ROWS - 1);

  always_ff @(posedge clk_i) begin
    if (!rst_n) begin
      taken_q     <= '0;
      in_frame_q  <= 1'b0;
      out_frame_q <= 1'b0;
      known_q     <= '0;
      row_q       <= '0;
      column_q    <= '0;
      step_q      <= '0;
      part_q      <= '0;
    end else begin
      if (taken) begin
        taken_q <= (taken_q == PLACE'(BEATS - 1)) ? '0 : taken_q + 1'b1;
        if (taken_q == PLACE'(BEATS - 1)) in_frame_q <= !in_frame_q;
        if (taken_q == place) known_q[in_frame_q] <= 1'b1;
      end
      if (left) begin
        part_q <= (part_q == SIGNED_BITS'(FOLD - 1)) ? '0 : part_q + 1'b1;
        if (part_q == SIGNED_BITS'(FOLD - 1)) step_q <= last_step ? '0 : step_q + 1'b1;
        if (last_step) column_q <= last_column ? '0 : column_q + 1'b1;
        if (last_column) row_q <= last_row ? '0 : row_q + 1'b1;
        if (last_row) begin
          out_frame_q          <= !out_frame_q;
          known_q[out_frame_q] <= 1'b0;
        end
      end
    end
    if (taken && taken_q == place) value_q[in_frame_q] <= s_axis_tdata[index];
  end

  stability #(.WIDTH(1)) stable (
    .clk_i, .rst_ni(rst_n), .tdata_i(out), .tvalid_i(m_axis_tvalid), .tready_i(m_axis_tready), .unstable_o(unstable)
  );
  patience #(.CYCLES(PATIENCE)) gives (
    .clk_i, .rst_ni(rst_n), .waits_i(!m_axis_tvalid && in_frame_q != out_frame_q), .stuck_o(stuck_out)
  );
  patience #(.CYCLES(PATIENCE)) takes (
    .clk_i, .rst_ni(rst_n), .waits_i(!m_axis_tvalid && !s_axis_tready), .stuck_o(stuck_in)
  );
  assign wrong    = rst_n && m_axis_tvalid && chosen && (!known_q[out_frame_q] || value_q[out_frame_q] != out);
  assign not_zero = rst_n && m_axis_tvalid && !in_map && out;
  assign overflow = taken && taken_q == place && known_q[in_frame_q];
endmodule

`default_nettype wire
